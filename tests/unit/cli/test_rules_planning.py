"""`keepwell rules plan`, `diff` and `apply` set a folder beside what is in force; `versions` and `rollback` go back."""

from pathlib import Path
from typing import Any

import pytest

from deploy.cli import rules
from tests.support.cli import Answer, Asked, FakeStack, page, problem

FAULT = {"line": 4, "column": 3, "message": "The weights sum to 90.", "hint": None, "file": "scorecards/mine"}
NOTHING = Answer({"items": [], "accounts": 0, "looked_at": 0, "first_hour": {"messages": 0, "recipients": []}})


def item(kind: str, id: str, change: str, *lines: str, **touches: Any) -> dict[str, Any]:
    told = {"kind": kind, "id": id, "change": change, "version": 2}
    return {**told, "lines": ["--- version 1", "+++ version 2", *lines], "touches": touches or None}


@pytest.fixture
def folder(tmp_path: Path, stack: FakeStack) -> str:
    (tmp_path / "catalogue.yaml").write_text("watch: [a]\n")
    (tmp_path / "scorecards").mkdir()
    (tmp_path / "scorecards" / "my card.yaml").write_text("id: mine\n")
    stack.on("GET /scoring/v1/catalogue", page({"id": "main", "etag": '"c"'}))
    stack.on("GET /scoring/v1/scorecards", page({"id": "default", "etag": '"d"'}))
    stack.on("POST /scoring/v1/rules/plan", Answer({"items": []}))
    stack.on("POST /playbooks/v1/rules/plan", NOTHING)
    return str(tmp_path)


@pytest.fixture
def whole(folder: str, tmp_path: Path, stack: FakeStack) -> str:
    """A folder of all kinds."""
    (tmp_path / "csms.yaml").write_text("csms: []\n")
    for kind, text in (("playbooks", "id: stalled\n"), ("templates", "id: tips\n")):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "one.yaml").write_text(text)
    stack.on("GET /playbooks/v1/playbooks", page({"id": "stalled", "etag": '"p"'}))
    stack.on("GET /playbooks/v1/csms", page({"id": "main", "etag": '"m"'}))
    stack.on("GET /notifier/v1/templates", page())
    stack.on("POST /notifier/v1/rules/plan", Answer({"items": [item("templates", "tips", "create", "+id: tips")]}))
    return folder


def documents(asked: Asked) -> list[tuple[str, str, str | None, str]]:
    return [(one["kind"], one["id"], one["text"], one["etag"]) for one in asked.json()["documents"]]


def posted(stack: FakeStack, what: str) -> list[Asked]:
    return [one for one in stack.asked if one.path == what]


def test_a_plan_with_changes_ends_with_2_and_names_what_stays(stack: FakeStack, folder: str) -> None:
    items = [item("catalogue", "main", "update", "-a", "+b", "+c"), item("scorecards", "mine", "create", "+id: mine")]
    stack.on("POST /scoring/v1/rules/plan", Answer({"items": items}))
    result = stack.run(rules.app, "plan", folder)
    assert (result.exit_code, result.stdout.splitlines()) == (
        2,
        [
            "~ the catalogue (+2 -1 lines)",
            "+ scorecards/mine (+1 -0 lines)",
            "scorecards/default has no file here and stays: --prune removes that.",
            "1 to add, 1 to change.",
        ],
    )
    (asked,) = posted(stack, "/scoring/v1/rules/plan")
    assert documents(asked) == [
        ("catalogue", "main", "watch: [a]\n", '"c"'),
        ("scorecards", "mine", "id: mine\n", ""),
    ]


def test_a_plan_asks_each_service_and_playbooks_beside_the_drafts_of_those_before(stack: FakeStack, whole: str) -> None:
    touches = {
        "episodes": {"pending": 0, "active": 1000, "found": 0},
        "open": {"task": 940, "alert": 1, "flag": 0},
        **{"in_scope": 59, "holds": 12, "held_before": 3, "found": 9},
    }
    people = {
        "appear": [{"id": "cy", "name": "Cy", "open": {"task": 0, "alert": 0, "flag": 0}, "accounts": 0}],
        "go": [{"id": "ana", "name": "Ana", "open": {"task": 40, "alert": 0, "flag": 2}, "accounts": 31}],
    }
    hour = {"messages": 4, "recipients": [{"recipient": "bea", "messages": 3, "accounts": 250}]}
    items = [item("csms", "main", "update", "+b", **people), item("playbooks", "stalled", "update", "+a", **touches)]
    plan = {"items": items, "accounts": 90_000, "looked_at": 20_000, "first_hour": hour}
    stack.on("POST /playbooks/v1/rules/plan", Answer(plan))
    result = stack.run(rules.app, "plan", whole)
    assert (result.exit_code, result.stdout.splitlines()) == (
        2,
        [
            "+ templates/tips (+1 -0 lines)",
            "~ the directory (+1 -0 lines)",
            "    Cy comes",
            "    Ana goes, with 40 tasks, 2 flags and 31 accounts; it is handed over, and told to who gets it",
            "~ playbooks/stalled (+1 -0 lines)",
            "    stay with their version: episodes 1,000 active, which feed 940 tasks and 1 alert",
            "    for 59 accounts; holds now at 12 (3 by the text in force); found so at 9",
            "scorecards/default has no file here and stays: --prune removes that.",
            "Within an hour 4 messages with what was found so, most to bea (250 accounts).",
            "Estimated from 20,000 of 90,000 accounts.",
            "1 to add, 2 to change.",
            "Put in force service by service: notifier, then playbooks; each all of its own, or nothing.",
        ],
    )
    (asked,) = posted(stack, "/playbooks/v1/rules/plan")
    assert [one[:2] for one in documents(asked)] == [("csms", "main"), ("playbooks", "stalled")]
    assert [(one["kind"], one["id"]) for one in asked.json()["beside"]] == [
        ("catalogue", "main"),
        ("templates", "tips"),
    ]


def test_of_what_is_removed_a_plan_says_where_it_held(stack: FakeStack, whole: str) -> None:
    touches = {"episodes": {"active": 1}, "open": {}, "in_scope": 0, "holds": 0, "held_before": 5, "found": 0}
    items = [item("playbooks", "stalled", "delete", "-a", **touches)]
    hour: dict[str, Any] = {"messages": 0, "recipients": []}
    plan = {"items": items, "accounts": 9, "looked_at": 9, "first_hour": hour}
    stack.on("POST /playbooks/v1/rules/plan", Answer(plan))
    told = stack.run(rules.app, "plan", whole, "--prune").stdout.splitlines()
    first = told.index("- playbooks/stalled (+0 -1 lines)")
    assert told[first + 1 : first + 3] == [
        "    stay with their version: episodes 1 active",
        "    holds now at 5 by the text in force, and nowhere after that",
    ]


def test_a_plan_without_changes_ends_with_0(stack: FakeStack, folder: str) -> None:
    stack.on("POST /scoring/v1/rules/plan", Answer({"items": [item("scorecards", "mine", "none")]}))
    result = stack.run(rules.app, "plan", folder)
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "No changes.")


def test_whatever_is_wrong_ends_a_plan_with_1(stack: FakeStack, folder: str, tmp_path: Path) -> None:
    refused = {"code": "document_refused", "message": "It can't be used.", "problems": [FAULT]}
    stack.on("POST /scoring/v1/rules/plan", Answer(refused, 422))
    result = stack.run(rules.app, "plan", folder)
    assert (result.exit_code, "scorecards/mine:4:3: The weights sum to 90." in result.stderr) == (1, True)
    (tmp_path / "broken.yaml").write_text("id: [\n")
    for arguments in ([folder], [str(tmp_path / "nowhere")], [], [folder, "--unheard"]):
        assert stack.run(rules.app, "plan", *arguments).exit_code == 1
    gone = FakeStack("http://127.0.0.1:9")
    assert gone.run(rules.app, "plan", folder).exit_code == 1


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("playbook/a.yaml", "id: a\n", "Did you mean `playbooks`?"),
        ("scorecards/again.yaml", "id: mine\n", "There is more than one file of scorecards/mine"),
    ],
)
def test_a_folder_that_is_laid_out_otherwise_is_not_guessed(
    stack: FakeStack, folder: str, tmp_path: Path, file: str, text: str, said: str
) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(text)
    result = stack.run(rules.app, "plan", folder)
    assert (result.exit_code, said in result.stderr) == (1, True)


def test_a_diff_shows_each_line(stack: FakeStack, folder: str) -> None:
    stack.on("POST /scoring/v1/rules/plan", Answer({"items": [item("scorecards", "mine", "update", "-a", "+b")]}))
    result = stack.run(rules.app, "diff", folder)
    assert (result.exit_code, "-a\n+b\n" in result.stdout) == (2, True)


def test_apply_puts_all_in_force_and_prunes_only_when_told(stack: FakeStack, folder: str) -> None:
    stack.on("POST /scoring/v1/rules/apply", Answer({"items": [item("scorecards", "default", "delete")]}))
    result = stack.run(rules.app, "apply", folder, "--prune")
    assert (result.exit_code, result.stdout.splitlines()[-2:]) == (0, ["1 removed.", "In force."])
    assert ("scorecards", "default", None, '"d"') in documents(stack.asked[-1])


def test_apply_goes_service_by_service_what_others_name_first(stack: FakeStack, whole: str) -> None:
    for service in ("scoring", "notifier", "playbooks"):
        stack.on(f"POST /{service}/v1/rules/apply", Answer({"items": []}))
    assert stack.run(rules.app, "apply", whole).exit_code == 0
    assert [one.path.split("/")[1] for one in stack.asked if one.path.endswith("/apply")] == [
        *("scoring", "notifier", "playbooks")
    ]


def test_nothing_is_applied_where_one_service_refuses_its_draft(stack: FakeStack, whole: str) -> None:
    refused = {"code": "document_refused", "message": "No.", "problems": [{**FAULT, "file": "playbooks/stalled"}]}
    stack.on("POST /playbooks/v1/rules/plan", Answer(refused, 422))
    result = stack.run(rules.app, "apply", whole)
    assert (result.exit_code, "Nothing was changed: 1 fault." in result.stderr) == (1, True)
    assert not [one for one in stack.asked if one.path.endswith("/apply")]


def test_what_was_put_before_another_service_refused_is_said(stack: FakeStack, whole: str) -> None:
    for service in ("scoring", "notifier"):
        stack.on(f"POST /{service}/v1/rules/apply", Answer({"items": []}))
    stack.on("POST /playbooks/v1/rules/apply", problem(412, "stale", "Somebody has changed playbooks/stalled."))
    result = stack.run(rules.app, "apply", whole)
    assert result.exit_code == 1
    assert "Somebody has changed playbooks/stalled." in result.stderr
    told = " ".join(result.stderr.split())
    assert "Scoring and notifier: in force already; playbooks: not." in told


def test_the_directory_and_the_catalogue_are_never_pruned(stack: FakeStack, whole: str, tmp_path: Path) -> None:
    (tmp_path / "csms.yaml").unlink()
    (tmp_path / "playbooks" / "one.yaml").unlink()
    stack.run(rules.app, "plan", whole, "--prune")
    (asked,) = posted(stack, "/playbooks/v1/rules/plan")
    assert documents(asked) == [("playbooks", "stalled", None, '"p"')]


def test_versions_are_listed_and_the_last_before_this_is_put_in_force_again(stack: FakeStack) -> None:
    listed = [
        {"version": number, "etag": tag, "author": "ada", "at": "2026-05-20T12:00:00Z", "shipped": number == 1}
        for number, tag in ((4, '"4"'), (3, None), (2, '"2"'), (1, '"1"'))
    ]
    stack.on("GET /playbooks/v1/playbooks/mine/versions", page(*listed))
    result = stack.run(rules.app, "versions", "playbooks/mine")
    assert [line.split()[0] for line in result.stdout.splitlines()[-4:]] == ["4", "3", "2", "1"]
    assert "removed" in result.stdout
    stack.on("POST /playbooks/v1/playbooks/mine/versions/2/restore", Answer({"version": 5}))
    result = stack.run(rules.app, "rollback", "playbooks/mine")
    assert "playbooks/mine is as in version 2 again: that is version 5 now" in result.stdout
    assert {name.lower(): value for name, value in stack.asked[-1].headers.items()}["if-match"] == '"4"'


def test_an_id_alone_is_the_one_that_has_it(stack: FakeStack) -> None:
    stack.on("GET /scoring/v1/scorecards", page({"id": "both"}, {"id": "mature"}))
    stack.on("GET /playbooks/v1/playbooks", page({"id": "both"}))
    stack.on("GET /notifier/v1/templates", page())
    stack.on("GET /ingest/v1/mappings", page())
    stack.on("GET /scoring/v1/scorecards/mature/versions", page())
    assert stack.run(rules.app, "versions", "mature").exit_code == 0
    for given, said in (("both", "scorecards/both, playbooks/both"), ("gone", "playbooks/gone")):
        result = stack.run(rules.app, "versions", given)
        assert (result.exit_code, said in " ".join(result.stderr.split())) == (1, True)


def test_the_catalogue_and_the_directory_have_versions_too(stack: FakeStack) -> None:
    for service, kind in (("scoring", "catalogue"), ("playbooks", "csms")):
        told = Answer({"before": 1, "after": 2, "lines": ["+a"]})
        stack.on(f"GET /{service}/v1/{kind}/main/versions/2/changes", told)
        assert stack.run(rules.app, "versions", kind, "2").stdout == "+a\n"

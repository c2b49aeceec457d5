"""`keepwell rules plan`, `diff` and `apply` set a folder beside what is in force; `versions` and `rollback` go back."""

from pathlib import Path
from typing import Any

import pytest

from deploy.cli import rules
from tests.support.cli import Answer, Asked, FakeStack, page

FAULT = {"line": 4, "column": 3, "message": "The weights sum to 90.", "hint": None, "file": "scorecards/mine"}


def item(kind: str, id: str, change: str, *lines: str) -> dict[str, Any]:
    return {"kind": kind, "id": id, "change": change, "version": 2, "lines": ["--- version 1", "+++ version 2", *lines]}


@pytest.fixture
def folder(tmp_path: Path, stack: FakeStack) -> str:
    (tmp_path / "catalogue.yaml").write_text("watch: [a]\n")
    (tmp_path / "my card.yaml").write_text("id: mine\n")
    stack.on("GET /scoring/v1/catalogue", page({"id": "main", "etag": '"c"'}))
    stack.on("GET /scoring/v1/scorecards", page({"id": "default", "etag": '"d"'}))
    return str(tmp_path)


def documents(asked: Asked) -> list[tuple[str, str, str | None, str]]:
    return [(one["kind"], one["id"], one["text"], one["etag"]) for one in asked.json()["documents"]]


def test_a_plan_with_changes_ends_with_2_and_names_what_stays(stack: FakeStack, folder: str) -> None:
    items = [item("catalogue", "main", "update", "-a", "+b", "+c"), item("scorecards", "mine", "create", "+id: mine")]
    stack.on("POST /scoring/v1/rules/plan", Answer({"items": items}))
    result = stack.run(rules.app, "plan", folder)
    assert (result.exit_code, result.stdout.splitlines()) == (
        2,
        [
            "~ the catalogue (+2 -1 lines)",
            "+ mine (+1 -0 lines)",
            "default has no file here and stays: --prune removes that.",
            "1 to add, 1 to change.",
        ],
    )
    assert documents(stack.asked[-1]) == [
        ("catalogue", "main", "watch: [a]\n", '"c"'),
        ("scorecards", "mine", "id: mine\n", ""),
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


def test_a_diff_shows_each_line(stack: FakeStack, folder: str) -> None:
    stack.on("POST /scoring/v1/rules/plan", Answer({"items": [item("scorecards", "mine", "update", "-a", "+b")]}))
    result = stack.run(rules.app, "diff", folder)
    assert (result.exit_code, "-a\n+b\n" in result.stdout) == (2, True)


def test_apply_puts_all_in_force_and_prunes_only_when_told(stack: FakeStack, folder: str) -> None:
    stack.on("POST /scoring/v1/rules/apply", Answer({"items": [item("scorecards", "default", "delete")]}))
    result = stack.run(rules.app, "apply", folder, "--prune")
    assert (result.exit_code, result.stdout.splitlines()[-2:]) == (0, ["1 removed.", "In force."])
    assert documents(stack.asked[-1])[-1] == ("scorecards", "default", None, '"d"')


def test_versions_are_listed_and_the_last_before_this_is_put_in_force_again(stack: FakeStack) -> None:
    listed = [
        {"version": number, "etag": tag, "author": "ada", "at": "2026-05-20T12:00:00Z", "shipped": number == 1}
        for number, tag in ((4, '"4"'), (3, None), (2, '"2"'), (1, '"1"'))
    ]
    stack.on("GET /scoring/v1/scorecards/mine/versions", page(*listed))
    result = stack.run(rules.app, "versions", "mine")
    assert [line.split()[0] for line in result.stdout.splitlines()[-4:]] == ["4", "3", "2", "1"]
    assert "removed" in result.stdout
    stack.on("POST /scoring/v1/scorecards/mine/versions/2/restore", Answer({"version": 5}))
    result = stack.run(rules.app, "rollback", "mine")
    assert "as in version 2 again: that is version 5 now" in result.stdout
    assert {name.lower(): value for name, value in stack.asked[-1].headers.items()}["if-match"] == '"4"'


def test_the_catalogue_has_versions_too(stack: FakeStack) -> None:
    stack.on("GET /scoring/v1/catalogue/main/versions/2/changes", Answer({"before": 1, "after": 2, "lines": ["+a"]}))
    assert stack.run(rules.app, "versions", "catalogue", "2").stdout == "+a\n"

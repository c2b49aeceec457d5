"""`keepwell rules` says what is wrong with a draft as compilers do, and writes the texts in force into files."""

from pathlib import Path

from deploy.cli import rules
from tests.support.cli import Answer, FakeStack

FAULT = {"line": 4, "column": 3, "message": "The weights sum to 90; they must sum to 100.", "hint": None, "file": None}
REFUSED = {"code": "document_refused", "message": "It can't be used.", "problems": [FAULT]}


def test_what_is_wrong_is_told_with_its_place_and_ends_with_1(stack: FakeStack, tmp_path: Path) -> None:
    (card := tmp_path / "mine.yaml").write_text("id: mine\nmeasures: {}\n")
    stack.on("POST /scoring/v1/scorecards/check", Answer(REFUSED, 422))
    result = stack.run(rules.app, "check", str(card))
    assert result.exit_code == 1
    assert f"{card}:4:3: The weights sum to 90; they must sum to 100." in result.stderr


def test_what_can_be_used_ends_with_0_whatever_merely_looks_wrong(stack: FakeStack, tmp_path: Path) -> None:
    (catalogue := tmp_path / "catalogue.yaml").write_text("watch: [a]\n")
    stack.on("POST /scoring/v1/catalogue/check", Answer({"id": "main", "warnings": [{**FAULT, "message": "Hm."}]}))
    result = stack.run(rules.app, "check", str(catalogue))
    assert result.exit_code == 0
    assert result.stdout == f"{catalogue}:4:3: Hm.\n{catalogue}: can be used\n"


def test_a_draft_of_any_kind_is_asked_of_the_service_that_keeps_it(stack: FakeStack, tmp_path: Path) -> None:
    for name, text in {
        "csms.yaml": "csms: []\n",
        "playbooks/a.yaml": "id: stalled\n",
        "templates/b.yaml": "id: tips\n",
        "loose.yaml": "id: loose\nsteps: []\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    fine = Answer({"id": "x", "warnings": []})
    stack.on("POST /playbooks/v1/csms/check", fine)
    stack.on("POST /playbooks/v1/playbooks/check", fine)
    sample = {"language": "en", "subject": "Hello Kim", "body": "Dear Kim,\n\nbye"}
    stack.on("POST /notifier/v1/templates/check", Answer({"id": "x", "warnings": [], "samples": [sample]}))
    result = stack.run(rules.app, "check", str(tmp_path))
    assert (result.exit_code, result.stdout.count("can be used")) == (0, 4)
    assert "en: Hello Kim\n    Dear Kim,\n\n    bye\n" in result.stdout


def test_what_no_folder_and_no_field_tells_apart_is_not_guessed(stack: FakeStack, tmp_path: Path) -> None:
    (tmp_path / "odd.yaml").write_text("id: odd\n")
    result = stack.run(rules.app, "check", str(tmp_path / "odd.yaml"))
    assert (result.exit_code, "Nothing says what kind of document this is." in result.stderr) == (1, True)


def test_texts_in_force_are_written_as_they_are_in_a_folder_a_kind(stack: FakeStack, tmp_path: Path) -> None:
    listed = {"scoring/v1/scorecards": "../a", "scoring/v1/catalogue": "main", "playbooks/v1/playbooks": "stalled"}
    for path in (*listed, "playbooks/v1/csms", "notifier/v1/templates", "ingest/v1/mappings"):
        items = [{"id": listed[path], "etag": "1"}] if path in listed else []
        stack.on(f"GET /{path}", Answer({"items": items, "next_cursor": None}))
    stack.on("GET /scoring/v1/scorecards/..%2Fa", Answer({"id": "a"}))
    stack.on("GET /scoring/v1/catalogue/main", Answer({"watch": []}))
    stack.on("GET /playbooks/v1/playbooks/stalled", Answer({"id": "stalled"}))
    mine = tmp_path / "mine"
    result = stack.run(rules.app, "export", str(mine))
    assert result.exit_code == 0, result.stderr
    files = sorted(str(path.relative_to(mine)) for path in mine.rglob("*.yaml"))
    assert files == ["catalogue.yaml", "playbooks/stalled.yaml", "scorecards/..%2Fa.yaml"]
    assert (mine / "scorecards" / "..%2Fa.yaml").read_text() == '{"id": "a"}'

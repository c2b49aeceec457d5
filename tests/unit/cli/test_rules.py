"""`keepwell rules` says what is wrong with a draft as compilers do, and writes the texts in force into files."""

from pathlib import Path

from deploy.cli import rules
from tests.support.cli import Answer, FakeStack

FAULT = {"line": 4, "column": 3, "message": "The weights sum to 90; they must sum to 100.", "hint": None, "file": None}
REFUSED = {"code": "document_refused", "message": "It can't be used.", "problems": [FAULT]}


def test_what_is_wrong_is_told_with_its_place_and_ends_with_1(stack: FakeStack, tmp_path: Path) -> None:
    (card := tmp_path / "mine.yaml").write_text("id: mine\n")
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


def test_texts_in_force_are_written_as_they_are(stack: FakeStack, tmp_path: Path) -> None:
    stack.on("GET /scoring/v1/scorecards", Answer({"items": [{"id": "../a", "etag": "1"}], "next_cursor": None}))
    stack.on("GET /scoring/v1/catalogue", Answer({"items": [{"id": "main", "etag": "2"}], "next_cursor": None}))
    stack.on("GET /scoring/v1/scorecards/..%2Fa", Answer({"id": "a"}))
    stack.on("GET /scoring/v1/catalogue/main", Answer({"watch": []}))
    result = stack.run(rules.app, "export", str(tmp_path / "mine"))
    assert result.exit_code == 0, result.stderr
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == ["..%2Fa.yaml", "catalogue.yaml"]
    assert (tmp_path / "mine" / "..%2Fa.yaml").read_text() == '{"id": "a"}'

"""`keepwell rules check` says what is wrong with a draft as compilers do."""

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

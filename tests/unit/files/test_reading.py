"""Files that people write: all that is wrong with one is told at once, each with its place and what was meant."""

from typing import Annotated, Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from shared.conditions import Condition, Refused
from shared.files.kinds import ConditionIn
from shared.files.models import FileModel
from shared.files.nodes import load
from shared.files.reading import read
from shared.files.schema import condition_schema

FILE = """\
id: adoption-stalled
weight: 1.5
for_accounts:
  - account.stage == adopting
  - account.plan in [pro, 3]
when:
  - any:
      - usage.bredth < 40 %
      - "health.band == rad"
      - not: billing.overdue >= 30 %
unless: task.done
"""


class Card(FileModel):
    id: str
    weight: float
    for_accounts: Annotated[Condition, ConditionIn()]
    when: Annotated[Condition, ConditionIn()]
    unless: Annotated[Condition, ConditionIn()] | None = None


def problems_of(text: str) -> list[tuple[int, str]]:
    with pytest.raises(Refused) as caught:
        read(text, "adoption.yaml", Card)
    lines = text.splitlines()
    return [
        (one.position.line, lines[one.position.line - 1][one.position.column - 1 :]) for one in caught.value.problems
    ]


def test_every_problem_of_a_file_is_told_with_its_line_and_column() -> None:
    with pytest.raises(Refused, match=r"adoption.yaml:8:9: There is no fact `usage.bredth`. Did you mean `usage.br"):
        read(FILE, "adoption.yaml", Card)
    assert problems_of(FILE) == [
        (5, "3]"),
        (8, "usage.bredth < 40 %"),
        (9, 'rad"'),
        (10, "30 %"),
        (11, "task.done"),
    ]


def test_a_field_of_the_wrong_type_hides_no_other_problem() -> None:
    assert problems_of(FILE.replace("1.5", "much").replace("id: a", "idd: a"))[:4] == [
        (1, "idd: adoption-stalled"),
        (1, "idd: adoption-stalled"),
        (2, "much"),
        (5, "3]"),
    ]


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("a: 1\na: 2\n", (2, 1), "`a` is here twice; first in line 1."),
        ("a: [1\nb: 2\n", (2, 2), "xpected"),
        ("a: !tag x\n", (1, 4), "Tags"),
        ("a: 1\n---\nb: 2\n", (2, 1), "document"),
    ],
)
def test_what_is_no_plain_yaml_is_refused(text: str, place: tuple[int, int], message: str) -> None:
    with pytest.raises(Refused) as caught:
        load(text, "x.yaml")
    problem = caught.value.problems[0]
    assert message in problem.message
    assert (problem.position.line, problem.position.column) == place


def test_yaml_is_read_as_1_2() -> None:
    assert load("[yes, no, on, 010]", "x") == ["yes", "no", "on", 10]


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("id: x\nweight: much\nfor_accounts: []\nwhen: []\n", (2, 9), "`weight` must be a number, not `much`."),
        ("id: x\nweight: 1\nfor_accounts: []\nwhen: []\nwhn: []\n", (5, 1), "There is no field `whn`."),
        ("id: x\n", (1, 1), "`weight` is missing."),
    ],
)
def test_a_field_of_the_wrong_type_is_refused_where_it_stands(text: str, place: tuple[int, int], message: str) -> None:
    with pytest.raises(Refused) as caught:
        read(text, "x.yaml", Card)
    found = [(problem.message, (problem.position.line, problem.position.column)) for problem in caught.value.problems]
    assert any(message in said and at == place for said, at in found)


def test_the_schema_takes_what_is_right_and_refuses_what_is_not() -> None:
    schema = {"$ref": "#/$defs/condition", "$defs": {"condition": condition_schema()}}
    check = jsonschema.Draft202012Validator(schema)
    for right in (
        "usage.breadth < 40 %",
        "usage.breadth<40%",
        ["account.churned", {"not": "days_since account.signed_at > 3"}],
        {"any": ["event.score <= 6", "account.traits.tier == 3", "account.plan not in [a]"]},
    ):
        assert check.is_valid(right), right
    refused: list[Any] = [
        "usage.bredth < 40 %",
        "days_since usage.breadth > 3",
        [],
        {"al": []},
        3,
        {"any": "account.churned"},
    ]
    for wrong in refused:
        assert not check.is_valid(wrong), wrong

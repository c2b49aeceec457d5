from typing import Any

import jsonschema  # type: ignore[import-untyped]
import msgspec
import pytest

from shared.conditions import position_of
from shared.conditions.loading import Problems, Refused, convert, load_yaml
from shared.conditions.schema import condition_schema

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


class Card(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    weight: float
    for_accounts: Any
    when: Any
    unless: Any = None


def test_every_problem_of_a_file_is_told_with_its_line_and_column() -> None:
    problems = Problems("adoption.yaml")
    card = convert(root := load_yaml(FILE, "adoption.yaml"), Card, "adoption.yaml")
    assert card.weight == 1.5
    problems.condition(card.for_accounts)
    problems.condition(card.when)
    problems.condition(card.unless, at=position_of(root, "unless"))
    with pytest.raises(Refused) as caught:
        problems.settle()
    lines = FILE.splitlines()
    found = [
        (one.position.line, lines[one.position.line - 1][one.position.column - 1 :]) for one in caught.value.problems
    ]
    assert found == [
        (5, "3]"),
        (8, "usage.bredth < 40 %"),
        (9, 'rad"'),
        (10, "30 %"),
        (11, "task.done"),
    ]
    assert "adoption.yaml:8:9: There is no fact `usage.bredth`. Did you mean `usage.breadth`?" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("a: 1\na: 2\n", (2, 1), "duplicate key"),
        ("a: [1\nb: 2\n", (2, 2), "xpected"),
        ("a: !tag x\n", (1, 4), "Tags"),
        ("a: 1\n---\nb: 2\n", (2, 1), "document"),
    ],
)
def test_what_is_no_plain_yaml_is_refused(text: str, place: tuple[int, int], message: str) -> None:
    with pytest.raises(Refused) as caught:
        load_yaml(text, "x.yaml")
    problem = caught.value.problems[0]
    assert message in problem.message
    assert (problem.position.line, problem.position.column) == place


def test_yaml_is_read_as_1_2() -> None:
    assert load_yaml("[yes, no, on, 010]", "x") == ["yes", "no", "on", 10]


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("id: x\nweight: much\nfor_accounts: []\nwhen: []\n", (2, 9), "Expected `float`, got `str`."),
        ("id: x\nweight: 1\nfor_accounts: []\nwhen: []\nwhn: []\n", (5, 1), "unknown field `whn`"),
        ("id: x\n", (1, 1), "missing required field `weight`"),
    ],
)
def test_a_field_of_the_wrong_type_is_refused_where_it_stands(text: str, place: tuple[int, int], message: str) -> None:
    with pytest.raises(Refused) as caught:
        convert(load_yaml(text, "x.yaml"), Card, "x.yaml")
    problem = caught.value.problems[0]
    assert message in problem.message
    assert (problem.position.line, problem.position.column) == place


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

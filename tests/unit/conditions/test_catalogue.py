"""The catalogue of facts: every row of the table says what a fact needs, and nothing that contradicts itself."""

from typing import get_args

import pytest

from services.scoring.core import measures
from shared.conditions import FACTS, MEASURES, FactSpec, FactType

each = pytest.mark.parametrize("spec", FACTS.values(), ids=lambda spec: spec.name)


@each
def test_a_row_is_whole(spec: FactSpec) -> None:
    assert spec.type in get_args(FactType)
    assert spec.description.endswith(".")
    assert spec.direction == "since"
    assert not spec.choices or spec.type == "text"
    assert not spec.unit or spec.type == "number"
    assert not spec.label.endswith(".")


@each
def test_what_a_row_points_to_is_there(spec: FactSpec) -> None:
    assert not spec.currency or FACTS[spec.currency].type == "text"
    assert spec.linear_of is None or FACTS[spec.linear_of].type == "instant"
    assert not spec.none_when or FACTS[spec.none_when].type == "number"
    assert spec.linear_of is None or (spec.type, spec.unit) == ("number", "days")


def test_no_fact_is_there_twice() -> None:
    assert len(set(FACTS)) == len(FACTS)
    assert "billing.overdue" in FACTS


def test_the_measures_of_scoring_are_those_that_conditions_know() -> None:
    assert set(MEASURES) == set(measures.MEASURES)
    assert {f"points.{name}" for name in MEASURES} <= set(FACTS)

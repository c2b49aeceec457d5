"""Conditions against a second evaluator: the Common Expression Language, whose `&&` and `||` take an error (a fact that
is not there) as Kleene takes unknown."""

import json
from datetime import datetime
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings

from shared.conditions import AllOf, AnyOf, Condition, Facts, FactSpec, Leaf, Not, Truth, evaluate, facts_of, parse
from shared.conditions.tree import Compare, Contains, Known, Member, Operand
from tests.support.conditions import NOW, ago, cases

cel = pytest.importorskip("cel_expr_python.cel", reason="no wheel of the second evaluator for this machine")
_TYPES = {"facts": cel.Type.Map(cel.Type.STRING, cel.Type.DYN), "now": cel.Type.STRING}
_ENVIRONMENT = cel.NewEnv(variables=_TYPES)


def by_cel(condition: Condition, known: Facts) -> Truth:
    """The truth that the other one finds."""
    values: dict[str, Any] = {}
    for name in facts_of(condition):
        value = known.get(name, NOW)
        if value is not None:
            listed = list(value) if isinstance(value, tuple) else value
            values[name] = value.isoformat() if isinstance(value, datetime) else listed
        if isinstance(value, str):
            values[f"{name} folded"] = value.casefold()
    found = _ENVIRONMENT.compile(written(condition)).eval(data={"facts": values, "now": NOW.isoformat()})
    if found.type() == cel.Type.ERROR:
        assert "Key not found" in found.value()
        return Truth.UNKNOWN
    return Truth.TRUE if found.value() else Truth.FALSE


def written(condition: Condition) -> str:
    """The condition in the other language."""
    match condition:
        case AllOf(parts):
            return " && ".join(f"({written(part)})" for part in parts)
        case AnyOf(parts):
            return " || ".join(f"({written(part)})" for part in parts)
        case Not(part):
            return f"!({written(part)})"
        case Leaf(subject, Known(wanted)):
            return f"({_is_known(subject)}) == {str(wanted).lower()}"
        case Leaf(subject, Compare(sign, operand)):
            return f"{_value(subject)} {sign} {_literal(operand, subject)}"
        case Leaf(subject, Member(operands, wanted)):
            listed = ", ".join(_literal(one, subject) for one in operands)
            return f"({_value(subject)} in [{listed}]) == {str(wanted).lower()}"
        case Leaf(subject, Contains(part)) if subject.type == "list":
            return f"{_text(part)} in {_fact(subject.name)}"
        case Leaf(subject, Contains(part)):
            return f"{_fact(subject.name + ' folded')}.contains({_text(part.casefold())})"
    raise AssertionError(condition)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _fact(name: str) -> str:
    return f"facts[{_text(name)}]"


def _none(subject: FactSpec) -> str:
    """There is no such instant, and that is known."""
    return f"({_text(subject.none_when)} in facts && {_fact(subject.none_when)} == 0)"


def _is_known(subject: FactSpec) -> str:
    known = f"{_text(subject.linear_of or subject.name)} in facts"
    return f"{known} || {_none(subject)}" if subject.none_when else known


def _value(subject: FactSpec) -> str:
    if subject.linear_of is None:
        return f"timestamp({_fact(subject.name)})" if subject.type == "instant" else _fact(subject.name)
    instant = _fact(subject.linear_of)
    span = f"timestamp(now) - timestamp({instant})"
    if subject.direction == "until":
        span = f"timestamp({instant}) - timestamp(now)"
    if subject.none_when:
        return f'(!({_text(subject.linear_of)} in facts) && {_none(subject)} ? duration("0s") : {span})'
    return f"({span})"


def _literal(operand: Operand, subject: FactSpec) -> str:
    if isinstance(operand, bool):
        return str(operand).lower()
    if isinstance(operand, str):
        return _text(operand)
    if subject.linear_of is not None and isinstance(operand, int | float | Fraction):
        assert operand == int(operand)
        whole, rest = divmod(abs(int(operand)), 1_000_000)
        return f'duration("{"-" if operand < 0 else ""}{whole}.{rest:06d}s")'
    return (
        repr(float(operand)) if isinstance(operand, int | float | Fraction) else f'timestamp("{operand.isoformat()}")'
    )


@settings(max_examples=400)
@given(cases())
def test_both_find_the_same_truth(case: tuple[Condition, Facts]) -> None:
    condition, known = case
    assert by_cel(condition, known) is evaluate(condition, known, NOW)


@pytest.mark.parametrize(
    ("node", "values", "expected"),
    [
        ("account.plan in [pro, basic]", {"account.plan": "pro"}, Truth.TRUE),
        ("account.plan not in [pro, basic]", {}, Truth.UNKNOWN),
        ({"any": ["account.seats > 3", "account.plan == pro"]}, {"account.plan": "pro"}, Truth.TRUE),
        (["account.seats > 3", "account.plan == pro"], {"account.plan": "basic"}, Truth.FALSE),
        ({"not": "account.seats > 3"}, {}, Truth.UNKNOWN),
        ("billing.overdue == 0", {"billing.overdue_minor": 0}, Truth.TRUE),
        ("billing.overdue == 3 days", {"billing.overdue_since": ago(days=3), "billing.overdue_minor": 9}, Truth.TRUE),
        ("days_until account.renews_at < -2 days", {"account.renews_at": ago(days=2, microseconds=1)}, Truth.TRUE),
        ("account.name contains NORTH", {"account.name": "Northwind"}, Truth.TRUE),
        ("usage.used_features contains Reports", {"usage.used_features": ["reports"]}, Truth.FALSE),
    ],
)
def test_some_that_matter(node: Any, values: dict[str, Any], expected: Truth) -> None:
    condition, known = parse(node), Facts.of(values)
    assert (by_cel(condition, known), evaluate(condition, known, NOW)) == (expected, expected)

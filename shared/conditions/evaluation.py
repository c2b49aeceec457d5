"""Is a condition true? Three-valued (S. C. Kleene, 1952): what is not known makes unknown, unless the rest decides."""

import operator
from collections.abc import Callable
from datetime import datetime
from enum import Enum
from typing import Any, Final, NoReturn

from shared.conditions.facts import Facts
from shared.conditions.tree import AllOf, AnyOf, Compare, Condition, Known, Leaf, Member


class Truth(Enum):
    """True, false, or unknown. It has no truth value of its own, so that unknown is never taken for true by mistake."""

    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"

    def __bool__(self) -> NoReturn:
        raise TypeError("Compare with Truth.TRUE, Truth.FALSE or Truth.UNKNOWN.")


_SIGNS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


def evaluate(condition: Condition, facts: Facts, now: datetime) -> Truth:
    """The condition's truth at `now`."""
    if isinstance(condition, Leaf):
        return evaluate_leaf(condition, facts, now)
    if isinstance(condition, AllOf):
        return _first_or_unknown(Truth.FALSE, Truth.TRUE, condition.parts, facts, now)
    if isinstance(condition, AnyOf):
        return _first_or_unknown(Truth.TRUE, Truth.FALSE, condition.parts, facts, now)
    return _OPPOSITE[evaluate(condition.part, facts, now)]


_OPPOSITE: Final = {Truth.TRUE: Truth.FALSE, Truth.FALSE: Truth.TRUE, Truth.UNKNOWN: Truth.UNKNOWN}


def _first_or_unknown(
    decides: Truth, otherwise: Truth, parts: tuple[Condition, ...], facts: Facts, now: datetime
) -> Truth:
    result = otherwise
    for part in parts:
        truth = evaluate(part, facts, now)
        if truth is decides:
            return decides
        if truth is Truth.UNKNOWN:
            result = Truth.UNKNOWN
    return result


def evaluate_leaf(leaf: Leaf, facts: Facts, now: datetime) -> Truth:
    """One leaf's truth at `now`. Only `is known` and `is unknown` decide about a fact that is not known.

    Nothing decides about one whose source is interrupted.
    """
    subject, test = leaf.subject, leaf.test
    if facts.withholds(subject):
        return Truth.UNKNOWN
    seen = facts.value(subject, now) if subject.linear_of is None else facts.elapsed(subject, now)
    if seen is None and not isinstance(test, Known):
        return Truth.UNKNOWN
    if isinstance(test, Compare):
        return _truth(_SIGNS[test.sign](seen, test.operand))
    if isinstance(test, Known):
        return _truth((seen is not None) is test.wanted)
    if isinstance(test, Member):
        return _truth((seen in test.operands) is test.wanted)
    part = test.part
    return _truth(part.casefold() in seen.casefold() if isinstance(seen, str) else part in _items(seen))


def _items(seen: object) -> tuple[str, ...]:
    return seen if isinstance(seen, tuple) else ()


def _truth(holds: bool) -> Truth:
    return Truth.TRUE if holds else Truth.FALSE

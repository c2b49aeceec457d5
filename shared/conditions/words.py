"""A leaf in a customer-success manager's words: `usage breadth is 25 %, under 40 %`."""

import re
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from fractions import Fraction
from math import trunc
from typing import Final, Literal

import msgspec

from shared.conditions.catalogue import FACTS, FactSpec
from shared.conditions.evaluation import Truth, evaluate_leaf
from shared.conditions.facts import Facts, Value
from shared.conditions.tree import (
    MICROSECONDS,
    AllOf,
    AnyOf,
    Compare,
    Condition,
    Contains,
    Known,
    Leaf,
    Member,
    Not,
    Operand,
    Sign,
    format_leaf,
    leaves_of,
)
from shared.words import date_words, money, number, rounded

_NOUN: Final = re.compile(" (?:of|in) ")
"""Before it stands what a fact's words are about: `change of health in 7 days`."""


class LeafReading(msgspec.Struct, frozen=True):
    """One leaf with the value that it saw, as a firing keeps it."""

    text: str
    """The leaf in the language: `usage.breadth < 40 %`."""
    value: str
    """What it saw, in words: `25 %`, or `unknown`."""
    truth: Truth
    words: str
    """Both in a sentence's words: `usage breadth is 25 %, under 40 %`."""


def described(condition: Condition, currency: str | None = None) -> str:
    """A condition itself in words, without any value: `overdue time at least 30 days`. `currency` is the account's."""
    match condition:
        case AllOf(parts):
            return ", and ".join(described(part, currency) for part in parts)
        case AnyOf(parts):
            return ", or ".join(described(part, currency) for part in parts)
        case Not(part):
            return f"not {described(part, currency)}"
        case Leaf():
            return _described(condition, currency)


def _described(leaf: Leaf, currency: str | None) -> str:
    subject = leaf.subject
    match leaf.test:
        case Compare(_, bool()):
            return format_leaf(leaf)
        case Compare(sign, operand):
            phrases = {"==": "is", "!=": "is not", **(_BEFORE if isinstance(operand, datetime) else _UNDER)}
            return f"{subject.words} {phrases[sign]} {_literal(operand, subject, currency)}"
        case Known(wanted):
            return f"{subject.words} is {'known' if wanted else 'unknown'}"
        case Contains(part):
            return f"{subject.words} with {part}"
        case Member(operands, wanted):
            return f"{subject.words} {_not(wanted)}one of {_among(operands, subject, currency)}"


def leaves(condition: Condition, facts: Facts, now: datetime) -> list[LeafReading]:
    """Each leaf, as written from top to bottom, with the value that it saw at `now`."""
    return [_reading(leaf, facts, now) for leaf in leaves_of(condition)]


def _reading(leaf: Leaf, facts: Facts, now: datetime) -> LeafReading:
    truth = evaluate_leaf(leaf, facts, now)
    seen = facts.value(leaf.subject, now)
    if seen is None:
        return LeafReading(format_leaf(leaf), "unknown", truth, _unknown(leaf.subject, facts))
    currency = _currency(leaf.subject, facts, now)
    if leaf.subject.name.startswith("days_") and isinstance(seen, int | float):
        seen = _on_the_calendar(seen, leaf, now)
    value = said = _value(seen, leaf, currency)
    told = leaf
    if leaf.subject.name.startswith("days_") and isinstance(seen, int | float) and seen < 0:
        told, seen = _from_the_other_side(leaf), -seen
        said = _value(seen, told, currency)
    return LeafReading(format_leaf(leaf), value, truth, _words(told, seen, said, truth, currency))


def _on_the_calendar(days: float, leaf: Leaf, now: datetime) -> float:
    """Days to or from a date, which is a midnight, as every face counts them, while the bound lies on the same side."""
    sign = -1 if leaf.subject.direction == "since" else 1
    if abs(days) > _CENTURY:
        return days
    now = now.astimezone(UTC)
    at = now + timedelta(days=sign * days)
    counted = sign * (at.date() - now.date()).days
    bound = _bound(leaf)
    is_date = at.time() == time.min and counted
    return counted if is_date and (bound is None or _side(counted, bound) == _side(days, bound)) else days


def _from_the_other_side(leaf: Leaf) -> Leaf:
    """Days until what is past as days since it, and the other way round: nobody speaks of −3 days."""
    subject, test = leaf.subject, leaf.test
    other: Literal["since", "until"] = "until" if subject.direction == "since" else "since"
    turned = replace(
        subject,
        name=subject.name.replace(subject.direction, other, 1),
        direction=other,
        label=subject.label.replace(subject.direction, other, 1),
    )
    match test:
        case Compare(sign, int() | float() | Fraction() as operand):
            test = Compare(_MIRRORED.get(sign, sign), -operand)
        case Member(operands, wanted):
            test = Member(tuple(-one if isinstance(one, int | float | Fraction) else one for one in operands), wanted)
    return Leaf(turned, test)


def _currency(subject: FactSpec, facts: Facts, now: datetime) -> str | None:
    """In which currency an amount is: an event may say it, else it is the account's."""
    said = (facts.get(name, now) for name in (subject.currency, "account.currency")) if subject.currency else ()
    return next((code for code in said if isinstance(code, str)), None)


def _words(leaf: Leaf, seen: Value, value: str, truth: Truth, currency: str | None) -> str:
    subject, holds = leaf.subject, truth is Truth.TRUE
    if isinstance(seen, bool):
        return f"{subject.words}: {'yes' if seen else 'no'}"
    is_value = _is_value(subject, seen, value)
    match leaf.test:
        case Known():
            return f"{subject.words} on {date_words(seen)}" if isinstance(seen, datetime) else is_value
        case Contains(part):
            verbs = ("include", "do not include") if isinstance(seen, tuple) else ("has", "has not")
            return f"{subject.words} {verbs[0] if holds else verbs[1]} {part}"
        case Member(operands, wanted):
            among = _among(operands, subject, currency)
            return is_value if holds and wanted else f"{is_value}, {_not(holds is wanted)}one of {among}"
        case Compare(_, int() | float() | Fraction() as bound) if bound < 0 and subject.name.startswith("days_"):
            return is_value  # The bound lies on the other side of the instant.
        case Compare("==" | "!=" as sign, operand):
            same = holds is (sign == "==")
            return is_value if same else f"{is_value}, not {_literal(operand, subject, currency)}"
        case Compare("<" | "<=") if holds and subject.name.startswith("days_since"):
            return is_value  # It is recent enough, and how recent has been said.
        case Compare(sign, operand):
            sign = sign if holds else _OPPOSITE[sign]
            if isinstance(seen, int | float) and not _is_so(_rounded(seen, leaf), sign, _bound(leaf)):
                return is_value  # By less than a day, which is not shown.
            phrase = (_BEFORE if isinstance(operand, datetime) else _UNDER)[sign]
            return f"{is_value}, {phrase} {_literal(operand, subject, currency)}"


def _unknown(subject: FactSpec, facts: Facts) -> str:
    reason = facts.reason(subject.linear_of or subject.name)
    source = FACTS.get(subject.linear_of or "", subject)
    name = subject.words.removeprefix("since ").removeprefix("until ")
    words = source.absent or f"{name} {_is(subject)} unknown"
    return words + (f": {reason}" if reason else "")


def _is_value(subject: FactSpec, seen: Value, value: str) -> str:
    """`usage breadth is 25 %`, `14 days since signing`, `1 open urgent ticket`."""
    if subject.name.startswith("days_"):
        # Rounded to 0 it would say that nothing has passed.
        return f"{'less than a day' if value == '0 days' and seen else value} {subject.words}"
    if subject.unit and subject.words.endswith(subject.unit):
        return f"{value} {subject.words.removesuffix('s') if value in ('1', '−1') else subject.words}"
    return f"{subject.words} {_is(subject)} {value}"


_CENTURY: Final = 36_525
_UNDER: Final = {"<": "under", "<=": "at most", ">": "over", ">=": "at least"}
_BEFORE: Final = {"<": "before", "<=": "not after", ">": "after", ">=": "not before"}
_MIRRORED: Final[dict[Sign, Sign]] = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_OPPOSITE: Final[dict[Sign, Sign]] = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}


def _not(holds: bool) -> str:
    return "" if holds else "not "


def _value(seen: Value, leaf: Leaf, currency: str | None) -> str:
    if isinstance(seen, bool):
        return "yes" if seen else "no"
    if isinstance(seen, tuple):
        return ", ".join(seen) or "none"
    if isinstance(seen, int | float):
        return _with_unit(_rounded(seen, leaf), leaf.subject, currency)
    return _literal(seen, leaf.subject, currency)


def _rounded(seen: float, leaf: Leaf) -> float:
    """As few decimals as tell the truth: 39.96 is not shown as 40 beside "under 40". Days that pass are whole."""
    if leaf.subject.linear_of is not None:
        return trunc(seen)
    bound = _bound(leaf)
    for decimals in range(0 if leaf.subject.unit == "days" else 1, 7):
        shown = rounded(seen, decimals)
        if bound is None or _side(shown, bound) == _side(seen, bound):
            return shown
    return seen


def _bound(leaf: Leaf) -> float | None:
    bound = _in_days(leaf.test.operand, leaf.subject) if isinstance(leaf.test, Compare) else None
    return bound if isinstance(bound, int | float) else None


def _side(number: float, bound: float) -> int:
    return (number > bound) - (number < bound)


def _is_so(shown: float, sign: Sign, bound: float | None) -> bool:
    if bound is None:
        return True
    return {"<": shown < bound, "<=": shown <= bound, ">": shown > bound, ">=": shown >= bound}[sign]


def _in_days(operand: Operand, subject: FactSpec) -> Operand:
    if subject.linear_of is not None and isinstance(operand, int | float | Fraction):
        days = Fraction(operand) / MICROSECONDS["days"]
        return days.numerator if days.denominator == 1 else float(days)
    return operand


def _literal(operand: Operand, subject: FactSpec, currency: str | None) -> str:
    operand = _in_days(operand, subject)
    if isinstance(operand, datetime):
        midnight = (operand.hour, operand.minute, operand.second, operand.microsecond) == (0, 0, 0, 0)
        day = date_words(operand)
        return day if midnight else f"{day}, {operand:%H:%M} UTC"
    if isinstance(operand, int | float | Fraction):
        return _with_unit(operand, subject, currency)
    return operand


def _among(operands: tuple[Operand, ...], subject: FactSpec, currency: str | None) -> str:
    return ", ".join(_literal(one, subject, currency) for one in operands)


def _is(subject: FactSpec) -> str:
    head = _NOUN.split(subject.words, maxsplit=1)[0]
    return "are" if head.endswith("s") and not head.endswith("ss") else "is"


def _with_unit(amount: int | float | Fraction, subject: FactSpec, currency: str | None) -> str:
    if subject.currency and currency and amount == int(amount):
        return money(int(amount), currency)
    counted, per, base = subject.unit.partition(" per ")
    unit = (counted.removesuffix("s") if amount in (1, -1) else counted) + per + base
    if subject.unit and subject.words.endswith(subject.unit):  # "12 seats", not "12 seats seats".
        unit = ""
    return f"{number(amount, 6)} {unit}".rstrip()

"""Does a leaf make sense? The fact is known, and it is compared with a literal of its type and unit."""

from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from typing import Final, NoReturn, cast

from shared.conditions.catalogue import FactSpec
from shared.conditions.errors import Position, did_you_mean
from shared.conditions.scope import Scope
from shared.conditions.tree import Compare, Contains, Known, Leaf, Member, Operand, Sign, Test


class Wrong(Exception):
    """A node of a condition makes no sense; of a leaf, the column counts from 1 in its text."""

    def __init__(self, message: str, column: int = 1, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.column = column
        self.suggestion = suggestion


@dataclass(frozen=True, slots=True)
class Literal:
    """A literal as it was written: `kind` is number, text, boolean or instant."""

    kind: str
    text: str
    column: int
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """A leaf as it was written. `kind` is compare, member, contains or known; None for a fact alone."""

    function: str | None
    fact: str
    column: int
    kind: str | None
    sign: str | None
    literals: list[Literal]


_A: Final = {
    "number": "a number",
    "text": "text",
    "boolean": "true or false",
    "instant": "an instant",
    "list": "a list",
}
_ORDERED: Final = ("number", "instant")

_SECONDS: Final = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1),
    **dict.fromkeys(("min", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hour", "hours"), 3_600),
    **dict.fromkeys(("d", "day", "days"), 86_400),
    **dict.fromkeys(("w", "week", "weeks"), 604_800),
}
_MOST_DIGITS: Final = 18
_ALSO: Final = {"percent": "%", "business days": "working days", "business day": "working days"}


def check_leaf(written: Written, scope: Scope, at: Position) -> Leaf:
    """The leaf with its fact and its literals in the fact's unit. Raises `Wrong`."""
    spec = scope.facts.get(written.fact)
    if spec is None:
        message, suggestion = scope.missing(written.fact)
        raise Wrong(message, written.column, suggestion)
    if written.function is not None:
        if spec.type != "instant":
            raise Wrong(f"`{written.function}` needs an instant; `{spec.name}` is {_A[spec.type]}.", written.column)
        spec = spec.days("since" if written.function == "days_since" else "until")
    return Leaf(spec, _test(written, spec), at)


def _test(written: Written, spec: FactSpec) -> Test:
    match written.kind:
        case "known":
            return Known(written.sign == "known")
        case "contains":
            return Contains(_part(written, spec))
        case "member":
            _refuse_unless(spec.type in ("number", "text", "instant"), written, spec)
            return Member(tuple(_operand(one, spec) for one in written.literals), written.sign == "in")
        case "compare":
            ordered = written.sign in ("==", "!=") or spec.type in _ORDERED
            _refuse_unless(ordered and spec.type != "list", written, spec)
            return Compare(cast(Sign, written.sign), _operand(written.literals[0], spec))
        case _:
            if spec.type == "boolean":
                return Compare("==", True)
            raise Wrong(f"`{spec.name}` is {_A[spec.type]}: say what it is compared with.", written.column)


def _refuse_unless(fits: bool, written: Written, spec: FactSpec) -> None:
    if fits:
        return
    use = {"list": "contains", "text": "== or in", "boolean": "== true"}[spec.type]
    raise Wrong(f"`{spec.name}` is {_A[spec.type]}, which has no `{written.sign}`.", written.column, f"Use `{use}`.")


def _part(written: Written, spec: FactSpec) -> str:
    literal = written.literals[0]
    if spec.type not in ("list", "text"):
        raise Wrong(f"`contains` looks into text and lists; `{spec.name}` is {_A[spec.type]}.", written.column)
    if literal.kind != "text":
        raise _not_text(literal, f"What `{spec.name}` contains is text")
    return literal.text


def _operand(literal: Literal, spec: FactSpec) -> Operand:
    if spec.type != literal.kind:
        if spec.type == "text":
            raise _not_text(literal, f"`{spec.name}` is text")
        raise _other_type(literal, spec)
    match spec.type:
        case "number":
            return _number(literal, spec)
        case "boolean":
            return literal.text == "true"
        case "instant":
            return _instant(literal)
        case _:
            return _choice(literal, spec)


def _not_text(literal: Literal, said: str) -> Wrong:
    shown = literal.text + (f" {literal.unit}" if literal.unit else "")
    return Wrong(
        f"{said[0].upper()}{said[1:]} and `{shown}` is {_A[literal.kind]}.",
        literal.column,
        f'Write "{shown}" in quotes.',
    )


def _other_type(literal: Literal, spec: FactSpec) -> Wrong:
    suggestion = None
    if spec.type == "instant":
        suggestion = "Write a date such as 2026-03-01, or 2026-03-01T09:00:00Z with its zone."
        if literal.kind == "number":
            suggestion = f"For a span of time use `days_since {spec.name}` or `days_until {spec.name}`."
    is_a = _A[spec.type] + (f" ({spec.unit})" if spec.unit else "")
    message = f"`{spec.name}` is {is_a} and `{literal.text}` is {_A[literal.kind]}."
    return Wrong(message, literal.column, suggestion)


def _choice(literal: Literal, spec: FactSpec) -> str:
    if spec.choices and literal.text not in spec.choices:
        message = f"`{spec.name}` is never `{literal.text}`: it is one of {', '.join(spec.choices)}."
        raise Wrong(message, literal.column, did_you_mean(literal.text, spec.choices))
    return literal.text


def _instant(literal: Literal) -> datetime:
    try:
        read = datetime.fromisoformat(literal.text.upper())
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Wrong(f"There is no such time as `{literal.text}`.", literal.column) from None


def _number(literal: Literal, spec: FactSpec) -> int | float | Fraction:
    """The literal in the fact's unit: of a linear fact exact microseconds, which is what the flip instant needs."""
    if len(literal.text) > _MOST_DIGITS:
        raise Wrong("No number here is that long.", literal.column)
    number = Fraction(literal.text)
    if spec.unit in ("days", "hours"):
        unit = literal.unit or spec.unit
        if unit not in _SECONDS:
            _refuse_unit(literal, spec)
        number *= _SECONDS[unit]
        number = number * 1_000_000 if spec.linear_of else number / _SECONDS[spec.unit]
    elif literal.unit is not None:
        unit = _ALSO.get(literal.unit, literal.unit)
        if unit not in (spec.unit, spec.unit.removesuffix("s")):
            _refuse_unit(literal, spec)
    if number.denominator == 1:
        return number.numerator
    return number if spec.linear_of else float(number)


def _refuse_unit(literal: Literal, spec: FactSpec) -> NoReturn:
    counted = f"is in {spec.unit}" if spec.unit else "has no unit"
    raise Wrong(
        f"`{spec.name}` {counted}; `{literal.unit}` is another unit.",
        literal.column,
        f"Did you mean `{literal.text} {spec.unit}`?" if spec.unit else f"Write `{literal.text}`.",
    )

"""A condition as a tree: leaves joined by all, any and not. Made by `parse`, which has checked every leaf."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Final, Literal

from shared.conditions.catalogue import FactSpec
from shared.conditions.errors import START, Position

Sign = Literal["<", "<=", ">", ">=", "==", "!="]
Operand = bool | int | float | Fraction | str | datetime
"""A literal in the unit of its fact; of a linear fact, exact microseconds."""

MICROSECONDS: Final = {"days": 86_400_000_000, "hours": 3_600_000_000, "minutes": 60_000_000, "seconds": 1_000_000}


@dataclass(frozen=True, slots=True)
class Known:
    """`is known`, or `is unknown` when not wanted."""

    wanted: bool


@dataclass(frozen=True, slots=True)
class Compare:
    """`< <= > >= == !=`."""

    sign: Sign
    operand: Operand


@dataclass(frozen=True, slots=True)
class Member:
    """`in`, or `not in` when not wanted."""

    operands: tuple[Operand, ...]
    wanted: bool


@dataclass(frozen=True, slots=True)
class Contains:
    """A list has this item, or a text has this part; the case of letters is ignored in text, not in lists."""

    part: str


Test = Known | Compare | Member | Contains


@dataclass(frozen=True, slots=True)
class Leaf:
    """One fact and what is asked of it."""

    subject: FactSpec
    test: Test
    position: Position = field(default=START, compare=False)

    def __str__(self) -> str:
        return format_leaf(self)


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part holds."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One part holds, or more."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: "Condition"


Condition = Leaf | AllOf | AnyOf | Not


def leaves_of(condition: Condition) -> list[Leaf]:
    """The leaves, as written from top to bottom."""
    match condition:
        case Leaf():
            return [condition]
        case Not():
            return leaves_of(condition.part)
        case AllOf() | AnyOf():
            return [leaf for part in condition.parts for leaf in leaves_of(part)]


def facts_of(condition: Condition) -> frozenset[str]:
    """The names of the facts that can change the truth: of a linear fact, its instant."""
    subjects = [leaf.subject for leaf in leaves_of(condition)]
    names = {name for one in subjects for name in (one.linear_of or one.name, one.none_when) if name}
    return frozenset(names)


def needs_of(condition: Condition) -> frozenset[str]:
    """The names of facts without which it can't be true, as far as that is plain: where one is missing, it isn't."""
    match condition:
        case Leaf(subject, test):
            by_absence = subject.none_when or test == Known(wanted=False)
            return frozenset() if by_absence else frozenset({subject.linear_of or subject.name})
        case AllOf(parts):
            return frozenset().union(*map(needs_of, parts))
        case AnyOf(parts):
            first, *others = map(needs_of, parts)
            return first.intersection(*others)
        case Not(Leaf(_, test) as leaf) if not isinstance(test, Known):
            return needs_of(leaf)
        case Not():
            return frozenset()


def one_line(condition: Condition) -> str:
    """The condition on one line, to be shown: `a and (b or c)`."""
    match condition:
        case Leaf():
            return format_leaf(condition)
        case AllOf():
            return " and ".join(_in_brackets(part) for part in condition.parts)
        case AnyOf():
            return " or ".join(_in_brackets(part) for part in condition.parts)
        case Not():
            return f"not {_in_brackets(condition.part)}"


def _in_brackets(part: Condition) -> str:
    return one_line(part) if isinstance(part, Leaf) else f"({one_line(part)})"


def format_leaf(leaf: Leaf) -> str:
    """The leaf in the language, with its unit: `usage.breadth < 40 %`."""
    subject = leaf.subject
    match leaf.test:
        case Known(wanted):
            return f"{subject.name} is {'known' if wanted else 'unknown'}"
        case Compare(sign, operand):
            return f"{subject.name} {sign} {format_operand(operand, subject)}"
        case Member(operands, wanted):
            items = ", ".join(format_operand(one, subject) for one in operands)
            return f"{subject.name} {'in' if wanted else 'not in'} [{items}]"
        case Contains(part):
            return f"{subject.name} contains {format_text(part)}"


def format_operand(operand: Operand, subject: FactSpec) -> str:
    """A literal of this fact as the language writes it."""
    if isinstance(operand, bool):
        return str(operand).lower()
    if isinstance(operand, str):
        return format_text(operand)
    if isinstance(operand, datetime):
        return operand.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if subject.linear_of is not None:
        return _format_duration(Fraction(operand))
    return f"{format_number(operand)} {_UNITS.get(subject.unit, subject.unit)}".rstrip()


_UNITS: Final = {"tickets per 10 seats": ""}
"""Units that a literal can't carry."""


def format_number(number: int | float | Fraction) -> str:
    """A number without an exponent: a whole one without a point."""
    if isinstance(number, Fraction):
        return _plain(Decimal(number.numerator) / number.denominator)
    return _plain(Decimal(repr(number)))


def _plain(number: Decimal) -> str:
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def format_text(text: str) -> str:
    """A text as the language writes it: quoted unless it is plain."""
    # What only bare text may be is for the grammar to say; quotes are always right, so only plain words go without.
    plain = all(letter.isalnum() or letter in "_-.@:/+" for letter in text)
    if plain and text[:1].isalpha() and text not in ("true", "false"):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _format_duration(microseconds: Fraction) -> str:
    exact = (unit for unit, size in MICROSECONDS.items() if 10**12 % (microseconds / size).denominator == 0)
    unit = next(exact, "seconds")
    return f"{format_number(microseconds / MICROSECONDS[unit])} {unit}"

"""Sets of values of one fact, "not known" among them: what is left of it when several leaves are to hold at once.

Each kind of fact has a set of its own (numbers and instants: intervals; texts; lists); a `Region` is one of them and
whether the fact may be unknown. A set may be larger than the truth, never smaller: so what is empty is surely empty.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any, Final, Protocol, Self

from shared.conditions.catalogue import FACTS, FactSpec
from shared.conditions.tree import Compare, Contains, Known, Leaf, Member, Operand, Sign, Test

Cut = tuple[Any, int]
"""A place between two numbers: before the value (0), or right behind it (1)."""
_FIRST: Final[Cut] = (-inf, 0)
_LAST: Final[Cut] = (inf, 1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Values(Protocol):
    """Some of the values that a fact can have."""

    @property
    def is_empty(self) -> bool:
        """There is certainly none."""

    def __and__(self, other: Any, /) -> Self:
        """What is in both."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers, from each cut to the next: in order, and without touching each other."""

    spans: tuple[tuple[Cut, Cut], ...] = ((_FIRST, _LAST),)

    @property
    def is_empty(self) -> bool:
        """There is none."""
        return not self.spans

    def __and__(self, other: "Numbers", /) -> "Numbers":
        """What is in both."""
        both = ((max(a, c), min(b, d)) for a, b in self.spans for c, d in other.spans)
        return Numbers(tuple((first, last) for first, last in both if first < last))

    def reaches(self, least: "Numbers") -> bool:
        """Is there one among these that is no less than one of the others?"""
        return not self.is_empty and not least.is_empty and least.spans[0][0] < self.spans[-1][1]

    def __invert__(self) -> "Numbers":
        """All others."""
        cuts = [_FIRST, *(cut for span in self.spans for cut in span), _LAST]
        pairs = zip(cuts[::2], cuts[1::2], strict=True)
        return Numbers(tuple((first, last) for first, last in pairs if first < last))


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts: only these, or all but these; and with and without parts, whatever their letters' case."""

    named: frozenset[Any] = frozenset()
    are_meant: bool = False
    """Only the named ones; else all others."""
    having: frozenset[str] = frozenset()
    lacking: frozenset[str] = frozenset()

    @property
    def is_empty(self) -> bool:
        """There is none: none of the named has what is asked for, or what it has contains what it must not."""
        if any(part in whole for whole in self.having for part in self.lacking):
            return True
        return self.are_meant and not any(map(self._fits, self.named))

    def _fits(self, text: Any) -> bool:
        folded = str(text).casefold()
        return all(part in folded for part in self.having) and not any(part in folded for part in self.lacking)

    def __and__(self, other: "Texts", /) -> "Texts":
        """What is in both."""
        a, b = (self, other) if self.are_meant else (other, self)
        but = a.named & b.named if b.are_meant else a.named - b.named
        named = but if a.are_meant else a.named | b.named
        return Texts(named, a.are_meant, self.having | other.having, self.lacking | other.lacking)


@dataclass(frozen=True, slots=True)
class Items:
    """Lists with some items and without others."""

    having: frozenset[str] = frozenset()
    lacking: frozenset[str] = frozenset()

    @property
    def is_empty(self) -> bool:
        """No list has what it lacks."""
        return bool(self.having & self.lacking)

    def __and__(self, other: "Items", /) -> "Items":
        """What is in both."""
        return Items(self.having | other.having, self.lacking | other.lacking)


@dataclass(frozen=True, slots=True)
class Region:
    """What one fact may be: one of these values (None: it has none), or not known."""

    values: Values | None
    unknown: bool = False

    @property
    def is_empty(self) -> bool:
        """It can't be anything."""
        return not self.unknown and not self.known

    @property
    def known(self) -> bool:
        """It may have a value."""
        return self.values is not None and not self.values.is_empty

    def __and__(self, other: "Region", /) -> "Region":
        """What is in both."""
        both = None if self.values is None or other.values is None else self.values & other.values
        return Region(both, self.unknown and other.unknown)


def subject_of(spec: FactSpec) -> str:
    """What leaves of this fact have in common with others: days until an instant are days since it, turned round."""
    return spec.name if spec.linear_of is None or spec.none_when else f"days_since {spec.linear_of}"


ORDERED: Final = tuple((subject_of(spec), spec.at_most) for spec in FACTS.values() if spec.at_most)
"""Subjects of leaves of which the first never exceeds the second."""


def region_of(leaf: Leaf, *, wanted: bool, unknown: bool) -> Region:
    """Where a leaf is true, or with `wanted` unset false; and, with `unknown`, where it is unknown, too."""
    spec, test = leaf.subject, leaf.test
    if isinstance(test, Known):
        return Region(_ALL.get(spec.type, Texts()) if test.wanted is wanted else None, test.wanted is not wanted)
    match spec.type:
        case "number" | "instant":
            return Region(_numbers(spec, test, wanted) & _domain(spec), unknown)
        case "list":
            return Region(Items(*_parts(test, wanted, lambda item: item)), unknown)
        case _:
            return Region(_texts(test, wanted), unknown)


_ALL: Final[Mapping[str, Values]] = {"number": Numbers(), "instant": Numbers(), "list": Items()}


def _domain(spec: FactSpec) -> Numbers:
    first = _FIRST if spec.lowest is None else (spec.lowest, 0)
    last = _LAST if spec.highest is None else (spec.highest, 1)
    return Numbers(((first, last),))


def _numbers(spec: FactSpec, test: Test, wanted: bool) -> Numbers:
    match test:
        case Compare(sign, operand):
            found = _compared(sign, operand)
            found = found if wanted else ~found
        case Member(operands, is_wanted):
            found = Numbers()
            for operand in operands:
                found &= _compared("!=", operand)
            found = ~found if is_wanted is wanted else found
        case _:
            return Numbers()
    if spec.linear_of is None or spec.none_when or spec.direction == "since":
        return found
    return Numbers(tuple((_turned(last), _turned(first)) for first, last in reversed(found.spans)))


def _turned(cut: Cut) -> Cut:
    return -cut[0], 1 - cut[1]


def _compared(sign: Sign, operand: Operand) -> Numbers:
    value = (operand - _EPOCH) // _MICROSECOND if isinstance(operand, datetime) else operand
    before, behind = (value, 0), (value, 1)
    match sign:
        case "<":
            return Numbers(((_FIRST, before),))
        case "<=":
            return Numbers(((_FIRST, behind),))
        case ">":
            return Numbers(((behind, _LAST),))
        case ">=":
            return Numbers(((before, _LAST),))
        case "==":
            return Numbers(((before, behind),))
        case "!=":
            return Numbers(((_FIRST, before), (behind, _LAST)))


def _texts(test: Test, wanted: bool) -> Texts:
    match test:
        case Compare(sign, bool() as operand):
            return Texts(frozenset([operand is ((sign == "==") is wanted)]), are_meant=True)
        case Compare(sign, operand):
            return Texts(frozenset([operand]), are_meant=(sign == "==") is wanted)
        case Member(operands, is_wanted):
            return Texts(frozenset(operands), are_meant=is_wanted is wanted)
        case _:
            having, lacking = _parts(test, wanted, str.casefold)
            return Texts(having=having, lacking=lacking)


def _parts(test: Test, wanted: bool, read: Callable[[str], str]) -> tuple[frozenset[str], frozenset[str]]:
    """What is to be in it, and what is not."""
    found = frozenset([read(test.part)] if isinstance(test, Contains) else ())
    return (found, frozenset()) if wanted else (frozenset(), found)

"""When will time alone change a condition? Facts that depend on time are linear in it, so the instant is exact."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from math import ceil, floor

from shared.conditions.facts import Facts
from shared.conditions.tree import Compare, Condition, Leaf, Member, Operand, Test, leaves_of


def flip_instant(condition: Condition, facts: Facts, now: datetime) -> datetime | None:
    """The earliest instant after `now` at which time alone changes the truth of a leaf; None when it never will.

    At the instant itself the new truth holds, and until a microsecond before it nothing changes. The whole condition
    may stay as it is: whoever looks then just asks again.
    """
    return first_flip(leaves_of(condition), facts, now)


def first_flip(leaves: Iterable[Leaf], facts: Facts, now: datetime) -> datetime | None:
    """The same of the leaves of several conditions, for who asks often about the same ones."""
    dated = (_flip(leaf, facts, now) for leaf in leaves if leaf.subject.linear_of is not None)
    return min((instant for instant in dated if instant is not None), default=None)


def _flip(leaf: Leaf, facts: Facts, now: datetime) -> datetime | None:
    """Of a leaf whose fact is linear in time."""
    subject = leaf.subject
    if facts.instant(subject.linear_of or "") is None or facts.withholds(subject):
        return None
    elapsed = facts.elapsed(subject, now)
    if elapsed is None:
        return None
    # The leaf changes between boundary - 1 and boundary. Coming from above, the new truth starts at boundary - 1.
    if subject.direction == "since":
        ahead = [boundary - elapsed for boundary in _boundaries(leaf.test)]
    else:
        ahead = [elapsed - boundary + 1 for boundary in _boundaries(leaf.test)]
    first = min((one for one in ahead if one > 0), default=None)
    try:
        return None if first is None else now + timedelta(microseconds=first)
    except OverflowError:  # After the year 9999.
        return None


@lru_cache(maxsize=4096)
def _boundaries(test: Test) -> tuple[int, ...]:
    """The values, in whole microseconds, whose leaf differs from that of the value before."""
    match test:
        case Compare("<" | ">=", operand):
            return (ceil(_number(operand)),)
        case Compare("<=" | ">", operand):
            return (floor(_number(operand)) + 1,)
        case Compare(_, operand):
            return tuple(_around(operand))
        case Member(operands):
            return tuple(boundary for operand in operands for boundary in _around(operand))
        case _:
            return ()


def _around(operand: Operand) -> Iterator[int]:
    number = _number(operand)
    if number == floor(number):
        yield floor(number)
        yield floor(number) + 1


def _number(operand: Operand) -> int | float | Fraction:
    assert isinstance(operand, int | float | Fraction)
    return operand

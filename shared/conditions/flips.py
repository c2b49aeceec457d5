"""When will time alone change a condition? Facts that depend on time are linear in it, so the instant is exact."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from fractions import Fraction
from math import ceil, floor

from shared.conditions.facts import Facts
from shared.conditions.tree import Compare, Condition, Leaf, Member, Operand, leaves_of


def flip_instant(condition: Condition, facts: Facts, now: datetime) -> datetime | None:
    """The earliest instant after `now` at which time alone changes the truth of a leaf; None when it never will.

    At the instant itself the new truth holds, and until a microsecond before it nothing changes. The whole condition
    may stay as it is: whoever looks then just asks again.
    """
    return first_flip(leaves_of(condition), facts, now)


def first_flip(leaves: Iterable[Leaf], facts: Facts, now: datetime) -> datetime | None:
    """The same of the leaves of several conditions, for who asks often about the same ones."""
    return min((instant for leaf in leaves for instant in _flips(leaf, facts, now)), default=None)


def _flips(leaf: Leaf, facts: Facts, now: datetime) -> Iterator[datetime]:
    subject = leaf.subject
    if subject.linear_of is None or facts.instant(subject.linear_of) is None or facts.withholds(subject):
        return
    elapsed = facts.elapsed(subject, now)
    if elapsed is None:
        return
    step = 1 if subject.direction == "since" else -1
    for boundary in _boundaries(leaf):
        # The leaf changes between boundary - 1 and boundary. Coming from above, the new truth starts at boundary - 1.
        reached = boundary if step == 1 else boundary - 1
        ahead = (reached - elapsed) * step
        if ahead > 0:
            try:
                yield now + timedelta(microseconds=ahead)
            except OverflowError:  # After the year 9999.
                continue


def _boundaries(leaf: Leaf) -> Iterator[int]:
    """The values, in whole microseconds, whose leaf differs from that of the value before."""
    match leaf.test:
        case Compare("<" | ">=", operand):
            yield ceil(_number(operand))
        case Compare("<=" | ">", operand):
            yield floor(_number(operand)) + 1
        case Compare(_, operand):
            yield from _around(operand)
        case Member(operands):
            for operand in operands:
                yield from _around(operand)
        case _:
            return


def _around(operand: Operand) -> Iterator[int]:
    number = _number(operand)
    if number == floor(number):
        yield floor(number)
        yield floor(number) + 1


def _number(operand: Operand) -> int | float | Fraction:
    assert isinstance(operand, int | float | Fraction)
    return operand

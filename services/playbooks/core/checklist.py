"""The points of a task, one by one: what is ticked off, added and taken off."""

from collections.abc import Sequence
from typing import Final

import msgspec

from shared.words import listed

MOST: Final = 50
"""How many points a task has at most."""


class Point(msgspec.Struct, frozen=True):
    """One point. It keeps its number when one before it goes: so nobody ticks another than they mean."""

    number: int
    text: str
    done: bool = False
    by: str | None = None
    """Who ticked it."""


class Ticking(msgspec.Struct, frozen=True):
    """What is to happen to a checklist: points by their numbers, and texts of new ones."""

    add: Sequence[str] = ()
    tick: Sequence[int] = ()
    untick: Sequence[int] = ()
    remove: Sequence[int] = ()


def with_points(points: tuple[Point, ...], texts: Sequence[str]) -> tuple[Point, ...]:
    """The same with new points behind. Raises `ValueError` where there are too many."""
    if texts and len(points) + len(texts) > MOST:
        raise ValueError(f"A task has {MOST} points at most.")
    return joint(points, [Point(0, text) for text in texts])


def joint(points: tuple[Point, ...], more: Sequence[Point]) -> tuple[Point, ...]:
    """Those of two tasks that become one, however many: the second's get new numbers."""
    first = max((one.number for one in points), default=0) + 1
    return (*points, *(msgspec.structs.replace(one, number=number) for number, one in enumerate(more, first)))


def ticked(points: tuple[Point, ...], how: Ticking, by: str) -> tuple[tuple[Point, ...], str]:
    """The points after that, and what has changed, in words; empty where nothing has. Raises `ValueError`."""
    known = {one.number: one for one in points}
    for number in (*how.tick, *how.untick, *how.remove):
        if number not in known:
            there = f"there are {listed([str(one) for one in known])}" if known else "it has none"
            raise ValueError(f"There is no point {number} on the checklist; {there}.")
    said = list[str]()
    for what, numbers, is_done in (("done", how.tick, True), ("open again", how.untick, False)):
        for one in (known[number] for number in dict.fromkeys(numbers)):
            if one.done is not is_done:
                known[one.number] = msgspec.structs.replace(one, done=is_done, by=by if is_done else None)
                said.append(f"{what}: {one.text}")
    said += [f"taken off: {known.pop(number).text}" for number in dict.fromkeys(how.remove)]
    said += [f"added: {text}" for text in how.add]
    return with_points(tuple(known.values()), how.add), "; ".join(said)

"""How scores went on after playbooks fired, beside those of others.

Nothing here can say what would have happened otherwise. Accounts that nobody touched differ from those that somebody
did, so what is compared with them is named as biased; only a share that was held out by chance is a fair comparison.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple

from shared.words import whole
from shared.words.means import LEAST, Sample, difference, difference_of_shares, mean_of, sample
from shared.words.shares import Span

MARGIN: Final = 5
"""By how many points accounts in the same state may differ."""
AFTER: Final = (30, 90)
"""How many days after a firing the score is looked at."""


class State(NamedTuple):
    """Which accounts are compared: those of one day, band and stage."""

    day: date
    band: str
    stage: str


class Course(NamedTuple):
    """How a score went on from a day, in hundredths of a point. `after` is None where it was not known then."""

    state: State
    score: int
    after: int | None


class Others(NamedTuple):
    """Accounts that nobody touched, of one state and score (in whole points): how many, and by how many hundredths they
    moved together."""

    state: State
    points: int
    number: int
    moved: int


class Compared(NamedTuple):
    """What became of scores, in points. Of fewer than ten there are counts alone."""

    n: int
    """How many are compared: those whose score is known then, and of whose like somebody was not touched."""
    alike: int
    """How many days of untouched accounts stand beside them."""
    unmatched: int
    """How many have nobody alike."""
    unknown: int
    """How many have no score then: most of these left."""
    moved: Span | None
    others: float | None
    difference: Span | None


class Day(NamedTuple):
    """How an account stood from the end of a day on, until its next."""

    day: date
    score: int | None
    band: str
    stage: str


class Life(NamedTuple):
    """An account beside which others are seen: its days, oldest first, and those on which somebody touched something
    there, or the playbook reached it."""

    days: Sequence[Day]
    busy: Sequence[date]


def others(lives: Iterable[Life], states: Collection[State], after: int) -> list[Others]:
    """Of these lives the days in one of these states after which nothing was done for so many days, by score."""
    asked = defaultdict[tuple[str, str], list[int]](list)
    for on, band, stage in sorted(set(states)):
        asked[band, stage].append(on.toordinal())
    found = defaultdict[tuple[int, str, str, int], list[int]](list)
    for life in lives:
        begins = [one.day.toordinal() for one in life.days]
        busy = sorted(one.toordinal() for one in life.busy)
        for stood, first, end in zip(life.days, begins, [*begins[1:], date.max.toordinal()], strict=True):
            days = asked.get((stood.band, stood.stage), ())
            if stood.score is None:
                continue
            points = whole(stood.score)
            for day in days[bisect_left(days, first) : bisect_left(days, end)]:
                until, next_busy = day + after, bisect_left(busy, day)
                if next_busy < len(busy) and busy[next_busy] <= until:
                    continue
                if (later := life.days[bisect_right(begins, until) - 1].score) is not None:
                    found[day, stood.band, stood.stage, points].append(later - stood.score)
    return [
        Others(State(date.fromordinal(day), band, stage), points, len(moved), sum(moved))
        for (day, band, stage, points), moved in found.items()
    ]


def compare(courses: Iterable[Course], others: Iterable[Others]) -> Compared:
    """How far scores moved, against the mean of untouched accounts of the same day, band and stage whose score was at
    most five points off. Each account that was touched is compared with those like it, so that the mix is the same."""
    known = {(one.state, one.points): one for one in others}
    moved, beside, used = list[int](), list[float](), set[tuple[State, int]]()
    unmatched = unknown = 0
    for course in courses:
        if course.after is None:
            unknown += 1
            continue
        points = whole(course.score)
        near = [key for off in range(-MARGIN, MARGIN + 1) if (key := (course.state, points + off)) in known]
        if not near:
            unmatched += 1
            continue
        used.update(near)
        moved.append(course.after - course.score)
        beside.append(sum(known[key].moved for key in near) / sum(known[key].number for key in near))
    counts = len(moved), sum(known[key].number for key in used), unmatched, unknown
    if len(moved) < LEAST:
        return Compared(*counts, None, None, None)
    paired = _points(one - other for one, other in zip(moved, beside, strict=True))
    return Compared(*counts, mean_of(_points(moved)), _points(beside).mean, mean_of(paired))


class Group(NamedTuple):
    """One of the two groups of a playbook that holds out a share: its accounts, each by its first firing."""

    accounts: int
    moved: Mapping[int, Sequence[int]]
    """By days after: how far scores moved, in hundredths, where that is known."""
    waiting: Mapping[int, int]
    """By days after: how many have yet to come so far."""
    left: int
    """Of those who are `through`, how many left within 90 days."""
    through: int
    """For how many these 90 days are over."""
    renewed: int
    due: int
    """How many had a contract that was renewed or lost within 180 days."""


class Fair(NamedTuple):
    """What the two groups differ by; None where one has fewer than ten."""

    score: Mapping[int, Span | None]
    left: Span | None
    renewed: Span | None


def fair(reached: Group, held_out: Group) -> Fair:
    """By how much who was reached is above who was held out by chance: points of score, and percent points of those who
    left and of contracts that were renewed."""

    def shares(one: tuple[int, int], other: tuple[int, int]) -> Span | None:
        return None if min(one[1], other[1]) < LEAST else difference_of_shares(one, other)

    return Fair(
        {days: _apart(reached.moved[days], held_out.moved[days]) for days in AFTER},
        shares((reached.left, reached.through), (held_out.left, held_out.through)),
        shares((reached.renewed, reached.due), (held_out.renewed, held_out.due)),
    )


def _apart(reached: Sequence[int], held_out: Sequence[int]) -> Span | None:
    if min(len(reached), len(held_out)) < LEAST:
        return None
    one, other = (_points(moved) for moved in (reached, held_out))
    return difference(one, other)


def _points(hundredths: Iterable[float]) -> Sample:
    return sample(one / 100 for one in hundredths)

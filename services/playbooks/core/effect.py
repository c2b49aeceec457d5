"""What playbooks achieved, from what was noted while they worked: revenue kept, and how scores went on.

Nothing here can say what would have happened otherwise. Accounts that nobody touched differ from those that somebody
did, so what is compared with them is named as biased; only a share that was held out by chance is a fair comparison.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Final, NamedTuple

from shared.words import in_whole, whole
from shared.words.means import LEAST, Sample, difference, difference_of_shares, mean_of, sample
from shared.words.shares import Span

WITHIN: Final = timedelta(days=180)
"""How long after a firing a renewal counts as one that it helped to keep."""
MARGIN: Final = 5
"""By how many points accounts in the same state may differ."""
AFTER: Final = (30, 90)
"""How many days after a firing the score is looked at."""


class Times(NamedTuple):
    """How long something took, in seconds: how often it happened, the median, and what nine of ten took at most. Of
    fewer than ten there is the number alone."""

    n: int
    median: float | None
    most: float | None


def times(n: int, median: float | None, most: float | None) -> Times:
    """Those, as far as they may be told."""
    return Times(n, None, None) if n < LEAST else Times(n, median, most)


class Contract(NamedTuple):
    """A contract of an account that was renewed, by when it was due."""

    account_id: str
    due_at: datetime
    at: datetime
    """When it was renewed, as far as it was known."""
    before_minor: int
    after_minor: int
    currency: str


class Episode(NamedTuple):
    """A firing, as far as revenue may have been kept by it."""

    id: str
    account_id: str
    playbook: str
    fired_at: datetime
    at_risk: bool
    """Its account was red, or leaving, when it fired."""
    touched_at: datetime | None
    touched_by: str | None
    ended_at: datetime | None
    ended_as: str


class Share(NamedTuple):
    """What of a contract an episode kept, in minor units a month."""

    episode: Episode
    contract: Contract
    minor: int


def helped(episode: Episode, contract: Contract) -> bool:
    """Was the account red or leaving when it fired, did somebody do something before it ended, and was the contract,
    which was due later, renewed within 180 days? Who only called it a false alarm did nothing about it."""
    touched, ended = episode.touched_at, episode.ended_at
    return (
        episode.at_risk
        and episode.account_id == contract.account_id
        and touched is not None
        and episode.fired_at <= touched <= contract.at
        and (ended is None or touched <= ended)
        and episode.ended_as != "false_alarm"
        and contract.at <= episode.fired_at + WITHIN
        and contract.due_at.date() >= episode.fired_at.date()
    )


def kept(pairs: Iterable[tuple[Episode, Contract]]) -> list[Share]:
    """The revenue that was kept: of each contract the lower of what it brought before and after, once, in equal shares
    by the episodes that helped. Shares are whole minor units and sum to it exactly, in whatever order they come."""
    by_contract: defaultdict[Contract, set[Episode]] = defaultdict(set)
    for episode, contract in pairs:
        if helped(episode, contract):
            by_contract[contract].add(episode)
    found: list[Share] = []
    for contract in sorted(by_contract, key=lambda one: (one.account_id, one.due_at)):
        episodes = sorted(by_contract[contract], key=lambda one: (one.fired_at, one.id))
        worth = max(0, min(contract.before_minor, contract.after_minor))
        parts = in_whole({one: Fraction(worth, len(episodes)) for one in episodes}, worth)
        found += [Share(one, contract, minor) for one, minor in parts.items()]
    return found


def totals(shares: Iterable[Share]) -> dict[str, tuple[int, int]]:
    """By currency: minor units a month, and of how many renewals."""
    minor, contracts = defaultdict[str, int](int), defaultdict[str, set[tuple[str, datetime]]](set)
    for one in shares:
        minor[one.contract.currency] += one.minor
        contracts[one.contract.currency].add((one.contract.account_id, one.contract.due_at))
    return {currency: (minor[currency], len(contracts[currency])) for currency in sorted(minor)}


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

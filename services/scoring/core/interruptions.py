"""Whether a source of evidence is interrupted: what it sent in an hour, over all accounts, against what is usual then.

It is about sending, so live events count by the hour in which they were accepted, whenever they happened: what is late
shows that its sender works. Of history nothing is usual.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median
from typing import Final

from services.scoring.core.clock import DAY_US
from shared.messages.stamps import instant_of, micros

HOUR_US: Final = DAY_US // 24
WEEK: Final = 7 * 24
"""Hours."""
KEPT: Final = 5 * WEEK
"""For how many hours it is remembered what was sent: the weeks that are compared, and one for those who look."""
REMEMBERED: Final = 130 * 24
"""For how many hours an interruption is: no window of usage, and no count of silence, reaches further back."""
_WEEKS: Final = 4
_ENOUGH: Final = 2
"""Weeks that say what is usual: one may have been the exception, and a new installation has none."""
_LEAST: Final = 100
_SHARE: Final = 0.2


def hour_of(instant: datetime) -> int:
    """The UTC hour, counted from 1970-01-01."""
    return micros(instant) // HOUR_US


def begin_of(hour: int) -> datetime:
    """When an hour begins."""
    return instant_of(hour * HOUR_US)


@dataclass(frozen=True, slots=True)
class Interruption:
    """A source that sends next to nothing: in hours from `since` on, until before `until`."""

    source: str
    since: int
    until: int | None = None
    sent: int = 0
    """What it sent in the first of these hours."""
    usual: int = 0
    """What it usually sends then."""

    @property
    def since_at(self) -> datetime:
        """When its first hour began."""
        return begin_of(self.since)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was decided after an hour: which sources are interrupted, and what has changed by it."""

    interrupted: tuple[Interruption, ...]
    changed: tuple[Interruption, ...] = field(default=())
    """Begun, or, with `until`, ended."""


def usual(sent: Mapping[int, int], hour: int, past: Collection[Interruption], closed: Collection[int]) -> float | None:
    """The median of what was sent in this hour of the four weeks before; None where too little is known of it.

    `sent` is by hour. Weeks in which the source was interrupted then are left out, closed days, and weeks before the
    first hour in which it sent anything: what nobody could send is no silence.
    """
    first = min((at for at, events in sent.items() if events), default=hour)
    hours = [hour - week * WEEK for week in range(1, _WEEKS + 1)]
    known = [
        sent.get(at, 0)
        for at in hours
        if at >= first and at // 24 not in closed and not any(_covers(one, at) for one in past)
    ]
    return median(known) if len(known) >= _ENOUGH else None


def judge(
    sent: Mapping[str, Mapping[int, int]], hour: int, past: Sequence[Interruption], closed: Collection[int]
) -> Verdict:
    """What is to be said of every source after an hour is over, from what it `sent` by hour.

    On a closed day none begins. An hour in which little is usual says nothing: what was said before stands.
    """
    open_ones = {one.source: one for one in past if one.until is None}
    changed: list[Interruption] = []
    for source in sorted({*sent, *open_ones}):
        by_hour, before = sent.get(source, {}), open_ones.get(source)
        normal = usual(by_hour, hour, [one for one in past if one.source == source], closed)
        if normal is None or normal < _LEAST:
            continue
        now = by_hour.get(hour, 0)
        is_low = now < _SHARE * normal
        if is_low and before is None and hour // 24 not in closed:
            one = open_ones[source] = Interruption(source, hour, None, now, int(normal))
            changed.append(one)
        elif not is_low and before is not None:
            del open_ones[source]
            changed.append(Interruption(source, before.since, hour, before.sent, before.usual))
    return Verdict(tuple(open_ones[name] for name in sorted(open_ones)), tuple(changed))


def lost_days(past: Iterable[Interruption], source: str) -> tuple[int, ...]:
    """The UTC days, in order, on which a source was interrupted for an hour or more, and is so no longer.

    What was not heard then says nothing of any account, so they are left out wherever closed days are. While it lasts
    readings are kept as they were when it began, that day with them.
    """
    found = {
        day
        for one in past
        if one.source == source and one.until is not None
        for day in range(one.since // 24, (one.until - 1) // 24 + 1)
    }
    return tuple(sorted(found))


def _covers(one: Interruption, hour: int) -> bool:
    return one.since <= hour and (one.until is None or hour < one.until)

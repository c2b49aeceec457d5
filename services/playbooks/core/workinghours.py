"""How long (`7d`, `24 hours`, `2 business days`), and when somebody works, in their own zone: what is due when.

What is urgent enough is told at once within somebody's hours; everything else waits for the digest, at 08:30 of their
next working day. Nobody is reached outside their hours but by that, and nothing waits for longer; nor in their quiet
hours, if they have set any, but by what weighs enough for them.
"""

import re
from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from shared.messages.actions import SEVERITIES, Severity
from shared.messages.preferences import DIGEST, Quiet
from shared.words import counted, exact_span

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_FORM: Final = re.compile(
    r"\s*(\d{1,6})\s*(?:(business)\s+(hour|day)s?|(s|m|h|d|w|second|minute|hour|day|week)s?)\s*", re.IGNORECASE
)
_LONGEST: Final = 10 * 366 * 86_400
_MOST_TURNS: Final = 8
_HORIZON_DAYS: Final = 800
"""How far ahead a working day is looked for; a calendar without one in that time is taken as always working."""


class Duration(msgspec.Struct, frozen=True):
    """A length of time: exact seconds, or working days or seconds of somebody's calendar. One of them is set."""

    seconds: int = 0
    business_days: int = 0
    business_seconds: int = 0

    @property
    def exact(self) -> timedelta:
        """The length where it needs no calendar; working time counts 0."""
        return timedelta(seconds=self.seconds)

    @property
    def is_business(self) -> bool:
        """True when it counts in working time."""
        return bool(self.business_days or self.business_seconds)

    @property
    def run(self) -> timedelta:
        """How long a clock of it has to run (see `ran`): a business day is all of its day."""
        return timedelta(days=self.business_days, seconds=self.seconds)

    @property
    def words(self) -> str:
        """Such as `7 days` or `2 business days`."""
        if self.business_days:
            return counted(self.business_days, "business day")
        if self.business_seconds:
            return counted(self.business_seconds // 3600, "business hour")
        return exact_span(self.seconds)


def parse_duration(text: str) -> Duration:
    """Read a duration. Raises `ValueError` with a sentence that says what can be written."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no duration; write one such as 30m, 24h, 7d, 2w or 2 business days.")
    number = int(found[1])
    if found[2]:
        days = found[3].lower() == "day"
        duration = Duration(business_days=number) if days else Duration(business_seconds=number * 3600)
    else:
        duration = Duration(seconds=number * _UNITS[found[4][0].lower()])
    if max(duration.seconds, duration.business_days * 86_400, duration.business_seconds) > _LONGEST:
        raise ValueError(f"{text!r} is longer than ten years.")
    return duration


class Hours(msgspec.Struct, frozen=True, kw_only=True):
    """A working week. `days` count from Monday, 0; `start` and `end` are local times of the same day."""

    time_zone: str = "UTC"
    days: tuple[int, ...] = (0, 1, 2, 3, 4)
    start: time = time(9)
    end: time = time(17)
    others: tuple[tuple[int, time, time], ...] = ()
    """The days of which start and end are others, with these."""
    holidays: Collection[date] = ()
    any_time: bool = False
    """Nobody has set them: by these, due times are counted, and messages come at any time."""
    quiet: Quiet | None = None
    """When nothing comes but what weighs enough, urgent or not."""
    waits: Severity | None = "medium"
    """This and what is milder waits for the digest; None is nothing."""
    digest: time = DIGEST
    """When what waits goes together."""

    def of(self, day: date) -> tuple[time, time]:
        """When a working day begins and ends."""
        weekday = day.weekday()
        return next(((start, end) for one, start, end in self.others if one == weekday), (self.start, self.end))


OFFICE: Final = Hours(any_time=True)
"""Whose hours are not set: what is due counts Monday to Friday, nine to five."""


def next_working(hours: Hours, at: datetime) -> datetime:
    """The first working instant at `at` or after it."""
    for start, end in _spans(hours, at):
        if at < end:
            return max(at, start)
    return at


def next_digest(hours: Hours, at: datetime) -> datetime:
    """The first 08:30, or what they have set, of a working day at `at` or after it."""
    zone = ZoneInfo(hours.time_zone)
    digests = (datetime.combine(day, hours.digest, zone).astimezone(UTC) for day in _days(hours, at))
    return next((one for one in digests if one >= at), at)


def bring_at(hours: Hours, severity: Severity, at: datetime, due_at: datetime | None = None) -> datetime:
    """When to bring what is decided at `at` to somebody with these hours: high and above at once within them.

    So does what is due before the digest that would bring it: nobody hears of a task when it is too late.
    """
    digest = free_at(hours, severity, next_digest(hours, at))
    if _may_wait(hours, severity) and (due_at is None or due_at > digest):
        return digest
    for _ in range(_MOST_TURNS):
        works = at if hours.any_time else next_working(hours, at)
        if works >= digest or (at := free_at(hours, severity, works)) == works:
            return min(works, digest)
    return digest


def free_at(hours: Hours, severity: Severity, at: datetime) -> datetime:
    """The first instant at `at` or after it at which something of this severity may disturb them, urgent or not."""
    if hours.quiet is None or not hours.quiet.holds(severity):
        return at
    return hours.quiet.free_at(at, hours.time_zone)


def _may_wait(hours: Hours, severity: Severity) -> bool:
    return hours.waits is not None and SEVERITIES.index(severity) <= SEVERITIES.index(hours.waits)


def later(hours: Hours, severity: Severity, now: datetime, due_at: datetime | None = None) -> datetime | None:
    """When to bring it to somebody with these hours, or None when that is now."""
    at = bring_at(hours, severity, now, due_at)
    return at if at > now else None


def soonest(hours: Hours, severity: Severity, now: datetime) -> datetime | None:
    """When to bring what waits for nobody's working hours: None is now, unless that is quiet."""
    at = free_at(hours, severity, now)
    return at if at > now else None


def add(hours: Hours, at: datetime, duration: Duration) -> datetime:
    """`at` plus a duration: clock time is the clock's, whoever works when; working time is counted by this calendar."""
    if duration.business_days:
        return _add_days(hours, at, duration.business_days)
    if duration.business_seconds:
        return _used_up(_spans(hours, at), at, timedelta(seconds=duration.business_seconds))
    return at + duration.exact


def ran(hours: Hours, since: datetime, until: datetime, of: Duration) -> timedelta:
    """How much of a duration's clock has run between two instants; as much as is asked is enough.

    In business days it stands still on all other days, and runs day and night on them: who is left alone from Friday
    at ten has been for a business day on Monday at ten.
    """
    if not of.business_days:
        return until - since
    passed = timedelta()
    for start, end in _whole_days(hours, since):
        if start >= until or passed >= of.run:
            break
        passed += min(end, until) - max(start, since)
    return passed


def runs_out(hours: Hours, since: datetime, left: timedelta, of: Duration) -> datetime:
    """When so much of a duration's clock will have run, from an instant on."""
    if not of.business_days:
        return since + left
    return _used_up(_whole_days(hours, since), since, left)


def works_before(hours: Hours, at: datetime, until: datetime) -> bool:
    """Does somebody with these hours work at all between two instants?"""
    return next_working(hours, at) < until


def worked(hours: Hours, since: datetime, until: datetime) -> timedelta:
    """How long somebody with these hours works between two instants."""
    found = timedelta()
    for start, end in _spans(hours, since):
        if start >= until:
            break
        found += max(min(end, until) - max(start, since), timedelta())
    return found


def _add_days(hours: Hours, at: datetime, days: int) -> datetime:
    # The same time of day so many working days on; what comes in at night counts from the next morning.
    zone = ZoneInfo(hours.time_zone)
    begin = next_working(hours, at)
    left = days
    for start, end in _spans(hours, begin):
        if start.astimezone(zone).date() == begin.astimezone(zone).date():
            continue
        left -= 1
        if left == 0:
            day = start.astimezone(zone).date()
            same_time = datetime.combine(day, begin.astimezone(zone).time(), zone).astimezone(UTC)
            return min(max(same_time, start), end)
    return at + timedelta(days=days)


def _used_up(spans: Iterator[tuple[datetime, datetime]], at: datetime, left: timedelta) -> datetime:
    """When so much of these spans is over, from an instant on."""
    for start, end in spans:
        begin = max(at, start)
        if begin + left <= end:
            return begin + left
        left -= max(end - begin, timedelta())
    return at + left


def _spans(hours: Hours, at: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The working spans, in UTC, from the local day of `at` on."""
    zone = ZoneInfo(hours.time_zone)
    for day in _days(hours, at):
        begins, ends = hours.of(day)
        start = datetime.combine(day, begins, zone).astimezone(UTC)
        end = datetime.combine(day, ends, zone).astimezone(UTC)
        if start < end:
            yield start, end


def _whole_days(hours: Hours, at: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The working days, in UTC, from the local day of `at` on: each from its midnight to the next."""
    zone = ZoneInfo(hours.time_zone)
    for day in _days(hours, at):
        ends = datetime.combine(day + timedelta(days=1), time(), zone)
        yield datetime.combine(day, time(), zone).astimezone(UTC), ends.astimezone(UTC)


def _days(hours: Hours, at: datetime) -> Iterator[date]:
    """The working days from the local day of `at` on."""
    first = at.astimezone(ZoneInfo(hours.time_zone)).date()
    for offset in range(_HORIZON_DAYS):
        day = first + timedelta(days=offset)
        if day.weekday() in hours.days and day not in hours.holidays:
            yield day

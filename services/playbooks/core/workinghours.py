"""How long (`7d`, `24 hours`, `2 business days`), and when somebody works, in their own zone: what is due when."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from shared.words import counted, exact_span

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_FORM: Final = re.compile(
    r"\s*(\d{1,6})\s*(?:(business)\s+(hour|day)s?|(s|m|h|d|w|second|minute|hour|day|week)s?)\s*", re.IGNORECASE
)
_LONGEST: Final = 10 * 366 * 86_400
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
    holidays: tuple[date, ...] = ()


OFFICE: Final = Hours()
"""Whose hours are not known works Monday to Friday, nine to five, UTC."""


def next_working(hours: Hours, at: datetime) -> datetime:
    """The first working instant at `at` or after it."""
    for start, end in _spans(hours, at):
        if at < end:
            return max(at, start)
    return at


def add(hours: Hours, at: datetime, duration: Duration) -> datetime:
    """`at` plus a duration: exact time as it is, working time by this calendar."""
    if duration.business_days:
        return _add_days(hours, at, duration.business_days)
    if duration.business_seconds:
        return _add_time(hours, at, timedelta(seconds=duration.business_seconds))
    return at + duration.exact


def due(hours: Hours, at: datetime, duration: Duration) -> datetime:
    """When a task that comes at `at` is due: never before its assignee has worked, nor outside their hours.

    It is counted from their next working instant. What falls on a day that isn't worked moves to the same time of day
    on the next one that is; what then falls outside the hours, to the next start of work. A call within 24 hours that
    is asked for on Friday at 16:00 is for Monday at 16:00; asked for at 17:30, it is for Tuesday at 9:00.
    """
    wanted = add(hours, next_working(hours, at), duration)
    zone = ZoneInfo(hours.time_zone)
    local = wanted.astimezone(zone)
    spans = _spans(hours, wanted)
    start, end = next(spans, (wanted, wanted))
    if (day := start.astimezone(zone).date()) != local.date():
        wanted = datetime.combine(day, local.time(), zone).astimezone(UTC)
    return max(wanted, start) if wanted <= end else next(spans, (wanted, wanted))[0]


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


def _add_time(hours: Hours, at: datetime, left: timedelta) -> datetime:
    for start, end in _spans(hours, at):
        begin = max(at, start)
        if begin + left <= end:
            return begin + left
        left -= max(end - begin, timedelta())
    return at + left


def _spans(hours: Hours, at: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The working spans, in UTC, from the local day of `at` on."""
    zone = ZoneInfo(hours.time_zone)
    first = at.astimezone(zone).date()
    for offset in range(_HORIZON_DAYS):
        day = first + timedelta(days=offset)
        if day.weekday() in hours.days and day not in hours.holidays:
            start = datetime.combine(day, hours.start, zone).astimezone(UTC)
            end = datetime.combine(day, hours.end, zone).astimezone(UTC)
            if start < end:
                yield start, end

"""Instants and lengths of time as a person says them. What the present is, and whose clock counts, is an argument."""

from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from shared.words.numbers import counted

_NEVER_DAYS: Final = 36_525
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_UNITS: Final = {"day": 86_400, "hour": 3_600, "minute": 60, "second": 1}


def span(length: timedelta) -> str:
    """How long, in its largest unit, without a sign: `42 seconds`, `3 minutes`, `5 hours`, `2 days`."""
    seconds = int(abs(length.total_seconds()))
    for unit, size in _UNITS.items():
        if seconds >= size:
            return counted(seconds // size, unit)
    return "less than a second"


def exact_span(seconds: int) -> str:
    """How long, to the second, in the largest unit that says it: `90 minutes`, `36 hours`, `7 days`."""
    for unit, size in _UNITS.items():
        if seconds >= size and not seconds % size:
            return counted(seconds // size, unit)
    return "0 seconds"


def ago(at: datetime, now: datetime) -> str:
    """An instant seen from now: `4 minutes ago`, `in 2 hours`, `just now`."""
    length = now - at
    if abs(length) < timedelta(seconds=1):
        return "just now"
    return f"{span(length)} ago" if length > timedelta(0) else f"in {span(length)}"


def in_days(at: datetime, now: datetime) -> str:
    """A date seen from today: `today`, `tomorrow`, `in 12 days`, `3 days ago`; nothing for one that means "never".

    Days are UTC's, as everywhere in an account's record: a contract's date is the same for whoever reads of it.
    """
    days = (_local(at, UTC).date() - _local(now, UTC).date()).days
    if abs(days) > _NEVER_DAYS:
        return ""
    if days in (0, 1):
        return ("today", "tomorrow")[days]
    return f"in {counted(days, 'day')}" if days > 0 else f"{counted(-days, 'day')} ago"


def renewal(at: datetime, now: datetime) -> str:
    """`renews in 41 days`, `renews tomorrow`, `was to renew 3 days ago`; nothing for a date that means "never"."""
    when = in_days(at, now)
    return when and f"{'was to renew' if when.endswith('ago') else 'renews'} {when}"


def date_words(at: date) -> str:
    """A date as people write it: `2 Mar 2026`."""
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year}"


def day_words(at: datetime, time_zone: str = "UTC") -> str:
    """The day that it is on somebody's clock: `Tuesday 3 Mar 2026`."""
    local = _local(at, zone(time_zone))
    return f"{_DAYS[local.weekday()]} {date_words(local)}"


def on_day(at: datetime, now: datetime) -> str:
    """A day of the past as people call it, such as `since` it: `today`, `yesterday`, `Monday`, else `2 Mar 2026`."""
    day = _local(at, UTC)
    days = (_local(now, UTC).date() - day.date()).days
    if days in (0, 1):
        return ("today", "yesterday")[days]
    return _DAYS[day.weekday()] if 1 < days < 7 else date_words(day)


def clock_time(at: datetime, time_zone: str = "UTC") -> str:
    """An instant in full, on somebody's clock: `Mon 2 Mar 2026, 17:00 Berlin time`."""
    local = _local(at, zone(time_zone))
    return f"{_DAYS[local.weekday()][:3]} {date_words(local)}, {local:%H:%M} {zone_label(time_zone)}"


def moment(at: datetime, now: datetime, time_zone: str) -> str:
    """An instant on the reader's wall clock: `today 15:00`, `Thursday 15:00`, `Thu 26 Nov 15:00`."""
    tz = zone(time_zone)
    local, today = _local(at, tz), _local(now, tz).date()
    days = (local.date() - today).days
    clock = f"{local:%H:%M}"
    if days in (-1, 0, 1):
        return f"{('yesterday', 'today', 'tomorrow')[days + 1]} {clock}"
    weekday = _DAYS[local.weekday()]
    if 1 < days < 7:
        return f"{weekday} {clock}"
    year = f" {local.year}" if local.year != today.year else ""
    return f"{weekday[:3]} {local.day} {_MONTHS[local.month - 1]}{year} {clock}"


def zone(name: str) -> tzinfo:
    """A time zone by its IANA name; UTC when there is none of that name."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC


def zone_label(name: str) -> str:
    """`Berlin time`, `UTC`."""
    if zone(name) is UTC or name.upper() in {"UTC", "ETC/UTC", "GMT"}:
        return "UTC"
    return name.rpartition("/")[2].replace("_", " ") + " time"


def _local(at: datetime, tz: tzinfo) -> datetime:
    """An instant on a wall clock. What stands for "never", such as the last second of 9999, has none: it stays."""
    try:
        return at.astimezone(tz)
    except OverflowError:
        return at

"""Instants, lengths of time and points as a person says them."""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

_NEVER_DAYS: Final = 36_525
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

# Control characters break a header or a line; bidirectional overrides let a customer's text rewrite its surroundings.
_UNPRINTABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]+")


def one_line(text: str, limit: int = 300) -> str:
    """Text from outside as one safe line of at most `limit` characters, cut at a word with an ellipsis."""
    line = " ".join(_UNPRINTABLE.sub(" ", text).split())
    if len(line) <= limit:
        return line
    cut = line[: limit - 1]
    head, space, _ = cut.rpartition(" ")
    return (head if space and len(head) > limit // 2 else cut).rstrip(" ,;:.") + "…"


def counted(count: int, noun: str) -> str:
    """`1 day`, `2 days`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def whole(hundredths: int) -> int:
    """Hundredths of a point as whole points, half away from zero."""
    points = (abs(hundredths) + 50) // 100
    return -points if hundredths < 0 else points


def signed(points: int) -> str:
    """`−13`, `+5`, with a real minus sign."""
    return f"−{-points}" if points < 0 else f"+{points}"


def apportioned(hundredths: list[int], total: int) -> list[int]:
    """Whole points that sum to `total`, each less than one point from its exact value (largest remainder)."""
    points = [value // 100 for value in hundredths]
    missing = total - sum(points)
    if not 0 <= missing <= len(points):
        return [whole(value) for value in hundredths]
    for i in sorted(range(len(points)), key=lambda i: (-(hundredths[i] % 100), i))[:missing]:
        points[i] += 1
    return points


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


def span(length: timedelta) -> str:
    """How long, in its largest unit: `3 minutes`, `5 hours`, `2 days`."""
    seconds = max(0, int(length.total_seconds()))
    if seconds < 60:
        return "less than a minute"
    if seconds < 3600:
        return counted(seconds // 60, "minute")
    if seconds < 86_400:
        return counted(seconds // 3600, "hour")
    return counted(seconds // 86_400, "day")


def _local(at: datetime, tz: tzinfo) -> datetime:
    """An instant on a wall clock. What stands for "never", such as the last second of 9999, has none: it stays UTC."""
    try:
        return at.astimezone(tz)
    except OverflowError:
        return at


def moment(at: datetime, now: datetime, time_zone: str) -> str:
    """An instant on the reader's wall clock: `today 15:00`, `Thursday 15:00`, `Thu 26 Nov 15:00`."""
    tz = zone(time_zone)
    local, today = _local(at, tz), now.astimezone(tz).date()
    days = (local.date() - today).days
    clock = f"{local:%H:%M}"
    if days in (-1, 0, 1):
        return f"{('yesterday', 'today', 'tomorrow')[days + 1]} {clock}"
    weekday = _DAYS[local.weekday()]
    if 1 < days < 7:
        return f"{weekday} {clock}"
    year = f" {local.year}" if local.year != today.year else ""
    return f"{weekday[:3]} {local.day} {_MONTHS[local.month - 1]}{year} {clock}"


def renewal(at: datetime, now: datetime, time_zone: str) -> str:
    """`renews in 41 days`, counted in the reader's calendar days; nothing for a date that stands for "never"."""
    tz = zone(time_zone)
    days = (_local(at, tz).date() - now.astimezone(tz).date()).days
    if abs(days) > _NEVER_DAYS:
        return ""
    if days == 0:
        return "renews today"
    if days == 1:
        return "renews tomorrow"
    if days > 0:
        return f"renews in {counted(days, 'day')}"
    return f"was to renew {counted(-days, 'day')} ago"

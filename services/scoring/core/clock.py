"""Days and instants as integers: days since 1970-01-01 and microseconds since then, both UTC."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from shared.messages.stamps import instant_of, micros
from shared.words import date_words

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_ORDINAL = _EPOCH.toordinal()
DAY_US = 86_400_000_000


NEVER = datetime.min.replace(tzinfo=UTC)
"""Before every instant: where there is none, as long as the latest is looked for."""
LAST_US = micros(datetime.max.replace(tzinfo=UTC))
"""The calendar's last instant."""


def day_of(instant: datetime) -> int:
    """The UTC day, counted from 1970-01-01."""
    if instant.tzinfo is not UTC:
        instant = instant.astimezone(UTC)
    return instant.toordinal() - EPOCH_ORDINAL


def day_of_us(us: int) -> int:
    """The UTC day of an instant in microseconds."""
    return us // DAY_US


def date_of(day: int) -> date:
    """The date of a UTC day that is counted from 1970-01-01."""
    return date.fromordinal(day + EPOCH_ORDINAL)


def midnight_after(instant: datetime) -> datetime:
    """The next UTC midnight."""
    return _EPOCH + timedelta(days=day_of(instant) + 1)


def written(instant: datetime) -> str:
    """RFC 3339 in UTC, as facts travel."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def written_us(us: int) -> str:
    """RFC 3339 in UTC of an instant in microseconds."""
    return written(instant_of(us))


def written_or_none(us: int | None) -> str | None:
    """RFC 3339 in UTC of an instant in microseconds, where there is one."""
    return None if us is None else written_us(us)


def in_words(us: int) -> str:
    """A date as people write it, such as `3 May 2026`."""
    return date_words(instant_of(us))


def working_days(after: int, until: int, week: frozenset[int], closed: Sequence[int] = ()) -> int:
    """How many working days lie in (after, until]. `week` holds weekdays, Monday being 0."""
    if until <= after:
        return 0
    weeks, rest = divmod(until - after, 7)
    days = weeks * len(week) + sum(weekday(day) in week for day in range(until - rest + 1, until + 1))
    return days - sum(weekday(day) in week for day in _between(after, until, closed))


def open_days(after: int, until: int, closed: Sequence[int]) -> int:
    """How many days of the week, whichever they are, lie in (after, until] and are not closed."""
    return max(0, until - after - len(_between(after, until, closed)))


def _between(after: int, until: int, days: Sequence[int]) -> list[int]:
    return [day for day in days if after < day <= until]


def month_of(day: int) -> tuple[int, int]:
    """The first day of this day's month, and of the next."""
    first = date_of(day).replace(day=1)
    return first.toordinal() - EPOCH_ORDINAL, (first + timedelta(days=31)).replace(day=1).toordinal() - EPOCH_ORDINAL


def month_number(day: int) -> int:
    """The month that a day is in, counted on through the years."""
    date = date_of(day)
    return 12 * date.year + date.month - 1


def weekday(day: int) -> int:
    """Monday is 0. 1970-01-01 was a Thursday."""
    return (day + 3) % 7

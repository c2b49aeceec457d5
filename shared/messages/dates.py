"""Times as senders write them, and as everybody here reads them.

Fractions beyond microseconds are cut: the last tick of a day is of that day. A leap second is the second before it. And
what vendors write where they have no date (0001-01-01, 1900-01-01, 1970-01-01, 9999-12-31) is no date.
"""

import re
from datetime import UTC, datetime
from typing import Final

FIRST: Final = datetime(1970, 1, 2, tzinfo=UTC)
LAST: Final = datetime(2200, 1, 1, tzinfo=UTC)
"""Nothing happened before the first of these, and nothing ends after the last: what says so means no date."""
_TIME: Final = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)(?:(?P<minute>[Tt ]\d\d:\d\d:)(?P<second>\d\d)(?P<fraction>\.\d+)?"
    r"(?P<zone>[Zz]|[+-]\d\d:?\d\d)?)?",
    re.ASCII,
)
_ZERO: Final = re.compile(r"0000-|\d{4}-(00-|\d\d-00)")
"""A day that no calendar has."""


def is_no_date(time: datetime) -> bool:
    """Whether a time that can be read means that there is none. One without a zone is taken for UTC."""
    if time.tzinfo is UTC:
        return not FIRST <= time < LAST
    try:
        instant = time.astimezone(UTC) if time.tzinfo is not None else time.replace(tzinfo=UTC)
    except OverflowError:
        return True
    return not FIRST <= instant < LAST


def says_no_date(text: str) -> bool:
    """The same of what is written: also of a day alone, and of one that no calendar has, such as 0000-00-00."""
    text = text.strip()
    if _TIME.fullmatch(text) is None:
        return False
    try:
        return is_no_date(datetime.fromisoformat(settled(text).upper()))
    except ValueError:
        return _ZERO.match(text) is not None


def settled(text: str) -> str:
    """A time as every reader reads it alike: cut to microseconds, and the leap second taken for the one before."""
    found = _TIME.fullmatch(text)
    if found is None or found["minute"] is None:
        return text
    second = "59" if found["second"] == "60" else found["second"]
    return f"{found['day']}{found['minute']}{second}{(found['fraction'] or '')[:7]}{found['zone'] or ''}"

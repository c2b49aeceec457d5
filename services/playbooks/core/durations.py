"""How long: `7d`, `24 hours`, `2 business days`."""

import re
from datetime import timedelta
from typing import Final

import msgspec

from shared.words import counted, exact_span

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_FORM: Final = re.compile(
    r"\s*(\d{1,6})\s*(?:(business)\s+(hour|day)s?|(s|m|h|d|w|second|minute|hour|day|week)s?)\s*", re.IGNORECASE
)
_LONGEST: Final = 10 * 366 * 86_400


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

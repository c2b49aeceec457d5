"""What all of support asks of tickets."""

from collections.abc import Callable, Mapping
from typing import Final

from services.scoring.core.clock import day_of_us, in_words
from services.scoring.core.measures.base import View
from services.scoring.core.measures.support.desk import DAYS_90
from services.scoring.core.state import Ticket
from shared.words import counted

MOVED_BY: Final = ("ticket.",)
NONE_YET: Final = "no ticket yet"
HOUR_US: Final = 3_600_000_000


def told_of(view: View, days: int = 0) -> bool:
    """Whether it says something that there is no ticket: the account has had one, or would have told for so long."""
    since = view.connected("tickets")
    return since is not None and ("tickets" in view.state.heard or since + days <= view.today)


def within_90_days(view: View, when: Callable[[Ticket], int | None]) -> dict[str, Ticket]:
    """The tickets of which an instant lies in the last 90 days, without those that go on in others."""
    since = view.today - DAYS_90
    return {
        key: row
        for key, row in view.tickets.items()
        if row.merged is None and (at := when(row)) is not None and day_of_us(at) > since
    }


def past_90_days(found: Mapping[str, Ticket], when: Callable[[Ticket], int | None], what: str) -> dict[str, str]:
    """By ticket: what is said of it once that instant is too long ago."""
    return {key: f"ticket {key}, {what} on {in_words(when(row) or 0)}, is past 90 days" for key, row in found.items()}


def took(hours: float) -> str:
    """A time to wait, as people say it."""
    return counted(hours, "hour") if hours < 72 else counted(hours / 24, "day")

"""What is on fire."""

from typing import Final

from services.scoring.core.clock import day_of_us
from services.scoring.core.measures.base import Measure, Reading, View
from services.scoring.core.measures.support.desk import desk_of
from services.scoring.core.measures.support.tickets import MOVED_BY, NONE_YET, told_of
from shared.words import counted

_FORGOTTEN_DAYS: Final = 60
"""An open ticket of which nothing was heard for so long was closed somewhere else: it is shown, and counts nothing."""


def _is_heard_of(view: View, at: int) -> bool:
    return day_of_us(at) > view.today - _FORGOTTEN_DAYS


def urgent(view: View) -> list[tuple[int, str]]:
    """Open urgent tickets that were heard of in 60 days, oldest first: when opened, and which."""
    return sorted((row.opened, key) for key, row in desk_of(view).urgent.items() if _is_heard_of(view, row.at))


def _forgotten(view: View) -> dict[str, str]:
    return {key: f"nothing was heard of urgent ticket {key} for {_FORGOTTEN_DAYS} days" for _, key in urgent(view)}


def _urgent(view: View) -> Reading:
    found = urgent(view)
    if found:
        return Reading(len(found), _in_words(view, found))
    return Reading(0, "no urgent ticket is open") if told_of(view) else Reading(None, NONE_YET)


def _in_words(view: View, found: list[tuple[int, str]]) -> str:
    since, key = found[0]
    days = view.today - day_of_us(since)
    words = f"urgent ticket {key} " + (f"open for {counted(days, 'day')}" if days > 0 else "opened today")
    return words + (f", and {len(found) - 1} more" if len(found) > 1 else "")


def urgent_in_words(view: View) -> str:
    """The oldest, and how many more."""
    found = urgent(view)
    return _in_words(view, found) if found else ""


URGENT = Measure(
    "support.urgent",
    "tickets",
    ((0, 100), (1, 30), (2, 10), (3, 0)),
    _urgent,
    MOVED_BY,
    _forgotten,
    facts=("support.urgent_since",),
)

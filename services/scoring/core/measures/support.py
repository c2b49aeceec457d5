"""How much trouble the account has with us."""

from collections.abc import Mapping
from statistics import median
from typing import Any

from services.scoring.core.clock import day_of_us, in_words, written_us
from services.scoring.core.measures.base import DAYS_30, Measure, Reading, View
from services.scoring.core.state import Ticket
from shared.words import counted, number

_HOUR_US = 3_600_000_000
_RESOLUTION_DAYS = 90


def opened(view: View) -> dict[str, Ticket]:
    """The tickets opened in 30 days."""
    since = view.today - DAYS_30
    return {key: row for key, row in view.tickets.items() if since < day_of_us(row.opened) <= view.today + 1}


def _load(view: View) -> Reading:
    seats = view.profile.seats
    if not seats:
        return Reading(None, "the number of seats is not known")
    count = len(opened(view))
    load = 10 * count / seats
    return Reading(load, f"{counted(count, 'ticket')} in 30 days, {number(load)} per 10 seats")


def _opened_counted(view: View) -> Mapping[str, str]:
    return {
        key: f"ticket {key}, opened on {in_words(row.opened)}, is past 30 days" for key, row in opened(view).items()
    }


def _closed(view: View) -> dict[str, Ticket]:
    since = view.today - _RESOLUTION_DAYS
    return {key: row for key, row in view.tickets.items() if row.settled is not None and day_of_us(row.settled) > since}


def _resolution(view: View) -> Reading:
    closed = _closed(view).values()
    if not closed:
        return Reading(None, "no ticket was closed in 90 days")
    hours = median(max(0, (row.settled or 0) - row.opened) for row in closed) / _HOUR_US
    took = counted(hours, "hour") if hours < 72 else counted(hours / 24, "day")
    return Reading(hours, f"half of the tickets took longer than {took} to close")


def _closed_counted(view: View) -> Mapping[str, str]:
    return {
        key: f"ticket {key}, closed on {in_words(row.settled or 0)}, is past 90 days"
        for key, row in _closed(view).items()
    }


def urgent(view: View) -> list[tuple[int, str]]:
    """Open urgent tickets, oldest first: when opened, and which."""
    return sorted(
        (row.opened, key) for key, row in view.tickets.items() if row.settled is None and row.priority == "urgent"
    )


def _urgent(view: View) -> Reading:
    found = urgent(view)
    if not found:
        return Reading(0, "no urgent ticket is open")
    since, key = found[0]
    days = view.today - day_of_us(since)
    words = f"urgent ticket {key} " + (f"open for {counted(days, 'day')}" if days > 0 else "opened today")
    return Reading(len(found), words + (f", and {len(found) - 1} more" if len(found) > 1 else ""))


_TICKETS = ("ticket.",)
LOAD = Measure(
    "support.load",
    "tickets per 10 seats",
    ((0, 100), (1, 90), (3, 50), (6, 0)),
    _load,
    ("ticket.", "subscription.", "account."),
    _opened_counted,
)
RESOLUTION = Measure(
    "support.resolution", "hours", ((4, 100), (24, 85), (72, 50), (168, 0)), _resolution, _TICKETS, _closed_counted
)
URGENT = Measure("support.urgent", "tickets", ((0, 100), (1, 30), (2, 10), (3, 0)), _urgent, _TICKETS)


def facts(view: View) -> dict[str, Any]:
    """What else is known of its tickets."""
    if view.connected("tickets") is None:
        return {}
    found = urgent(view)
    return {
        "support.opened": len(opened(view)),
        "support.urgent_since": written_us(found[0][0]) if found else None,
        "support.open": sum(row.settled is None for row in view.tickets.values()),
    }

"""How many tickets they open."""

from collections.abc import Mapping

from services.scoring.core.clock import day_of_us, in_words
from services.scoring.core.measures.base import DAYS_30, Measure, Reading, View
from services.scoring.core.measures.support.desk import desk_of
from services.scoring.core.measures.support.tickets import NONE_YET, told_of
from shared.words import counted, number


def _load(view: View) -> Reading:
    count, seats = desk_of(view).opened, view.profile.seats
    if not count:
        return Reading(0, "no ticket in 30 days") if told_of(view, DAYS_30) else Reading(None, NONE_YET)
    if not seats:
        return Reading(None, "the number of seats is not known")
    load = 10 * count / seats
    return Reading(load, f"{counted(count, 'ticket')} in 30 days, {number(load)} per 10 seats")


def opened_counted(view: View) -> Mapping[str, str]:
    """The tickets opened in 30 days, and what is to be said of each when it leaves that window."""
    since, until = view.today - DAYS_30, view.today + 1
    return {
        key: f"ticket {key}, opened on {in_words(row.opened)}, is past 30 days"
        for key, row in view.tickets.items()
        if since < day_of_us(row.opened) <= until and row.merged is None
    }


LOAD = Measure(
    "support.load",
    "tickets per 10 seats",
    # Practice: who asks now and then is at work with it. Who never asks may be content or may have given up, so that no
    # ticket at all is good and not the best; from one ticket per 10 seats on it is trouble.
    ((0, 80), (0.5, 100), (1, 90), (3, 50), (6, 0)),
    _load,
    ("ticket.", "subscription.", "account."),
    opened_counted,
    facts=("support.opened",),
)

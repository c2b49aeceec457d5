"""How many tickets they opened, whatever their seats."""

from services.scoring.core.measures.base import DAYS_30, Measure, Reading, View
from services.scoring.core.measures.support.desk import desk_of
from services.scoring.core.measures.support.load import opened_counted
from services.scoring.core.measures.support.tickets import NONE_YET, told_of
from shared.words import counted


def _opened(view: View) -> Reading:
    count = desk_of(view).opened
    if not count and not told_of(view, DAYS_30):
        return Reading(None, NONE_YET)
    return Reading(count, f"{counted(count, 'ticket')} in 30 days" if count else "no ticket in 30 days")


OPENED = Measure(
    "support.opened",
    "tickets",
    # Up to 5 is well and more than 10 is trouble (PostHog's handbook, on the health of its own customers).
    ((0, 80), (1, 100), (5, 80), (10, 50), (20, 0)),
    _opened,
    ("ticket.",),
    opened_counted,
)

"""How long it takes until a ticket is closed."""

from services.scoring.core.measures.base import Measure, Reading, View
from services.scoring.core.measures.support.desk import desk_of, middle
from services.scoring.core.measures.support.tickets import HOUR_US, MOVED_BY, past_90_days, took, within_90_days
from services.scoring.core.state import Ticket


def _settled(row: Ticket) -> int | None:
    return row.settled


def _resolution(view: View) -> Reading:
    closed = desk_of(view).closed
    if not closed:
        return Reading(None, "no ticket was closed in 90 days")
    hours = middle(closed) / HOUR_US
    return Reading(hours, f"half of the tickets took longer than {took(hours)} to close")


RESOLUTION = Measure(
    "support.resolution",
    "hours",
    # Practice of business software: within a day is good, within three fair, a week is too long.
    ((4, 100), (24, 85), (72, 50), (168, 0)),
    _resolution,
    MOVED_BY,
    lambda view: past_90_days(within_90_days(view, _settled), _settled, "closed"),
)

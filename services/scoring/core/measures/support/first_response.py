"""How long it takes until somebody answers."""

from services.scoring.core.measures.base import Measure, Reading, View
from services.scoring.core.measures.support.desk import desk_of, middle
from services.scoring.core.measures.support.tickets import HOUR_US, MOVED_BY, past_90_days, took, within_90_days
from services.scoring.core.state import Ticket


def _responded(row: Ticket) -> int | None:
    return row.responded


def _first_response(view: View) -> Reading:
    answered = desk_of(view).answered
    if not answered:
        return Reading(None, "no ticket was answered first in 90 days")
    hours = middle(answered) / HOUR_US
    return Reading(hours, f"half of the tickets waited longer than {took(hours)} for a first answer")


FIRST_RESPONSE = Measure(
    "support.first_response",
    "hours",
    # Practice of business software, by e-mail and forms: within the hour is best, within the working day good, the day
    # after poor.
    ((1, 100), (4, 90), (8, 75), (24, 40), (72, 0)),
    _first_response,
    MOVED_BY,
    lambda view: past_90_days(within_90_days(view, _responded), _responded, "answered first"),
)

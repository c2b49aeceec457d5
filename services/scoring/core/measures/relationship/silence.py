"""How long we have not talked."""

from services.scoring.core.clock import day_of_us
from services.scoring.core.measures.base import DAYS_30, Measure, Reading, View
from shared.words import counted


def _silence(view: View) -> Reading:
    last = view.state.interaction
    if last is not None:
        days = max(0, view.today - day_of_us(last.at))
        return Reading(days, f"no contact for {counted(days, 'day')}" if days else f"{last.value[0]} today")
    since = view.connected("interactions")
    if since is None or view.today - since < DAYS_30:
        return Reading(None, "no interaction was logged")
    days = view.today - since
    return Reading(days, f"no contact at all in {counted(days, 'day')}")


SILENCE = Measure(
    "relationship.silence",
    "days",
    # Practice: a word every fortnight is close, one a quarter is too few to hear of trouble in time.
    ((14, 100), (30, 80), (60, 40), (120, 0)),
    _silence,
    ("interaction.",),
    facts=("relationship.last_interaction_at",),
)

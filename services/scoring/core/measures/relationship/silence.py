"""How long we have not talked."""

from services.scoring.core.clock import DAY_US, day_of_us, open_days
from services.scoring.core.measures.base import DAYS_30, Measure, Reading, View
from shared.words import counted


def silent_since(view: View) -> int | None:
    """When we last talked, later by the days since on which interactions were not heard of."""
    last = view.state.interaction
    if last is None:
        return None
    since, today = day_of_us(last.at), view.today
    lost = today - since - open_days(since, today, view.catalogue.unlogged) if since < today else 0
    return min(last.at + lost * DAY_US, max(last.at, today * DAY_US))


def _silence(view: View) -> Reading:
    last, unlogged = view.state.interaction, view.catalogue.unlogged
    if last is not None:
        days = open_days(day_of_us(last.at), view.today, unlogged)
        how = last.value[0].replace("_", " ")
        today = "we talked today" if how == "other" else f"{how} today"
        return Reading(days, f"no contact for {counted(days, 'day')}" if days else today)
    since = view.connected("interactions")
    if since is None or view.today - since < DAYS_30:
        return Reading(None, "no interaction was logged")
    days = open_days(since, view.today, unlogged)
    return Reading(days, f"no contact at all in {counted(days, 'day')}")


SILENCE = Measure(
    "relationship.silence",
    "days",
    # Practice: a word every fortnight is close, one a quarter is too few to hear of trouble in time.
    ((14, 100), (30, 80), (60, 40), (120, 0)),
    _silence,
    ("interaction.",),
    facts=("relationship.last_interaction_at", "relationship.silent_since"),
)

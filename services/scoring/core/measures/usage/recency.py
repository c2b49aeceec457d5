"""How long ago the product was last used, by whomever."""

from services.scoring.core.clock import day_of_us
from services.scoring.core.measures.base import Measure, Reading, View
from services.scoring.core.measures.usage.silence import (
    is_long_unused,
    never,
    no_use,
    silence,
    silence_in_words,
    working_days_since,
)
from shared.words import listed


def _recency(view: View) -> Reading:
    state = view.state
    if not state.last_used:
        since = view.connected("usage")
        return never(view, working_days_since(view, since) if since is not None and is_long_unused(view) else 0)
    last = day_of_us(state.last_used)
    days = working_days_since(view, last)
    if days:
        return Reading(days, no_use(view, last))
    return Reading(0, f"in use by {_others(view, last)} alone; {silence_in_words(view)}" if silence(view) else "in use")


def _others(view: View, day: int) -> str:
    used = [actor for actor, days in view.state.automatic.items() if day in days]
    return listed([f"{actor}s" for actor in sorted(used, reverse=True)])


# After a missed day or two nobody worries; after a working week of silence a daily user is asked about (a CSM's
# practice), after two a task is due, after four there is nothing left (no use for 10 working days is a task, for 15
# a cap).
RECENCY = Measure(
    "usage.recency",
    "working days",
    ((0, 100), (2, 90), (5, 60), (10, 20), (20, 0)),
    _recency,
    ("usage.", "subscription.", "account."),
    facts=("usage.last_seen_at", "usage.silence", "usage.never", "usage.days_in_use"),
)

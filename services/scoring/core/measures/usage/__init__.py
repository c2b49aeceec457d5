"""How the account uses the product: one file a measure, and what else is known of it."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from services.scoring.core.clock import day_of_us, written_or_none
from services.scoring.core.measures.base import DAYS_30, View
from services.scoring.core.measures.usage.active_share import ACTIVE_SHARE, active_users
from services.scoring.core.measures.usage.breadth import BREADTH, used_features
from services.scoring.core.measures.usage.days import days_in_use
from services.scoring.core.measures.usage.features import allowances, most_fallen, watched
from services.scoring.core.measures.usage.recency import RECENCY
from services.scoring.core.measures.usage.silence import (
    active_before,
    never_in_words,
    never_used_for,
    silence,
    silence_in_words,
)
from services.scoring.core.measures.usage.trend import (
    SPANS,
    TREND,
    change_in,
    levels,
    people_trend,
    people_trend_in_words,
)
from services.scoring.core.measures.usage.year import year_in_words, year_on_year

__all__ = ["ACTIVE_SHARE", "BREADTH", "IN_WORDS", "RECENCY", "TREND", "facts"]

IN_WORDS: Final[Mapping[str, Callable[[View], str]]] = {
    "usage.silence": silence_in_words,
    "usage.never": never_in_words,
    "usage.people_trend": people_trend_in_words,
    "usage.year_on_year": year_in_words,
}
"""What these facts say, where a cap's condition on them holds."""


def facts(view: View) -> dict[str, Any]:
    """What else is known of its usage."""
    state = view.state
    used, unused = used_features(view)
    listed = bool(used or unused)
    return {
        "usage.last_seen_at": written_or_none(state.last_used or None),
        "usage.silence": silence(view),
        "usage.never": never_used_for(view) if (view.profile.mrr_minor or 0) > 0 else None,
        "usage.uses": state.uses if "usage" in state.heard else None,
        "usage.active_users": active_users(view) if state.knows_people else None,
        "usage.active_before": active_before(view),
        "usage.days_in_use": days_in_use(view),
        "usage.agent_share": _agent_share(view),
        "usage.people_trend": people_trend(view),
        **levels(view),
        "usage.year_on_year": year_on_year(view),
        **{f"usage.change.{days}d": change_in(view, days) for days in SPANS},
        "usage.used_features": used if listed else None,
        "usage.unused_features": unused if listed else None,
        **watched(view),
        **most_fallen(view),
        **allowances(view),
    }


def _agent_share(view: View) -> int | None:
    """How many of the uses in 30 days, in whole percent, were not by people; None where there were none."""
    state, since = view.state, view.today - DAYS_30
    if not state.automatic:
        return 0 if state.last_used and day_of_us(state.last_used) > since else None
    uses = sum(one.events for days in state.usage.values() for day, one in days.items() if since < day)
    others = sum(count for days in state.automatic.values() for day, count in days.items() if since < day)
    # Whole, so that it is no news with every use.
    return round(100 * others / uses) if uses else None

"""How much single features are used: those that the catalogue watches, and those that a plan has an allowance of.

In a feature's own unit and over full days, today left out, so that it is no news with every use.
"""

from services.scoring.core.clock import day_of_us, month_of
from services.scoring.core.measures.base import DAYS_30, View
from services.scoring.core.measures.usage.chance import FEWEST_USES, Uses, Windows, change
from services.scoring.core.measures.usage.trend import windows
from services.scoring.core.state import MILLIONTHS
from shared.conditions import WATCHED_DAYS, allowance_facts, watched_fact


def watched(view: View) -> dict[str, float | None]:
    """What the catalogue watches, over 7 and 30 days; None until the account is in use for so long."""
    return {
        watched_fact(name, days): _used(view, name, view.today - days) if _in_use_for(view, days) else None
        for name in view.catalogue.watch
        for days in WATCHED_DAYS
    }


def most_fallen(view: View) -> dict[str, float | str | None]:
    """Of what the catalogue watches, what is used less than before, the most: uses a day over the trend's windows.

    None where there is nothing to compare. A feature of few uses is steady, even if the later window is empty.
    """
    if not view.catalogue.watch or not view.state.last_used or isinstance(over := view.once(windows), str):
        return {}
    changed, feature = min((_change(view, name, over), name) for name in view.catalogue.watch)
    return {"usage.feature_trend": min(changed, 0), "usage.feature_fallen": feature if changed < 0 else None}


def _change(view: View, feature: str, over: Windows) -> float:
    closed, before, now = frozenset(view.catalogue.closed), 0, 0
    for day, uses in view.state.usage.get(feature, {}).items():
        if day in closed:
            continue
        if over.start <= day < over.middle:
            before += uses.events
        elif over.middle <= day < view.today:
            now += uses.events
    return change(Uses(before, now), over) if before + now >= FEWEST_USES else 0.0


def allowances(view: View) -> dict[str, float | str | None]:
    """How much of its plan's allowances was used this month, in percent, and what 30 days come to in a month.

    Of all the one that is used up the fastest.
    """
    first, following = month_of(view.today)
    found: dict[str, float | str | None] = {}
    paces: list[tuple[float, str]] = []
    for name, allowed in view.catalogue.allowances.get(view.profile.plan or "", {}).items():
        limit, pace = allowance_facts(name)
        found[limit] = 100 * _used(view, name, first) / allowed if view.state.last_used else None
        if _in_use_for(view, DAYS_30):
            a_month = _used(view, name, view.today - DAYS_30) * (following - first) / DAYS_30
            found[pace] = 100 * a_month / allowed
            paces.append((100 * a_month / allowed, name))
    if paces:
        found["usage.allowance_pace"], found["usage.allowance_over"] = max(paces)
    return found


def _used(view: View, feature: str, since: int) -> float:
    """How much of it was used from a day until yesterday."""
    buckets = view.state.usage.get(feature, {})
    return sum(uses.quantity for day, uses in buckets.items() if since <= day < view.today) / MILLIONTHS


def _in_use_for(view: View, days: int) -> bool:
    first = view.state.heard.get("usage")
    return first is not None and day_of_us(first) <= view.today - days

"""How the account uses the product."""

from collections.abc import Mapping
from typing import Any

from services.scoring.core.clock import day_of_us, in_words, working_days, written_or_none
from services.scoring.core.measures.base import DAYS_30, Measure, Reading, View
from services.scoring.core.state import MILLIONTHS
from shared.words import counted, listed, number

_FORTNIGHT = 14
_NEVER = "no usage yet"
_SOME = 21
"""A trend needs usage from the first of its four weeks."""


def _recency(view: View) -> Reading:
    if not view.state.last_used:
        return Reading(None, _NEVER)
    days = working_days(day_of_us(view.state.last_used), view.today, view.catalogue.week)
    if days == 0:
        return Reading(0, "in use")
    return Reading(days, f"no usage for {counted(days, 'working day')}, last on {in_words(view.state.last_used)}")


def _trend(view: View) -> Reading:
    today, recent, before, earliest = view.today, 0, 0, view.today
    start, middle = today - 2 * _FORTNIGHT, today - _FORTNIGHT
    for days in view.state.usage.values():
        for day, quantity in days.items():
            if middle <= day < today:
                recent += quantity
            elif start <= day < middle:
                before += quantity
            earliest = min(earliest, day)
    if earliest > today - _SOME:
        return Reading(None, "less than three weeks of usage" if view.state.last_used else _NEVER)
    if before == 0:
        return Reading(None, "no usage in the two weeks to compare with")
    change = 100 * (recent - before) / before
    verb = "fell by" if change < 0 else "grew by"
    amounts = f"{number(before / MILLIONTHS)} to {number(recent / MILLIONTHS)} in two weeks"
    words = "usage is steady" if abs(change) < 1 else f"usage {verb} {number(abs(change), 0)} %, from {amounts}"
    return Reading(change, words)


def active_users(view: View) -> int:
    """Distinct users in 30 days."""
    return sum(count for day, count in view.state.people.items() if view.today - DAYS_30 < day)


def _active_share(view: View) -> Reading:
    seats = view.profile.seats
    if not view.state.knows_people:
        return Reading(None, "usage comes without user ids" if view.state.last_used else _NEVER)
    if not seats:
        return Reading(None, "the number of seats is not known")
    users = active_users(view)
    return Reading(100 * users / seats, f"{users} of {counted(seats, 'seat')} in use in 30 days")


def used_features(view: View) -> tuple[list[str], list[str]]:
    """The plan's features that were used in 30 days, and those that were not, in the plan's order."""
    used: list[str] = []
    unused: list[str] = []
    since = view.today - DAYS_30
    for feature in view.catalogue.features.get(view.profile.plan or "", ()):
        days = view.state.usage.get(feature)
        (used if days and max(days) > since else unused).append(feature)
    return used, unused


def _breadth(view: View) -> Reading:
    used, unused = used_features(view)
    total = len(used) + len(unused)
    if not total:
        return Reading(None, "the features of its plan are not listed")
    if not view.state.last_used:
        return Reading(None, _NEVER)
    words = f"{len(used)} of {counted(total, 'feature')} of the plan in use"
    return Reading(100 * len(used) / total, words + (f"; not {listed(unused, most=3)}" if unused else ""))


def _features_counted(view: View) -> Mapping[str, str]:
    return {feature: f"{feature} was not used for 30 days" for feature in used_features(view)[0]}


def _users_counted(view: View) -> Mapping[str, str]:
    # Users have no names here: what matters is how many of them left the window.
    count = active_users(view)
    return {str(place): "a user has not been seen for 30 days" for place in range(count)}


RECENCY = Measure(
    "usage.recency", "working days", ((0, 100), (2, 90), (5, 60), (10, 20), (20, 0)), _recency, ("usage.",)
)
TREND = Measure("usage.trend", "%", ((-60, 0), (-30, 40), (-10, 80), (0, 90), (10, 100)), _trend, ("usage.",))
ACTIVE_SHARE = Measure(
    "usage.active_share",
    "%",
    ((0, 0), (20, 30), (50, 70), (80, 100)),
    _active_share,
    ("usage.", "subscription.", "account."),
    _users_counted,
)
BREADTH = Measure(
    "usage.breadth",
    "%",
    ((0, 0), (40, 50), (80, 100)),
    _breadth,
    ("usage.", "subscription.", "account."),
    _features_counted,
)


def facts(view: View) -> dict[str, Any]:
    """What else is known of its usage."""
    state = view.state
    used, unused = used_features(view)
    listed = bool(used or unused)
    return {
        "usage.last_seen_at": written_or_none(state.last_used or None),
        "usage.uses": state.uses if "usage" in state.heard else None,
        "usage.active_users": active_users(view) if state.knows_people else None,
        "usage.used_features": used if listed else None,
        "usage.unused_features": unused if listed else None,
    }

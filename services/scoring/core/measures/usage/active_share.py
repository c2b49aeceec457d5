"""How many of the paid seats are in use by people."""

from collections.abc import Mapping

from services.scoring.core.measures.base import DAYS_30, Measure, Reading, View
from services.scoring.core.measures.usage.silence import NEVER, early_in_words, is_early, is_long_unused, never, window
from shared.words import counted


def active_users(view: View, days: int = DAYS_30) -> int:
    """Distinct people in so many days, today among them."""
    since = view.today - days
    return sum(count for day, count in view.state.people.items() if since < day)


def _active_share(view: View) -> Reading:
    seats, days = view.profile.seats, window(view)
    if not view.state.knows_people and not is_long_unused(view):
        return Reading(None, "usage comes without user ids" if view.state.last_used else NEVER)
    if not seats:
        return Reading(None, "the number of seats is not known")
    if not view.state.last_used:
        return never(view, 0)
    users = active_users(view, days)
    if not users and is_early(view):
        return Reading(None, early_in_words(view))
    return Reading(100 * users / seats, f"{users or 'none'} of {counted(seats, 'seat')} in use in {days} days")


def _users_counted(view: View) -> Mapping[str, str]:
    # Users have no names here: what matters is how many of them left the window.
    days = window(view)
    return {str(place): f"a user has not been seen for {days} days" for place in range(active_users(view, days))}


# PostHog's handbook: 40 % of seats active is healthy, under 20 % is not.
ACTIVE_SHARE = Measure(
    "usage.active_share",
    "%",
    ((0, 0), (20, 30), (50, 70), (80, 100)),
    _active_share,
    ("usage.", "subscription.", "account."),
    _users_counted,
    facts=("usage.active_users", "usage.active_before"),
)

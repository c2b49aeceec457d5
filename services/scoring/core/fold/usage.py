"""Usage: sums by feature and day, and how many users were last active on which day."""

from collections.abc import Sequence
from datetime import datetime

from services.scoring.core import state as s
from services.scoring.core.clock import day_of, micros
from services.scoring.core.fold.cells import hear
from services.scoring.core.state import Account
from shared.messages.usage import UsageRecorded


def fold_usage(account: Account, used: Sequence[tuple[datetime, UsageRecorded]]) -> None:
    """Add usage. The last active days of its users must be at hand in `account.users`, where there are any."""
    state = account.state
    if state.erased or not used:
        return
    usage = state.usage
    latest = earliest = used[0][0]
    for time, data in used:
        day = day_of(time)
        days = usage.get(data.feature)
        if days is None:
            days = _days_of(usage, data.feature)
        days[day] = min(days.get(day, 0) + round(data.quantity * s.MILLIONTHS), s.MOST_QUANTITY)
        if latest < time:
            latest = time
        elif time < earliest:
            earliest = time
        user = data.user_id
        if user is not None and account.users.get(user, day - 1) < day:
            _see(account, user, day)
    state.last_used = max(state.last_used, micros(latest))
    state.uses += len(used)
    hear(state, "usage", micros(earliest))


def _see(account: Account, user: str, day: int) -> None:
    """Move a user to a later day: two increments."""
    people, before = account.state.people, account.users.get(user)
    if before is not None and before in people:
        people[before] -= 1
        if not people[before]:
            del people[before]
    people[day] = people.get(day, 0) + 1
    account.users[user] = day
    account.state.knows_people = True
    account.touched.add(("users", user))


def _days_of(usage: dict[str, dict[int, int]], feature: str) -> dict[int, int]:
    """The buckets of a feature that is new here. The first names by the alphabet have their own, the rest share one.

    A name once out never comes back in, as names are never taken away: so which have their own depends on no order.
    """
    named = len(usage) - (s.OTHER in usage)
    if named < s.MOST_FEATURES:
        return usage.setdefault(feature, {})
    last = max(usage)
    other = usage.setdefault(s.OTHER, {})
    if feature > last:
        return other
    for day, quantity in usage.pop(last).items():
        other[day] = min(other.get(day, 0) + quantity, s.MOST_QUANTITY)
    return usage.setdefault(feature, {})

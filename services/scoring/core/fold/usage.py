"""Usage: sums by feature and day, and how many people were last active on which day."""

from collections.abc import Sequence
from datetime import UTC, datetime

from services.scoring.core import state as s
from services.scoring.core.clock import DAY_US, EPOCH_ORDINAL, NEVER, day_of
from services.scoring.core.fold.cells import hear
from services.scoring.core.pruning import day_cutoff
from services.scoring.core.state import Account, Uses
from shared.messages.stamps import micros
from shared.messages.usage import UsageRecorded


def fold_usage(account: Account, used: Sequence[tuple[datetime, UsageRecorded]]) -> None:
    """Add usage. The last active days of its users must be at hand in `account.users`, where there are any.

    This runs through for every use there is: what is the same for all of an account's is done before and after.
    """
    state = account.state
    if state.erased or not used:
        return
    usage, users, by_people, by_others, earliest = state.usage, account.users, NEVER, NEVER, used[0][0]
    for time, data in used:
        day = time.toordinal() - EPOCH_ORDINAL if time.tzinfo is UTC else day_of(time)
        days = usage.get(data.feature)
        if days is None:
            days = _days_of(usage, data.feature)
        quantity = s.MILLIONTHS if data.quantity == 1 else round(data.quantity * s.MILLIONTHS)
        if (uses := days.get(day)) is None:
            days[day] = Uses(1, quantity)
        else:
            uses.events += 1
            uses.quantity = min(uses.quantity + quantity, s.MOST_QUANTITY)
        if time < earliest:  # noqa: PLR1730 (min takes twice as long)
            earliest = time
        actor = data.actor
        if actor is None or actor == "human":
            if by_people < time:  # noqa: PLR1730 (so does max)
                by_people = time
            user = data.user_id
            if user is not None and users.get(user, day - 1) < day:
                _see(account, user, day)
        else:
            automatic = state.automatic.setdefault(actor, {})
            automatic[day] = automatic.get(day, 0) + 1
            by_others = max(by_others, time)
    first = micros(earliest)
    last = first if by_people is earliest else micros(by_people) if by_people is not NEVER else 0
    state.last_used_by_people = max(state.last_used_by_people, last)
    state.last_used = max(state.last_used, last, 0 if by_others is NEVER else micros(by_others))
    state.uses += len(used)
    hear(state, "usage", first)
    if account.pruned_on is not None and first < day_cutoff(account.pruned_on) * DAY_US:
        account.pruned_on = None


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


def _days_of(usage: dict[str, dict[int, Uses]], feature: str) -> dict[int, Uses]:
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
    for day, uses in usage.pop(last).items():
        if day in other:
            other[day].add(uses)
        else:
            other[day] = uses
    return usage.setdefault(feature, {})

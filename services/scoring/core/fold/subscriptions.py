"""What an account buys: its subscriptions, and what its traits say of revenue, seats and plan, by day.

A row of what was said competes field by field with the others, so any order leaves the same rows (`state.settled`).
"""

from datetime import datetime
from typing import Any, Final

import msgspec

from services.scoring.core import pruning
from services.scoring.core import state as s
from services.scoring.core.clock import day_of_us
from services.scoring.core.fold.cells import EXCERPT, leave_out
from services.scoring.core.state import BOUGHT, Account, Said, Subscription
from shared.messages import billing
from shared.messages.accounts import AccountChurned
from shared.messages.envelope import Event
from shared.messages.stamps import micros

FIELDS: Final = tuple(name for name in billing.SubscriptionChanged.__struct_fields__ if name != "subscription_id")
NEVER: Final = frozenset({"incomplete", "incomplete_expired"})
"""The states of a subscription that never came to be."""
LEFT: Final = frozenset({"unpaid", "canceled"})
"""The states of one whose customer has left."""
_RANK: Final = {"trialing": 1, "active": 2, "past_due": 3, "paused": 4, "unpaid": 5, "canceled": 6}
_RANKLESS: Final = 0
_DATES: Final = ("started_at", "ends_at")


def subscription_changed(account: Account, event: Event, data: billing.SubscriptionChanged) -> None:
    """Note what was said of one subscription, and the bounds that outlast what is forgotten."""
    given = {name: _plain(value) for name in FIELDS if (value := getattr(data, name)) is not msgspec.UNSET}
    at, id = micros(event.time), "" if data.subscription_id is msgspec.UNSET else data.subscription_id or ""
    subscriptions = account.state.subscriptions
    one = subscriptions.setdefault(id, Subscription())
    # What was said first holds since it began, or since they signed.
    account.bought_otherwise(_since(one, at, given) if one.said else None)
    rank = _RANK.get(given.get("status", ""), _RANKLESS)
    one.said = pruning.settled([*one.said, Said(at, rank, event.source, event.id, given)])
    one.first = at if one.first is None else min(at, one.first)
    if "status" in given and given["status"] not in NEVER | LEFT:
        one.began = at if one.began is None else min(at, one.began)
    if (renews := given.get("renews_at")) is not None:
        one.renewals = sorted({renews, *one.renewals})[-s.MOST_RENEWALS :]
        one.ahead = max(one.ahead, renews - at)
    if len(subscriptions) > s.MOST_SUBSCRIPTIONS:
        # The first by the alphabet stay, as whatever is pushed out would be pushed out again.
        leave_out(account.state, "subscriptions", last := max(subscriptions))
        del subscriptions[last]
        account.bought_otherwise(None)


def note_bought(account: Account, event: Event, traits: dict[str, Any]) -> None:
    """Note what the traits say of what is remembered by day."""
    given = {name: traits[name] for name in sorted(BOUGHT & traits.keys())}
    if given:
        said, bought = _said(event, given), account.state.bought
        account.bought_otherwise(None if not bought or _is_first(bought, said.at) else said.at)
        account.state.bought = pruning.settled([*bought, said])


def churned(account: Account, event: Event, data: AccountChurned) -> None:
    """Note that somebody said that the customer left, and why."""
    said = _said(event, {"reason": (data.reason or "")[:EXCERPT], "voluntary": data.voluntary})
    account.state.churns = pruning.settled([*account.state.churns, said])
    account.bought_otherwise(said.at)


def _said(event: Event, fields: dict[str, Any]) -> Said:
    return Said(micros(event.time), _RANKLESS, event.source, event.id, fields)


def _is_first(said: list[Said], at: int) -> bool:
    """Whether what is said then is among the first, which holds since they began."""
    return bool(said) and day_of_us(at) <= day_of_us(said[0].at)


def _since(one: Subscription, at: int, given: dict[str, Any]) -> int | None:
    """Since when something that is said then may change what it brings; None: when it started may be another.

    When it ends holds for the past as well, so that the earlier of its old end and the new one counts.
    """
    known: dict[str, Any] = {}
    for each in one.said:
        known |= {name: value for name, value in each.fields.items() if name in _DATES}
    if given.get("started_at", started := known.get("started_at")) != started or _is_first(one.said, at):
        return None
    ends = [end for end in (known.get("ends_at"), given.get("ends_at")) if end is not None]
    return min(at, *ends) if "ends_at" in given and given["ends_at"] != known.get("ends_at") else at


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return micros(value)
    return value[:EXCERPT] if isinstance(value, str) else value

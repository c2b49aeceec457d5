"""What an account buys: its subscriptions, and what its traits say of revenue, seats and plan, by day.

A row of what was said competes field by field with the others, so any order leaves the same rows (`state.settled`).
"""

from datetime import datetime
from typing import Any, Final

import msgspec

from services.scoring.core import state as s
from services.scoring.core.fold.cells import EXCERPT
from services.scoring.core.state import BY_DAY, Account, Said, Subscription
from shared.messages import billing
from shared.messages.envelope import Event
from shared.messages.stamps import micros

FIELDS: Final = tuple(name for name in billing.SubscriptionChanged.__struct_fields__ if name != "subscription_id")
NEVER: Final = frozenset({"incomplete", "incomplete_expired"})
"""The states of a subscription that never came to be."""
LEFT: Final = frozenset({"unpaid", "canceled"})
"""The states of one whose customer has left."""
_RANK: Final = {"trialing": 1, "active": 2, "past_due": 3, "paused": 4, "unpaid": 5, "canceled": 6}
_RANKLESS: Final = 0


def subscription_changed(account: Account, event: Event, data: billing.SubscriptionChanged) -> None:
    """Note what was said of one subscription, and the bounds that outlast what is forgotten."""
    given = {name: _plain(value) for name in FIELDS if (value := getattr(data, name)) is not msgspec.UNSET}
    at, id = micros(event.time), "" if data.subscription_id is msgspec.UNSET else data.subscription_id or ""
    subscriptions = account.state.subscriptions
    one = subscriptions.setdefault(id, Subscription())
    rank = _RANK.get(given.get("status", ""), _RANKLESS)
    one.said = s.settled([*one.said, Said(at, rank, event.source, event.id, given)])
    one.first = at if one.first is None else min(at, one.first)
    if "status" in given and given["status"] not in NEVER | LEFT:
        one.began = at if one.began is None else min(at, one.began)
    if (renews := given.get("renews_at")) is not None:
        one.renewals = sorted({renews, *one.renewals})[-s.MOST_RENEWALS :]
        one.ahead = max(one.ahead, renews - at)
    if len(subscriptions) > s.MOST_SUBSCRIPTIONS:
        # The first by the alphabet stay, as whatever is pushed out would be pushed out again.
        del subscriptions[max(subscriptions)]


def note_bought(account: Account, event: Event, traits: dict[str, Any]) -> None:
    """Note what the traits say of what is remembered by day."""
    given = {name: traits[name] for name in sorted(BY_DAY & traits.keys() - {"status"})}
    if given:
        said = Said(micros(event.time), _RANKLESS, event.source, event.id, given)
        account.state.bought = s.settled([*account.state.bought, said])


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return micros(value)
    return value[:EXCERPT] if isinstance(value, str) else value

"""What an account is: its traits, its subscription, and the milestones that it has reached."""

from typing import Any, Final

import msgspec

from services.scoring.core import state as s
from services.scoring.core.clock import micros
from services.scoring.core.fold.cells import bound_traits, cell_of, own_trait, plain, put
from services.scoring.core.state import Account
from shared.messages import accounts, billing
from shared.messages.envelope import Event

_KNOWN: Final = frozenset(accounts.AccountTraits.__struct_fields__)
RENAMED: Final = ("mrr_minor", "currency", "plan", "seats", "renews_at")
"""The subscription's fields, which beat the traits of the same name."""
ENDED: Final = frozenset({"canceled", "cancelled", "expired", "incomplete_expired"})
"""The states of a subscription whose customer has left."""
LAST_ON: Final = "last_on"
"""Beside a subscription that has ended: the last state in which it had not."""
_RANK: Final = {"trialing": 1, "active": 2, "past_due": 3, "paused": 4, "unpaid": 5, "canceled": 6}


def account_updated(account: Account, event: Event, data: accounts.AccountUpdated) -> None:
    """A trait that is null says "no longer", one that is absent says nothing: so the raw data is asked, too."""
    raw: dict[str, Any] = msgspec.json.decode(event.data).get("traits", {})
    traits = account.state.traits
    for name, value in raw.items():
        known = name in _KNOWN
        stands = plain(getattr(data.traits, name) if known else value)
        put(traits, name if known else own_trait(name), cell_of(event, stands))
    bound_traits(traits, s.MOST_TRAITS)


def subscription_changed(account: Account, event: Event, data: billing.SubscriptionChanged) -> None:
    """Each field's latest stands; beside one that has ended, when it was last on."""
    rank = _RANK.get(data.status, 0)
    cells = account.state.subscription
    was = [cell for cell in (cells.get("status"), cells.pop(LAST_ON, None)) if cell is not None]
    for name in (*RENAMED, "status"):
        value = plain(getattr(data, name))
        if value is not None:
            put(cells, name, cell_of(event, value, rank))
    if cells["status"].value in ENDED:
        # When it was last on stays beside it: what was said of leaving before then doesn't count any more.
        for cell in (*was, cell_of(event, data.status, rank)):
            if cell.value not in ENDED:
                put(cells, LAST_ON, cell)


def milestone_reached(account: Account, event: Event, data: accounts.MilestoneReached) -> None:
    """When it was first reached, for the first names by the alphabet: which those are depends on no order."""
    milestones, at = account.state.milestones, micros(event.time)
    milestones[data.milestone] = min(at, milestones.get(data.milestone, at))
    if len(milestones) > s.MOST_MILESTONES:
        del milestones[max(milestones)]

"""What an account is: its traits, and the milestones that it has reached."""

from typing import Any, Final

import msgspec

from services.scoring.core import state as s
from services.scoring.core.fold.cells import bound_traits, own_trait, plain
from services.scoring.core.fold.subscriptions import note_bought
from services.scoring.core.state import Account
from shared.messages import accounts
from shared.messages.envelope import Event
from shared.messages.stamps import cell_of, micros, put

_KNOWN: Final = frozenset(accounts.AccountTraits.__struct_fields__)


def account_updated(account: Account, event: Event, data: accounts.AccountUpdated) -> None:
    """A trait that is null says "no longer", one that is absent says nothing: so the raw data is asked, too."""
    raw: dict[str, Any] = msgspec.json.decode(event.data).get("traits", {})
    traits, said = account.state.traits, {}
    signed = traits.get("signed_at")
    for name, value in raw.items():
        known = name in _KNOWN
        stands = plain(getattr(data.traits, name) if known else value)
        put(traits, name if known else own_trait(name), cell_of(event, stands))
        if known:
            said[name] = stands
    if traits.get("signed_at") is not signed and (signed is None or said["signed_at"] != signed.value):
        account.bought_otherwise(None)
    if "renews_at" in said:
        account.renews_otherwise = True
    bound_traits(traits, s.MOST_TRAITS)
    note_bought(account, event, said)


def milestone_reached(account: Account, event: Event, data: accounts.MilestoneReached) -> None:
    """When it was first reached, for the first names by the alphabet: which those are depends on no order."""
    milestones, at = account.state.milestones, micros(event.time)
    milestones[data.milestone] = min(at, milestones.get(data.milestone, at))
    if len(milestones) > s.MOST_MILESTONES:
        del milestones[max(milestones)]

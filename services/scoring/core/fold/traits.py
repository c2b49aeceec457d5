"""What an account is: its traits, and the milestones that it has reached."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from services.scoring.core import state as s
from services.scoring.core.fold.cells import bound_traits, leave_out, own_trait, plain, written
from services.scoring.core.fold.subscriptions import note_bought
from services.scoring.core.state import Account
from shared.messages import accounts
from shared.messages.envelope import Event
from shared.messages.stamps import cell_of, micros, put
from shared.messages.traits import MOST

_KNOWN: Final = frozenset(accounts.AccountTraits.__struct_fields__)


def named(event: Event) -> dict[str, Any]:
    """The traits that an `account.updated` names, as it gives them. Those that are ours are nobody's to tell."""
    raw: dict[str, Any] = msgspec.json.decode(event.data).get("traits") or {}
    return {name: value for name, value in raw.items() if not accounts.is_ours(name)}


def tells_nothing(event: Event) -> bool:
    """Whether it tells nothing but what we wrote elsewhere."""
    return not named(event) and bool(msgspec.json.decode(event.data).get("traits"))


def known_of(account: Account, names: Iterable[str]) -> dict[str, Any]:
    """What is known of these traits; None where nothing is."""
    cells = {name: account.state.traits.get(name if name in _KNOWN else own_trait(name)) for name in names}
    return {name: None if cell is None else cell.value for name, cell in cells.items()}


def account_updated(account: Account, event: Event, data: accounts.AccountUpdated) -> None:
    """A trait that is null says "no longer", one that is absent says nothing: so the raw data is asked, too."""
    raw, traits, said = named(event), account.state.traits, {}
    signed = traits.get("signed_at")
    for name, value in raw.items():
        known = name in _KNOWN
        stands = written(getattr(data.traits, name)) if known else plain(value)
        put(traits, name if known else own_trait(name), cell_of(event, stands))
        if known:
            said[name] = stands
    if traits.get("signed_at") is not signed and (signed is None or said["signed_at"] != signed.value):
        account.bought_otherwise(None)
    if "renews_at" in said:
        account.renews_otherwise = True
    leave_out(account.state, "traits", bound_traits(traits, MOST))
    note_bought(account, event, said)


def milestone_reached(account: Account, event: Event, data: accounts.MilestoneReached) -> None:
    """When it was first reached, for the first names by the alphabet: which those are depends on no order."""
    milestones, at = account.state.milestones, micros(event.time)
    milestones[data.milestone] = min(at, milestones.get(data.milestone, at))
    if len(milestones) > s.MOST_MILESTONES:
        leave_out(account.state, "milestones", last := max(milestones))
        del milestones[last]

"""What others wrote of somebody who is to be forgotten: notes of our own people, and reasons.

Which these are is found by name, by what is known at the time. So, unlike all that is folded, it depends on the order:
a note that names them and comes later stays (decision 38).
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from services.scoring.core.state import Account
from shared.messages.erasing import Forgetting
from shared.messages.stamps import Cell

_OF_THE_ACCOUNT: Final = frozenset({"account.updated", "subscription.changed", "contact.updated"})
"""What these say is not written about a person."""


def forget_in(account: Account, forgetting: Forgetting) -> None:
    """Clean the words that state keeps: of the pulse, muted readings, goals, renewals, and of why the customer left."""
    state = account.state
    if state.pulse is not None:
        state.pulse = _cell(state.pulse, forgetting)
    state.mutes = {name: _cell(one, forgetting) for name, one in state.mutes.items()}
    state.goals = _cells(state.goals, forgetting)
    if (renewals := _cells(state.renewals, forgetting)) != state.renewals:
        state.renewals, account.renews_otherwise = renewals, True
    state.churns = [msgspec.structs.replace(one, fields=forgetting.within(one.fields)) for one in state.churns]


def said_of(type: str, data: bytes, forgetting: Forgetting) -> bytes | None:
    """A row of the timeline without the texts that name them; None where there are none."""
    if type in _OF_THE_ACCOUNT:
        return None
    said = msgspec.json.decode(data)
    left = forgetting.within(said)
    return None if left == said else msgspec.json.encode(left)


def moved_by(drivers: Sequence[dict[str, Any]], forgetting: Forgetting) -> list[dict[str, Any]] | None:
    """Drivers in the ledger without reasons that name them; None where none does."""
    if not any(forgetting.names(one.get("reason")) for one in drivers):
        return None
    return [{**one, "reason": forgetting.clean(one.get("reason") or "")} for one in drivers]


def _cells(of: dict[str, dict[str, Cell]], forgetting: Forgetting) -> dict[str, dict[str, Cell]]:
    return {id: {name: _cell(one, forgetting) for name, one in cells.items()} for id, cells in of.items()}


def _cell(cell: Cell, forgetting: Forgetting) -> Cell:
    return msgspec.structs.replace(cell, value=forgetting.within(cell.value))

"""What people say of renewals: field by field the latest stands."""

from typing import Final

import msgspec

from services.scoring.core import state as s
from services.scoring.core.fold.cells import EXCERPT, leave_out
from services.scoring.core.state import Account
from shared.messages.accounts import RenewalUpdated
from shared.messages.envelope import Event
from shared.messages.stamps import cell_of, put

SAID: Final = ("forecast", "outcome", "reason", "owner")


def renewal_updated(account: Account, event: Event, data: RenewalUpdated) -> None:
    """The first renewals by the alphabet stay: which those are depends on no order."""
    renewals = account.state.renewals
    cells = renewals.setdefault(data.renewal_id, {})
    for name in SAID:
        if (value := getattr(data, name)) is not msgspec.UNSET:
            put(cells, name, cell_of(event, value[:EXCERPT] if value else None))
    account.renews_otherwise = True
    if len(renewals) > s.MOST_SAID_OF:
        leave_out(account.state, "renewals", last := max(renewals))
        del renewals[last]

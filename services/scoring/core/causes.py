"""An event as the cause of an assessment, which travels on and is kept by others: without what is none of theirs."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import msgspec

from services.scoring.core.fold.people import is_erased
from services.scoring.core.state import Account
from shared.messages.accounts import ADDRESSES
from shared.messages.assessments import Cause
from shared.messages.envelope import Event

_NAMES_NOBODY: Final = frozenset(
    {
        *("score", "survey_kind", "survey_id", "touchpoint", "product", "kind"),
        *("ticket_id", "priority", "opened_at", "first_response_at", "closed_at", "merged_into"),
    }
)
"""What is told of an event whose contact was erased."""


def cause_of(event: Event, untold_since: datetime | None, account: Account) -> Cause:
    """The event as the cause of an assessment of the account into which it was folded."""
    data: dict[str, Any] = msgspec.json.decode(event.data)
    contact = data.get("contact_id") or ""
    if event.type != "contact.erased" and any(is_erased(account, one) for one in _people(data)):
        # It counts, but whoever it was of is not brought back by it.
        data = {name: value for name, value in data.items() if name in _NAMES_NOBODY}
    elif event.type == "contact.updated" and isinstance(traits := data.get("traits"), dict):
        data["traits"] = {name: value for name, value in traits.items() if name not in ADDRESSES}
    return Cause(
        kind="event",
        source=event.source,
        id=event.id,
        type=event.type,
        time=event.time,
        accepted=untold_since,
        data=data,
        contact_name=account.state.name_of(contact),
        contact_role=account.state.role_of(contact),
    )


def _people(data: dict[str, Any]) -> Iterator[str]:
    return (one for name in ("contact_id", "requester") if isinstance(one := data.get(name), str))

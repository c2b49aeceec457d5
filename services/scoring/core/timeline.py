"""What an account's timeline has: a row for each event that isn't usage, and for each move of its band.

Claims let an event be counted once, and its row says nothing but what it said itself, so no order can be seen in the
rows. Of a contact who was erased the row stays, without their words and under a digest.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from services.scoring.core.fold.people import is_erased
from services.scoring.core.fold.traits import tells_nothing
from services.scoring.core.state import Account
from services.scoring.core.surveys import KEPT
from shared.messages.accounts import ADDRESSES, OURS, AccountUpdated, ContactUpdated, NoteAdded, is_ours
from shared.messages.assessments import AccountAssessed
from shared.messages.envelope import Event
from shared.messages.erasing import digest_of

MOVED: Final = "account.assessed"
"""The type of rows that tell of another band: decisions, and no part of what is folded."""
_SUBJECTS: Final = (
    *("ticket_id", "invoice_id", "subscription_id", "milestone", "measure", "invitation_id", "goal_id"),
    "renewal_id",
)


class TimelineRow(NamedTuple):
    """One thing that happened. `data` is JSON, None where one of its contacts was erased."""

    account_id: str
    at: datetime
    source: str
    id: str
    type: str
    contact_id: str | None
    requester: str | None
    """Who wrote a ticket, where that is another contact than whose it is."""
    subject: str | None
    """Which ticket, invoice, subscription, milestone, measure, invitation, goal or renewal it is about."""
    data: bytes | None


def row_of(account: Account, event: Event, data: Any, now: datetime) -> TimelineRow | None:
    """The row of an event that was folded into this account; None where it is too old, or the account was erased."""
    at = data.at or event.time if isinstance(data, NoteAdded) else event.time
    if account.state.erased or at < now - KEPT:
        return None
    if isinstance(data, AccountUpdated) and tells_nothing(event):
        # Of what is ours alone nobody need read.
        return None
    requester = getattr(data, "requester", None)
    contact = getattr(data, "contact_id", None) or requester
    people = [contact, None if requester == contact else requester]
    erased = [one is not None and is_erased(account, one) for one in people]
    who, writer = (digest_of(one) if gone and one else one for one, gone in zip(people, erased, strict=True))
    subject = next((value for name in _SUBJECTS if isinstance(value := getattr(data, name, None), str)), None)
    said = None if any(erased) else _kept(event, data)
    return TimelineRow(account.id, at, event.source, event.id, event.type, who, writer, subject, said)


def moved(account_id: str, assessed: AccountAssessed, id: str, source: str) -> TimelineRow | None:
    """The row of an assessment that moved the band."""
    if assessed.band == assessed.previous_band:
        return None
    said = {name: getattr(assessed, name) for name in ("rev", "score", "previous_score", "band", "previous_band")}
    return TimelineRow(account_id, assessed.at, source, id, MOVED, None, None, None, msgspec.json.encode(said))


def _kept(event: Event, data: Any) -> bytes:
    """An event's data as it was sent, which is at most 64 KiB; without addresses, and traits that are ours."""
    raw = bytes(event.data)
    ours = isinstance(data, AccountUpdated) and OURS.encode() in raw.lower()
    of_contact = isinstance(data, ContactUpdated)
    if not (ours or of_contact):
        return raw
    said: dict[str, Any] = msgspec.json.decode(raw)
    traits: Mapping[str, Any] = said.get("traits") or {}
    said["traits"] = {
        name: value for name, value in traits.items() if not (name in ADDRESSES if of_contact else is_ours(name))
    }
    return msgspec.json.encode(said)

"""An event as the cause of an assessment, which travels on and is kept by others: without what is none of theirs."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from services.scoring.core.fold.people import is_erased
from services.scoring.core.state import Account
from shared.messages.accounts import ADDRESSES, ContactErased
from shared.messages.assessments import Cause
from shared.messages.envelope import Event
from shared.messages.erasing import MOST_TEXTS, NAMES_NOBODY, said


def cause_of(event: Event, untold_since: datetime | None, account: Account) -> Cause:
    """The event as the cause of an assessment of the account into which it was folded."""
    data: dict[str, Any] = msgspec.json.decode(event.data)
    contact = data.get("contact_id") or ""
    if event.type != "contact.erased" and any(is_erased(account, one) for one in _people(data)):
        # It counts, but whoever it was of is not brought back by it.
        data = {name: value for name, value in data.items() if name in NAMES_NOBODY}
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


def of_news(cause: Cause, before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Cause, bool]:
    """An `account.updated` with those traits alone that are others than before, and whether there is none.

    A CRM that sends back what it was told says nothing: nobody shall take it for news.
    """
    traits = cause.data.get("traits") or {}
    changed = {name: traits[name] for name in after if name in traits and before[name] != after[name]}
    return msgspec.structs.replace(cause, data={**cause.data, "traits": changed}), not changed


def erased_of(account: Account, data: ContactErased, wrote: Iterable[str] = ()) -> ContactErased:
    """Whom others shall forget, with what they are found by, as the account still knows it: their name, and the
    beginnings of what they `wrote`."""
    cells = account.state.contacts.get(data.contact_id, {})
    latest = (cells[kind].value[1] for kind in ("nps", "csat", "ces") if kind in cells)
    comments = map(said, [*latest, *account.wrote.get(data.contact_id, ()), *wrote])
    texts = (account.state.name_of(data.contact_id), *data.texts, *comments)
    return ContactErased(contact_id=data.contact_id, texts=list(dict.fromkeys(filter(None, texts)))[:MOST_TEXTS])


def _people(data: dict[str, Any]) -> Iterator[str]:
    return (one for name in ("contact_id", "requester") if isinstance(one := data.get(name), str))

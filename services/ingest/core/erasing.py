"""Events that erase, and which others are of whom they erase."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

import msgspec

from services.ingest.core.checking import Checked
from shared.messages import envelope
from shared.messages.accounts import AccountErased, ContactErased
from shared.messages.erasing import Forgetting
from shared.messages.registry import RETENTION_DAYS

ERASES: Final = (*AccountErased.types, *ContactErased.types)
_contact = msgspec.json.Decoder(ContactErased)


def forgotten_by(events: Iterable[Checked]) -> list[Forgetting]:
    """Whom these events erase, of which account each."""
    return [_forgotten_by(event) for event in events if event.type in ERASES]


def gone_by(now: datetime) -> datetime:
    """When the topics have forgotten what was accepted up to now."""
    return now + timedelta(days=RETENTION_DAYS)


def is_of(value: bytes, forgetting: Forgetting) -> bool:
    """Whether an event is of whom is to be forgotten."""
    return forgetting.is_about(msgspec.json.decode(envelope.decode(value).data))


def _forgotten_by(event: Checked) -> Forgetting:
    if event.type in AccountErased.types:
        return Forgetting(event.subject)
    return Forgetting.of(event.subject, _contact.decode(event.attributes["data"]))

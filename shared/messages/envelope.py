"""The envelope of every message: CloudEvents 1.0 in JSON."""

from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from shared.messages.fields import Time

SPECVERSION: Final = "1.0"


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One CloudEvent whose data is not decoded yet.

    `subject` is the account id and the key on every topic; `time` says when it happened, in UTC. Two events are the
    same when `source`, `id` and `subject` are the same and their times lie on equal or adjacent UTC days
    (`docs/events.md`). Attributes that Keepwell doesn't know are left in the bytes.
    """

    id: str
    source: str
    type: str
    subject: str
    time: Time
    data: msgspec.Raw = msgspec.Raw(b"{}")
    specversion: Literal["1.0"] = SPECVERSION
    datacontenttype: str = "application/json"
    history: str | None = None
    """The import's id when this event is history: it moves state and fires nothing."""
    accepted: Time | None = None
    """When ingest accepted it; the start of every latency that is measured."""
    timeless: bool | None = None
    """True when the sender gave no `time`: such an event is recognised again for 24 hours only."""


_decoder = msgspec.json.Decoder(Event)


def decode(value: bytes) -> Event:
    """Read an envelope. Raises `msgspec.DecodeError` (or its `ValidationError`), whose text says what was wrong."""
    return _decoder.decode(value)


def encode(event: Event) -> bytes:
    """Write an envelope, leaving out the optional attributes that are not set."""
    attributes: dict[str, Any] = {
        "specversion": event.specversion,
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "subject": event.subject,
        "time": event.time,
        "datacontenttype": event.datacontenttype,
    }
    for name in ("history", "accepted", "timeless"):
        value = getattr(event, name)
        if value is not None:
            attributes[name] = value
    attributes["data"] = event.data
    return msgspec.json.encode(attributes)


def wrap(
    data: msgspec.Struct,
    *,
    id: str,
    source: str,
    type: str,
    subject: str,
    time: datetime,
    accepted: datetime | None = None,
    history: str | None = None,
) -> Event:
    """Put typed data in an envelope."""
    return Event(
        id=id,
        source=source,
        type=type,
        subject=subject,
        time=time,
        data=msgspec.Raw(msgspec.json.encode(data)),
        accepted=accepted,
        history=history,
    )

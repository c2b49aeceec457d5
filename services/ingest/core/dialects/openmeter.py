"""What OpenMeter's clients send: CloudEvents whose `type` is the feature, to us, and whose `subject` is the account.

https://openmeter.io/docs/metering/events
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec

from services.ingest.core.attributes import LARGEST_SENT, any_json
from services.ingest.core.dialects.fields import user_in, within
from services.ingest.core.dialects.ruling import Seen, name_in, ruled
from services.ingest.core.mapping import Mapping, account_in, at
from services.ingest.core.reading import json_fault
from services.ingest.core.sent import Record
from shared.messages.dates import settled

_time = msgspec.json.Decoder(Annotated[datetime, msgspec.Meta(tz=True)])
DOOR: Final = "openmeter"
KIND: Final = "meter"
"""Of records, as a mapping's rules name it."""


def records(raws: Sequence[msgspec.Raw], mapping: Mapping) -> list[Record]:
    """Each event as a record; one that can't be read is refused by itself."""
    return [_record(bytes(raw), mapping) for raw in raws]


def again(sent: bytes, mapping: Mapping, now: datetime) -> list[Record]:  # noqa: ARG001
    """The record, from what was kept of it."""
    return [_record(sent, mapping)]


def _record(sent: bytes, mapping: Mapping) -> Record:
    if len(sent) > LARGEST_SENT:
        words = f"The event has {len(sent):,} bytes; at most {LARGEST_SENT:,} are taken."
        return Record(sent=sent[:LARGEST_SENT], refused=("too_large", words))
    try:
        event = any_json.decode(sent)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Record(sent=sent, refused=("invalid_json", f"The event is not valid JSON: {json_fault(error)}."))
    if not isinstance(event, dict):
        return Record(sent=sent, refused=("invalid_event", "An event must be a JSON object: a CloudEvent."))
    id, feature = event.get("id"), event.get("type")
    known = within(id) if isinstance(id, str) and id.strip() else None
    if known is None:
        words = "The event has no id of text. Give each an id of its own, and send the same id when you send it again."
        return Record(sent=sent, refused=("missing_id", words))
    if not isinstance(feature, str) or not feature.strip():
        return Record(
            sent=sent, id=known, refused=("missing_type", "The event has no type, which names what was used.")
        )
    try:
        time = _instant(event.get("time"))
    except (msgspec.ValidationError, OverflowError):
        words = "time must be an RFC 3339 time with a zone, such as 2026-05-20T09:30:00Z."
        return Record(sent=sent, id=known, refused=("invalid_time", words))
    seen = Seen(
        id=known,
        kind=KIND,
        name=feature,
        look=lambda path: at(event, path),
        time=time,
        account=account_in(event, mapping.account) or name_in(event.get("subject")),
        user=user_in(at(event, ("data", "user_id"))),
        source=name_in(event.get("source")),
        quantity=at(event, ("data", "value")),
    )
    said, why = ruled(seen, mapping)
    return Record(sent=sent, id=known, said=(said,) if said else (), why=why)


def _instant(time: Any) -> datetime | None:
    if isinstance(time, str):
        time = settled(time)
    return None if time is None else _time.decode(msgspec.json.encode(time)).astimezone(UTC)

"""What clients of Segment send, and of RudderStack and Jitsu, which speak as they do.

https://segment.com/docs/connections/spec/common and https://segment.com/docs/connections/sources/catalog/libraries/server/http-api
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from services.ingest.core.dialects.fields import (
    Unread,
    ahead_of,
    id_of,
    instant_in,
    object_in,
    set_right,
    user_in,
    without_bom,
)
from services.ingest.core.dialects.ruling import Seen, ruled
from services.ingest.core.mapping import Mapping, account_in, at
from services.ingest.core.reading import Unreadable, json_fault
from services.ingest.core.sent import Knows, Record

MOST: Final = 10_000
"""Records in a request: far more than any client sends, and a second's work."""
KINDS: Final = ("track", "identify", "group", "page", "screen", "alias")
BATCHES: Final = ("batch", "import")
_CHANGING: Final = frozenset({"sentAt", "receivedAt", "writeKey", "integrations"})
"""What may differ when a record is sent again."""


class _Batch(msgspec.Struct, rename="camel"):
    batch: list[msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET
    sent_at: msgspec.Raw = msgspec.Raw(b"null")
    context: msgspec.Raw = msgspec.Raw(b"null")


_batch = msgspec.json.Decoder(_Batch)


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A record, with what is the same in all of them read."""

    sent: bytes
    id: str
    kind: str
    record: dict[str, Any]
    account: str | None
    user: str | None
    time: datetime | None
    now: datetime


def records(body: bytes, kind: str, mapping: Mapping, now: datetime) -> list[Record]:
    """What a request to `/v1/KIND` sends. Raises `Unreadable` where it can't be told from one another."""
    body = without_bom(body)
    if kind not in BATCHES:
        return [_record(body, kind, mapping, now, None, None)]
    raws, sent_at, context = _opened(body)
    return [_record(bytes(raw), "", mapping, now, sent_at, context) for raw in raws]


def _opened(body: bytes) -> tuple[Sequence[msgspec.Raw], Any, Any]:
    try:
        found = _batch.decode(body)
        sent_at, context = (msgspec.json.decode(raw) for raw in (found.sent_at, found.context))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable("invalid_json", f"The body can't be read as a batch: {json_fault(error)}.") from None
    if found.batch is msgspec.UNSET:
        raise Unreadable("no_batch", "The body has no 'batch'. Send the records in it, as a list.")
    if len(found.batch) > MOST:
        words = f"{len(found.batch):,} records are too many for one request. Send at most {MOST:,} at a time."
        raise Unreadable("too_many", words, 413)
    return found.batch, sent_at, context


def _record(sent: bytes, kind: str, mapping: Mapping, now: datetime, sent_at: Any, context: Any) -> Record:
    try:
        record = object_in(sent)
    except Unread as error:
        return error.record(sent)
    id = id_of(record.get("messageId"), record, _CHANGING)
    try:
        if isinstance(context, dict):
            own = record.get("context")
            record["context"] = {**context, **own} if isinstance(own, dict) else context
        kind = kind or record.get("type") or record.get("action") or ""
        read = _KINDS.get(kind) if isinstance(kind, str) else None
        if read is None:
            words = f"The record's type is {kind!r}; known are {', '.join(_KINDS)}."
            raise Unread("unknown_type", words)
        time = instant_in(record.get("originalTimestamp") or record.get("timestamp"), "timestamp")
        skew = ahead_of(record.get("sentAt") if sent_at is None else sent_at, now) if time is not None else timedelta(0)
        call = Call(
            sent=sent,
            id=id,
            kind=kind,
            record=record,
            account=account_in(record, mapping.account),
            user=user_in(record.get("userId"), record.get("anonymousId")),
            time=set_right(time, skew),
            now=now,
        )
        return read(call, mapping)
    except Unread as error:
        return error.record(sent, id)


def _track(call: Call, mapping: Mapping) -> Record:
    event = call.record.get("event")
    if not isinstance(event, str) or not event.strip():
        raise Unread("missing_event", "A track needs the name of what happened, as text in 'event'.")
    return _use(call, mapping, event.strip())


def _page(call: Call, mapping: Mapping) -> Record:
    name = call.record.get("name")
    named = isinstance(name, str) and name.strip()
    return _use(call, mapping, named or f"{call.kind} view")


def _use(call: Call, mapping: Mapping, event: str) -> Record:
    record = call.record
    seen = Seen(
        id=call.id,
        kind=call.kind,
        name=event,
        look=lambda path: at(record, path),
        time=call.time,
        account=call.account,
        user=call.user,
    )
    said, why = ruled(seen, mapping)
    return Record(sent=call.sent, id=call.id, said=(said,) if said else (), knows=_knows(call), why=why)


def _knows(call: Call) -> tuple[Knows, ...]:
    if call.user is None or call.account is None:
        return ()
    return (Knows(call.user, call.account, call.time or call.now),)


_KINDS: Final[dict[str, Callable[[Call, Mapping], Record]]] = {"track": _track, "page": _page, "screen": _page}

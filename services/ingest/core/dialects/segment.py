"""What clients of Segment send, and of RudderStack and Jitsu, which speak as they do.

https://segment.com/docs/connections/spec/common and https://segment.com/docs/connections/sources/catalog/libraries/server/http-api
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from services.ingest.core.dialects import b2b
from services.ingest.core.dialects.batches import opened
from services.ingest.core.dialects.calls import Call
from services.ingest.core.dialects.fields import (
    Unread,
    ahead_of,
    id_of,
    instant_in,
    object_in,
    set_right,
    user_in,
)
from services.ingest.core.dialects.ruling import name_in
from services.ingest.core.dialects.traits import of_account, of_contact, told
from services.ingest.core.mapping import Mapping, account_in, at
from services.ingest.core.reading import without_bom
from services.ingest.core.sent import Record, Same

DOOR: Final = "segment"
KINDS: Final = ("track", "identify", "group", "page", "screen", "alias")
BATCHES: Final = ("batch", "import")
_TELLING: Final = frozenset({"identify", "group", "alias"})
"""Kinds that name no event. A mapping may drop them by their kind."""
_CHANGING: Final = frozenset({"sentAt", "receivedAt", "writeKey", "integrations"})
"""What may differ when a record is sent again."""


def records(body: bytes, kind: str, mapping: Mapping, now: datetime) -> list[Record]:
    """What a request to `/v1/KIND` sends. Raises `Unreadable` where its records can't be told from one another."""
    if kind not in BATCHES:
        return [_record(without_bom(body), kind, mapping, now, None, None)]
    batch = opened(body)
    sent_at, context = batch.more("sentAt"), batch.more("context")
    skew = None if sent_at is None else ahead_of(sent_at, now)
    return [_record(raw, "", mapping, now, skew, context) for raw in batch.records]


def again(record: bytes, mapping: Mapping, at: datetime) -> list[Record]:
    """One record as it was kept, once more."""
    return [_record(record, "", mapping, at, None, None)]


def _record(sent: bytes, kind: str, mapping: Mapping, now: datetime, skew: timedelta | None, context: Any) -> Record:
    try:
        record = object_in(sent)
    except Unread as error:
        return error.record(sent)
    id = id_of(record.get("messageId"), record, _CHANGING)
    try:
        if isinstance(context, dict):
            own = record.get("context")
            record["context"] = {**context, **own} if isinstance(own, dict) else context
        if kind and record.get("type") != kind:
            # The path says what it is. What is kept of it must say so by itself.
            sent = msgspec.json.encode({**record, "type": kind})
        kind = kind or record.get("type") or record.get("action") or ""
        read = _READS.get(kind) if isinstance(kind, str) else None
        if read is None:
            words = f"The record's type is {str(kind)[:50]!r}; known are {', '.join(KINDS)}."
            raise Unread("unknown_type", words)
        time = instant_in(record.get("originalTimestamp") or record.get("timestamp"), "timestamp")
        if time is not None:
            time = set_right(time, ahead_of(record.get("sentAt"), now) if skew is None else skew)
        call = Call(
            sent=sent,
            id=id,
            kind=kind,
            record=record,
            account=account_in(record, mapping.account)
            or (name_in(record.get("groupId")) if kind == "group" else None),
            user=user_in(record.get("userId"), record.get("anonymousId")),
            time=time,
            at=time or now,
        )
        rule = mapping.rule_for(kind, kind) if kind in _TELLING else None
        if rule is not None and rule.kind == kind and not rule.type:
            return call.nothing(mapping.why_dropped(rule))
        return read(call, mapping)
    except Unread as error:
        return error.record(sent, id)


def _track(call: Call, mapping: Mapping) -> Record:
    event = call.record.get("event")
    if not isinstance(event, str) or not event.strip():
        raise Unread("missing_event", "A track needs the name of what happened, as text in 'event'.")
    event = event.strip()
    if event in b2b.EVENTS and mapping.rule_for(call.kind, event) is None:
        return _of_the_spec(call, event)
    return _use(call, mapping, event)


def _page(call: Call, mapping: Mapping) -> Record:
    name = call.record.get("name")
    named = isinstance(name, str) and name.strip()
    return _use(call, mapping, named or f"{call.kind} view")


def _use(call: Call, mapping: Mapping, event: str) -> Record:
    said, why = call.use(event, mapping)
    return Record(sent=call.sent, id=call.id, said=(said,) if said else (), knows=call.knows(), why=why)


def _of_the_spec(call: Call, event: str) -> Record:
    props = call.record.get("properties")
    found = b2b.EVENTS[event](props if isinstance(props, dict) else {}, user_in(call.record.get("userId")))
    said = tuple(call.said(type, data, place) for place, (type, data) in enumerate(found, 1))
    knows = () if event in b2b.LEAVE else call.knows()
    return Record(sent=call.sent, id=call.id, said=said, knows=knows, why="" if said else f"{event!r} is no use")


def _identify(call: Call, _: Mapping) -> Record:
    record = call.record
    user, anonymous = user_in(record.get("userId")), user_in(record.get("anonymousId"))
    if user is None:
        return call.nothing("somebody anonymous is no contact; their traits are not kept", knows=call.knows())
    # RudderStack's clients for Python have them in the context alone.
    traits, left = of_contact(record.get("traits") or at(record, ("context", "traits")))
    said = call.said("contact.updated", {"contact_id": user, "traits": traits, "user_ids": [user]})
    same = (Same(anonymous, user, call.at),) if anonymous not in {None, user} else ()
    return Record(sent=call.sent, id=call.id, said=(said,), knows=call.knows(), same=same, why=told(left))


def _group(call: Call, mapping: Mapping) -> Record:
    if call.account is None:
        raise Unread("missing_account", "A group needs the account's id, in 'groupId'.")
    traits, left = of_account(call.record.get("traits"), mapping)
    said = call.said("account.updated", {"traits": traits})
    return Record(sent=call.sent, id=call.id, said=(said,), knows=call.knows(), why=told(left))


def _alias(call: Call, _: Mapping) -> Record:
    user, previous = user_in(call.record.get("userId")), user_in(call.record.get("previousId"))
    if user is None or previous is None:
        raise Unread("missing_user", "An alias needs both names of the user, in 'userId' and 'previousId'.")
    same = (Same(previous, user, call.at),) if previous != user else ()
    return call.nothing("says who is who, and no more", knows=call.knows(), same=same)


_READS: Final[dict[str, Callable[[Call, Mapping], Record]]] = {
    "track": _track,
    "identify": _identify,
    "group": _group,
    "page": _page,
    "screen": _page,
    "alias": _alias,
}

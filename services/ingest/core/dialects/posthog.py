"""What clients of PostHog send.

https://posthog.com/docs/api/capture
"""

from collections.abc import Callable
from collections.abc import Mapping as Named
from datetime import UTC, datetime, timedelta
from typing import Any, Final

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
from services.ingest.core.mapping import Mapping, account_in
from services.ingest.core.reading import without_bom
from services.ingest.core.sent import Record, Said, Same

DOOR: Final = "posthog"
KIND: Final = "capture"
"""Of records, as a mapping's rules name it."""
_OF_PERSON: Final = ("$set_once", "$set")
_EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CHANGING: Final = frozenset({"sent_at", "api_key", "token"})
Props = Named[str, Any]
_GROUPS: Final = ("properties", "$groups")


def records(body: bytes, mapping: Mapping, now: datetime) -> list[Record]:
    """What a request sends: a batch, a list, or one event. Raises `Unreadable`."""
    body = without_bom(body).strip()
    if body[:1] == b"{" and b'"batch"' not in body:
        return [_record(body, mapping, now, None)]
    batch = opened(body)
    sent_at = batch.more("sent_at")
    skew = None if sent_at is None else ahead_of(sent_at, now)
    return [_record(raw, mapping, now, skew) for raw in batch.records]


def again(record: bytes, mapping: Mapping, at: datetime) -> list[Record]:
    """One record as it was kept, once more."""
    return [_record(record, mapping, at, None)]


def _record(sent: bytes, mapping: Mapping, now: datetime, skew: timedelta | None) -> Record:
    try:
        record = object_in(sent)
    except Unread as error:
        return error.record(sent)
    id = id_of(record.get("uuid"), record, _CHANGING)
    try:
        event = record.get("event")
        if not isinstance(event, str) or not event.strip():
            raise Unread("missing_event", "The record needs the name of what happened, as text in 'event'.")
        time = instant_in(record.get("timestamp"), "timestamp")
        if time is not None:
            time = set_right(time, ahead_of(record.get("sent_at"), now) if skew is None else skew)
        props = record.get("properties")
        if not isinstance(props, dict):
            props = {}
        call = Call(
            sent=sent,
            id=id,
            kind=KIND,
            record=record,
            account=account_in(record, mapping.account),
            # Where nobody was named, clients make an id up, and say so.
            user=None
            if props.get("$process_person_profile") is False
            else user_in(record.get("distinct_id"), props.get("distinct_id")),
            time=time,
            at=time or now,
        )
        read = _READS.get(event)
        return _event(call, event.strip(), props, mapping) if read is None else read(call, props, mapping)
    except Unread as error:
        return error.record(sent, id)


def _event(call: Call, event: str, props: Props, mapping: Mapping) -> Record:
    said, why = call.use(event, mapping)
    events: tuple[Said, ...] = (said,) if said else ()
    record = call.record
    if "$set" in props or "$set" in record or "$set_once" in props or "$set_once" in record:
        told_of, left = _person(call, props, place=2 if said else 1)
        events, why = events + told_of, why or told(left)
    return Record(sent=call.sent, id=call.id, said=events, knows=call.knows(), why=why)


def _identify(call: Call, props: Props, _: Mapping) -> Record:
    if call.user is None:
        raise Unread("missing_user", "The record needs who it is about, in 'distinct_id'.")
    told_of, left = _person(call, props, anyway=True)
    anonymous = user_in(props.get("$anon_distinct_id"))
    same = (Same(anonymous, call.user, call.at),) if anonymous and anonymous != call.user else ()
    return Record(sent=call.sent, id=call.id, said=told_of, knows=call.knows(), same=same, why=told(left))


def _person(call: Call, props: Props, *, place: int = 1, anyway: bool = False) -> tuple[tuple[Said, ...], list[str]]:
    """What is said of the person, once or for good; and what of it is left out."""
    given: dict[str, Any] = {}
    for name in _OF_PERSON:
        for where in (call.record, props):
            if isinstance(found := where.get(name), dict):
                given |= found
    if call.user is None or not (given or anyway):
        return (), []
    traits, left = of_contact(given)
    data = {"contact_id": call.user, "traits": traits, "user_ids": [call.user]}
    return (call.said("contact.updated", data, place),), left


def _group(call: Call, props: Props, mapping: Mapping) -> Record:
    """A group of the kind that the mapping takes for accounts. Who it is said to be sent by is made up."""
    kind, key = props.get("$group_type"), name_in(props.get("$group_key"))
    kinds = [path[2] for path in mapping.account if path[:2] == _GROUPS and len(path) == 3]
    if kind not in kinds:
        return call.nothing(f"groups of the type {str(kind)[:50]!r} are no accounts")
    if key is None:
        raise Unread("missing_account", "A group needs the account's id, in '$group_key'.")
    traits, left = of_account(props.get("$group_set"), mapping)
    said = Said(id=call.id, type="account.updated", data={"traits": traits}, time=call.time, account=key)
    return Record(sent=call.sent, id=call.id, said=(said,), why=told(left))


def _alias(call: Call, props: Props, _: Mapping) -> Record:
    user, alias = user_in(call.record.get("distinct_id")), user_in(props.get("alias"))
    if user is None or alias is None:
        raise Unread("missing_user", "An alias needs both names of the user, in 'distinct_id' and 'alias'.")
    # Clients differ in which of the two they call the alias: so it counts for less than whatever is said of either.
    same = (Same(alias, user, _EVER),) if alias != user else ()
    return call.nothing("says who is who, and no more", same=same)


_READS: Final[Named[str, Callable[[Call, Props, Mapping], Record]]] = {
    "$identify": _identify,
    "$set": _identify,
    "$groupidentify": _group,
    "$create_alias": _alias,
    "$merge_dangerously": _alias,
}

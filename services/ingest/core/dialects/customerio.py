"""What clients of Customer.io's Track API send: who a person is, and what they did.

https://customer.io/docs/api/track/. A person's attributes become a contact's traits, an event becomes a use of what it
names. For mappings, attributes stand under `traits`, and an event's data under `properties`.
"""

from collections.abc import Mapping as Named
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from services.ingest.core.attributes import LARGEST_SENT, any_json
from services.ingest.core.dialects import batches, fields
from services.ingest.core.dialects.fields import user_in, within
from services.ingest.core.dialects.ruling import Seen, name_in, number_of, ruled
from services.ingest.core.dialects.traits import of_account, of_contact, told
from services.ingest.core.mapping import Mapping, account_in, at
from services.ingest.core.reading import Unreadable, json_fault
from services.ingest.core.sent import Knows, Record, Said

DOOR: Final = "customerio"
_encode: Final = msgspec.json.encode
_NO_TRAITS: Final = frozenset({"cio_relationships", "anonymous_id", "_update", "_last_visit"})
_KINDS: Final = frozenset({"page", "screen"})
_OBJECT_PATHS: Final = (("identifiers", "object_id"), ("object_id",))
NOTHING: Final = {
    "delete": "a profile that is deleted there stays a contact here: erase it with contact.erased",
    "unsuppress": "consent is given again by contact.consented alone",
}
"""What is taken and changes nothing, and why."""


def object_in(body: bytes) -> dict[str, Any]:
    """A request's JSON object; an empty body is an empty one. Raises `Unreadable`."""
    if not body.strip():
        return {}
    try:
        body.decode()
        found = any_json.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unreadable("invalid_json", f"The body is not valid JSON: {json_fault(error)}.") from None
    except UnicodeDecodeError as error:
        raise Unreadable("invalid_json", f"The body is not UTF-8 text: see byte {error.start}.") from None
    if not isinstance(found, dict):
        raise Unreadable("invalid_json", "The body must be a JSON object.")
    return found


def is_event(found: Named[str, Any]) -> bool:
    """Whether what came to a path that is OpenMeter's, too, is an event of Customer.io's: it is no CloudEvent."""
    return "name" in found and not {"specversion", "source", "subject"} & found.keys()


def identified(person: str, attributes: Named[str, Any], mapping: Mapping, now: datetime) -> Record:
    """That a person has these attributes: `contact.updated`."""
    record = {"userId": person, "traits": dict(attributes)}
    sent, person = _encode(record), within(person)
    account = account_in(record, mapping.account) or _related(attributes.get("cio_relationships"))
    time = _time(attributes.get("_timestamp"))
    traits, left = of_contact({name: value for name, value in attributes.items() if name not in _NO_TRAITS})
    said = Said(
        # Sent again it is the same state; sent in between with another, it must count: so by when it came.
        id=_id("identify", sent, now),
        type="contact.updated",
        data={"contact_id": person, "user_ids": [person], "traits": traits},
        time=time,
        account=account,
        user=person,
    )
    knows = (Knows(person, account, time or now),) if account else ()
    return Record(sent=sent, id=said.id, said=(said,), knows=knows, why=told(left))


def tracked(person: str | None, event: Named[str, Any], mapping: Mapping, now: datetime) -> Record:
    """That a person, or somebody unknown, did something."""
    data = event.get("data") if isinstance(event.get("data"), dict) else {}
    record = {**event, "userId": person, "properties": data}
    sent, person = _encode({**event, "userId": person}), person and within(person)
    name, kind = name_in(event.get("name")), event.get("type")
    if name is None:
        return Record(sent=sent, refused=("missing_name", "The event has no name, which says what was done."))
    time = _time(event.get("timestamp"))
    # With neither an id nor a time, nobody can tell a repeat from a second use: each counts.
    id = user_in(event.get("id")) or _id("event", sent, now if time is None else None)
    account = account_in(record, mapping.account)
    seen = Seen(
        id=id,
        kind=kind if isinstance(kind, str) and kind in _KINDS else "track",
        name=name,
        look=lambda path: at(record, path),
        time=time,
        account=account,
        user=person,
    )
    said, why = ruled(seen, mapping)
    knows = (Knows(person, account, time or now),) if account and person else ()
    return Record(sent=sent, id=id, said=(said,) if said else (), knows=knows, why=why)


def suppressed(person: str, now: datetime) -> Record:
    """That a person is to get no more messages."""
    sent, person = _encode({"userId": person, "action": "suppress"}), within(person)
    id = _id("suppress", sent, now)
    data = {"contact_id": person, "kind": "all"}
    return Record(sent=sent, id=id, said=(Said(id=id, type="contact.unsubscribed", data=data, user=person),))


def again(sent: bytes, mapping: Mapping, now: datetime) -> list[Record]:
    """The record, from what was kept of it. Raises `Unreadable`."""
    found = object_in(sent)
    person, traits = name_in(found.pop("userId", None)), found.get("traits")
    if "identifiers" in found:
        return [operation(found, mapping, now)]
    if person is not None and isinstance(traits, dict) and "name" not in found:
        return [identified(person, traits, mapping, now)]
    action = None if "name" in found else name_in(found.get("action"))
    if action is None:
        return [tracked(person, found, mapping, now)]
    if action == "suppress" and person is not None:
        return [suppressed(person, now)]
    return [Record(sent=sent, why=nothing(action).why)]


def nothing(what: str, **sent: Any) -> Record:
    """What is taken and changes nothing."""
    return Record(sent=_encode({**sent, "action": what}), why=NOTHING.get(what, f"'{what}' says nothing of a customer"))


def operations(body: bytes, mapping: Mapping, now: datetime) -> list[Record]:
    """Those of a batch, in their order: each a microsecond after the one before. Raises `Unreadable`."""
    return [
        _operation(raw, mapping, now + timedelta(microseconds=place))
        for place, raw in enumerate(batches.opened(body).records)
    ]


def _operation(raw: bytes, mapping: Mapping, now: datetime) -> Record:
    try:
        return operation(fields.object_in(raw), mapping, now)
    except fields.Unread as error:
        return error.record(raw[:LARGEST_SENT])


def operation(one: Any, mapping: Mapping, now: datetime) -> Record:
    """One operation of the second version of the API, on a person or on an object, which is an account to us."""
    sent = _encode(one)
    if not isinstance(one, dict) or not isinstance(one.get("identifiers"), dict):
        words = "An operation needs its type, its action, and identifiers."
        return Record(sent=sent, refused=("invalid_operation", words))
    action, found = name_in(one.get("action")) or "", one["identifiers"]
    attributes = one["attributes"] if isinstance(one.get("attributes"), dict) else {}
    if one.get("type") == "object":
        return _object(one, action, attributes, mapping, now)
    person = user_in(*(found.get(key) for key in ("id", "email", "cio_id")))
    if action in {"event", "page", "screen"}:
        event = {**one, "data": attributes, "type": action}
        return tracked(person, event, mapping, now)
    if person is None:
        return Record(sent=sent, refused=("missing_id", "The operation names no person: give identifiers.id."))
    if action in {"identify", "add_relationships"}:
        related = {"cio_relationships": one["cio_relationships"]} if "cio_relationships" in one else {}
        return identified(person, {**attributes, **related}, mapping, now)
    if action == "suppress":
        return suppressed(person, now)
    return nothing(action, userId=person)


def _object(one: Named[str, Any], action: str, traits: Named[str, Any], mapping: Mapping, now: datetime) -> Record:
    sent = _encode(one)
    account = name_in(at(one, ("identifiers", "object_id"))) or name_in(at(one, ("identifiers", "cio_object_id")))
    if account is None:
        words = "The operation names no object: give identifiers.object_id."
        return Record(sent=sent, refused=("missing_id", words))
    if action not in {"identify", "identify_anonymous", "add_relationships"}:
        return nothing(action, groupId=account)
    people = one["cio_relationships"] if isinstance(one.get("cio_relationships"), list) else []
    names = (user_in(at(related, ("identifiers", "id"))) for related in people)
    knows = tuple(Knows(name, account, now) for name in names if name is not None)
    kept, left = of_account(traits, mapping)
    if not kept:
        return Record(sent=sent, knows=knows, why=told(left) or ("" if knows else "it has no attributes"))
    id = _id("object", sent, now)
    said = Said(id=id, type="account.updated", data={"traits": kept}, account=account)
    return Record(sent=sent, id=id, said=(said,), knows=knows, why=told(left))


def _related(relationships: Any) -> str | None:
    """The object that a person is added to: a company, in Customer.io's own examples."""
    if isinstance(relationships, dict):
        relationships = relationships.get("relationships") if relationships.get("action") != "remove" else None
    if not isinstance(relationships, list):
        return None
    found = (name_in(at(one, path)) for one in relationships for path in _OBJECT_PATHS)
    return next((name for name in found if name is not None), None)


def _time(value: Any) -> datetime | None:
    """Seconds since 1970; anything else is no time, as there."""
    seconds = number_of(value)
    try:
        return datetime.fromtimestamp(int(seconds), UTC) if seconds else None
    except (OverflowError, ValueError, OSError):
        return None


def _id(kind: str, sent: bytes, now: datetime | None) -> str:
    at = now.isoformat() if now is not None else ""
    return f"{kind}-{fields.digest(sent + at.encode())[:40]}"

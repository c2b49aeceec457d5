"""What clients of PostHog send.

https://posthog.com/docs/api/capture
"""

from collections.abc import Mapping as Named
from datetime import datetime
from typing import Any, Final

import msgspec

from services.ingest.core.dialects.batches import opened, without_bom
from services.ingest.core.dialects.fields import (
    Unread,
    ahead_of,
    id_of,
    instant_in,
    nth,
    object_in,
    set_right,
    user_in,
)
from services.ingest.core.dialects.ruling import Seen, name_in, ruled
from services.ingest.core.dialects.traits import of_account, of_contact, told
from services.ingest.core.mapping import Mapping, account_in, at
from services.ingest.core.sent import Knows, Record, Said, Same

KIND: Final = "capture"
"""Of records, as a mapping's rules name it."""
_CHANGING: Final = frozenset({"sent_at", "api_key", "token"})
_ALIASES: Final = frozenset({"$create_alias", "$merge_dangerously"})
_GROUPS: Final = ("properties", "$groups")


class _Capture(msgspec.Struct, frozen=True, kw_only=True):
    """A record, with what is the same in all of them read."""

    sent: bytes
    id: str
    event: str
    record: dict[str, Any]
    props: Named[str, Any]
    account: str | None
    user: str | None
    time: datetime | None
    at: datetime
    """The same, or now."""


def records(body: bytes, mapping: Mapping, now: datetime) -> list[Record]:
    """What a request sends: a batch, a list, or one event. Raises `Unreadable`."""
    body = without_bom(body).strip()
    if body[:1] == b"{" and b'"batch"' not in body:
        return [_record(body, mapping, now, None)]
    batch = opened(body)
    sent_at = batch.more("sent_at")
    return [_record(raw, mapping, now, sent_at) for raw in batch.records]


def _record(sent: bytes, mapping: Mapping, now: datetime, sent_at: Any) -> Record:
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
            time = set_right(time, ahead_of(record.get("sent_at") if sent_at is None else sent_at, now))
        props = record.get("properties")
        capture = _Capture(
            sent=sent,
            id=id,
            event=event.strip(),
            record=record,
            props=props if isinstance(props, dict) else {},
            account=account_in(record, mapping.account),
            user=_user_of(record, props),
            time=time,
            at=time or now,
        )
        return _read(capture, mapping)
    except Unread as error:
        return error.record(sent, id)


def _user_of(record: dict[str, Any], props: Any) -> str | None:
    """Who did it. Where nobody was named, clients make an id up, and say so."""
    if not isinstance(props, dict):
        return user_in(record.get("distinct_id"))
    if props.get("$process_person_profile") is False:
        return None
    return user_in(record.get("distinct_id"), props.get("distinct_id"))


def _read(capture: _Capture, mapping: Mapping) -> Record:
    if capture.event == "$groupidentify":
        return _group(capture, mapping)
    if capture.event in _ALIASES:
        return _alias(capture)
    contact, left = _contact(capture)
    said, why, same = list[Said](), "", tuple[Same, ...]()
    if capture.event == "$identify":
        anonymous = user_in(capture.props.get("$anon_distinct_id"))
        if anonymous not in {None, capture.user} and anonymous and capture.user:
            same = (Same(anonymous, capture.user, capture.at),)
    elif capture.event != "$set":
        use, why = _use(capture, mapping)
        said += [use] if use else []
    if contact is not None:
        said.append(_said(capture, "contact.updated", contact, len(said) + 1))
    knows = (Knows(capture.user, capture.account, capture.at),) if capture.user and capture.account else ()
    return Record(sent=capture.sent, id=capture.id, said=tuple(said), knows=knows, same=same, why=why or told(left))


def _use(capture: _Capture, mapping: Mapping) -> tuple[Said | None, str]:
    record = capture.record
    return ruled(
        Seen(
            id=capture.id,
            kind=KIND,
            name=capture.event,
            look=lambda path: at(record, path),
            time=capture.time,
            account=capture.account,
            user=capture.user,
        ),
        mapping,
    )


def _contact(capture: _Capture) -> tuple[dict[str, Any] | None, list[str]]:
    """What is said of the person: once, or for good."""
    given: dict[str, Any] = {}
    for name in ("$set_once", "$set"):
        for where in (capture.record, capture.props):
            found = where.get(name)
            given |= found if isinstance(found, dict) else {}
    if capture.user is None or (not given and capture.event != "$identify"):
        return None, []
    traits, left = of_contact(given)
    return {"contact_id": capture.user, "traits": traits, "user_ids": [capture.user]}, left


def _group(capture: _Capture, mapping: Mapping) -> Record:
    """A group of the kind that the mapping takes for accounts. Who it is said to be sent by is made up."""
    kind, key = capture.props.get("$group_type"), name_in(capture.props.get("$group_key"))
    kinds = [path[2] for path in mapping.account if path[:2] == _GROUPS and len(path) == 3]
    if kind not in kinds:
        why = f"groups of the type {str(kind)[:50]!r} are no accounts"
        return Record(sent=capture.sent, id=capture.id, why=why)
    if key is None:
        raise Unread("missing_account", "A group needs the account's id, in '$group_key'.")
    traits, left = of_account(capture.props.get("$group_set"), mapping)
    said = Said(id=capture.id, type="account.updated", data={"traits": traits}, time=capture.time, account=key)
    return Record(sent=capture.sent, id=capture.id, said=(said,), why=told(left))


def _alias(capture: _Capture) -> Record:
    user, alias = user_in(capture.record.get("distinct_id")), user_in(capture.props.get("alias"))
    if user is None or alias is None:
        raise Unread("missing_user", "An alias needs both names of the user, in 'distinct_id' and 'alias'.")
    same = (Same(alias, user, capture.at),) if alias != user else ()
    return Record(sent=capture.sent, id=capture.id, same=same, why="says who is who, and no more")


def _said(capture: _Capture, type: str, data: dict[str, Any], place: int) -> Said:
    return Said(
        id=nth(capture.id, place),
        type=type,
        data=data,
        time=capture.time,
        account=capture.account,
        user=capture.user,
    )

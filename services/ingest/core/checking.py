"""Checks events one by one: what is well-formed and fits its type goes on, what is not is refused with a sentence.

Attributes and data fields that Keepwell doesn't know are kept, byte for byte.
"""

import base64
import binascii
import difflib
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Annotated, Any, Final

import msgspec

from services.ingest.core.reading import json_fault
from services.ingest.core.senders import NEEDS_OPERATE, Sender, refusal
from services.ingest.core.sentences import about_data
from shared.messages.accounts import AccountMerged, AccountTraits, AccountUpdated
from shared.messages.registry import CUSTOMER_EVENTS
from shared.words import ago, counted, span

LARGEST: Final = 64 * 1024
LONGEST_ID: Final = 128
LONGEST_SOURCE: Final = 256
MOST_ALIASES: Final = 100
DEEPEST: Final = 32
AHEAD: Final = timedelta(hours=24)
BACK: Final = timedelta(days=35)
EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""No event of a customer is older; what says so has an empty date in it."""

Attributes = dict[str, Any]


class Refusal(msgspec.Struct, frozen=True):
    """Why one event was not taken. `index` is its place in the request, from 0."""

    index: int
    id: str | None
    code: str
    message: str


class Checked(msgspec.Struct, frozen=True):
    """An event that may go in, as far as it can be judged by itself. `subject` is an account's id or an alias."""

    index: int
    id: str
    source: str
    type: str
    topic: str
    subject: str
    time: datetime
    history: str | None
    aliases: tuple[str, ...]
    attributes: Attributes


class _Refused(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


_attributes = msgspec.json.Decoder(dict[str, msgspec.Raw])
_any = msgspec.json.Decoder()
_text = msgspec.json.Decoder(str)
_time = msgspec.json.Decoder(Annotated[datetime, msgspec.Meta(tz=True)])
_data = {name: msgspec.json.Decoder(struct) for name, (_, struct) in CUSTOMER_EVENTS.items()}
_TIMES = {
    name: tuple((prefix + field, attrgetter(prefix + field)) for field in of.__struct_fields__ if field.endswith("_at"))
    for name, (_, struct) in CUSTOMER_EVENTS.items()
    for prefix, of in [("traits.", AccountTraits) if struct is AccountUpdated else ("", struct)]
}
"""The times in each type's data: where they stand, and how to get them."""
_encode = msgspec.json.encode
_ALIAS: Final = re.compile(r"[a-z][a-z0-9._-]{0,31}:.+", re.DOTALL)
_ADDRESS: Final = re.compile(r"\s*(?:[^<>@]*<\s*([^\s<>@,;]+@[^\s<>@,;]+)\s*>|[^\s<>@,;]+@[^\s<>@,;]+)\s*")
"""One e-mail address, with blanks around it, or in angle brackets after a name."""
_NO_SEGMENTS: Final = frozenset({".", ".."})
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_JSON: Final = re.compile(r"(application|text)/([\w.+-]+\+)?json\s*(;.*)?", re.IGNORECASE)
_NULL: Final = msgspec.Raw(b"null")
_EMPTY: Final = msgspec.Raw(b"{}")
_TRUE: Final = msgspec.Raw(b"true")
_SPEC: Final = msgspec.Raw(b'"1.0"')


def is_alias(subject: str) -> bool:
    """Whether a subject has an alias's form, `system:name`, such as `stripe:cus_1`."""
    return ":" in subject and _ALIAS.fullmatch(subject) is not None


def check(raws: Sequence[msgspec.Raw], now: datetime, sender: Sender) -> tuple[list[Checked], list[Refusal]]:
    """Judge each event of this sender."""
    accepted = msgspec.Raw(_encode(now))
    default_source = msgspec.Raw(_encode(sender.source))
    good: list[Checked] = []
    refused: list[Refusal] = []
    for index, raw in enumerate(raws):
        try:
            good.append(_checked(index, bytes(raw), now, accepted, default_source, sender))
        except _Refused as error:
            refused.append(Refusal(index, _id_of(raw), error.code, str(error)))
    return good, refused


def _checked(
    index: int, raw: bytes, now: datetime, accepted: msgspec.Raw, source: msgspec.Raw, sender: Sender
) -> Checked:
    attributes = _object(raw)
    id = _name(attributes, "id", LONGEST_ID) if "id" in attributes else ""
    if not id:
        raise _Refused("missing_id", _NO_ID)
    type = _name(attributes, "type", LONGEST_SOURCE) if "type" in attributes else ""
    definition = CUSTOMER_EVENTS.get(type)
    if definition is None:
        raise _unknown_type(type)
    if attributes.setdefault("specversion", _SPEC) != _SPEC:
        raise _Refused(
            "unknown_specversion", "specversion must be '1.0', as text: it is CloudEvents 1.0 that is read here."
        )
    subject = _account(attributes)
    sent_by = _name(attributes, "source", LONGEST_SOURCE) or _text.decode(attributes.setdefault("source", source))
    if (sent_by != sender.source or type in NEEDS_OPERATE) and (reason := refusal(sender, type, sent_by)):
        raise _Refused(*reason)
    history = _name(attributes, "history", LONGEST_ID) if "history" in attributes else None
    time = _instant(attributes, now, history)
    data = _checked_data(attributes, type, definition[1])
    if isinstance(data, AccountMerged) and data.into in {subject, *_NO_SEGMENTS}:
        words = "An account can't go on as itself, nor as '.' or '..'. Put the other account's id in 'into'."
        raise _Refused("invalid_data", words)
    aliases: tuple[str, ...] = ()
    if isinstance(data, AccountUpdated):
        aliases = _aliases(data)
        _check_owner(data.traits.owner)
    attributes["accepted"] = accepted
    return Checked(index, id, sent_by, type, definition[0], subject, time, history, aliases, attributes)


def _object(raw: bytes) -> dict[str, msgspec.Raw]:
    if len(raw) > LARGEST:
        words = f"The event has {len(raw):,} bytes; at most {LARGEST:,} are taken. Send less in it, or a link instead."
        raise _Refused("too_large", words)
    try:
        attributes = _attributes.decode(raw)
        whole = _any.decode(raw)
    except msgspec.ValidationError as error:
        if raw[:1] != b"{":
            raise _Refused("invalid_event", "An event must be a JSON object with id, type, account and data.") from None
        raise _Refused("invalid_json", f"The event can't be read: {json_fault(error)}.") from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise _Refused("invalid_json", f"The event is not valid JSON: {json_fault(error)}.") from None
    if b"\\u0000" in raw or raw.count(b"[") + raw.count(b"{") > DEEPEST:
        _check_plain(whole, 0)
    if b"null" in raw:
        attributes = {name: value for name, value in attributes.items() if value != _NULL}
    return attributes


def _check_plain(value: Any, depth: int) -> None:
    """What no database keeps as text, and what only an attack nests, stays out."""
    if depth > DEEPEST:
        raise _Refused("invalid_json", f"The event is nested deeper than {DEEPEST} levels. Send it flatter.")
    if isinstance(value, str) and "\0" in value:
        raise _Refused("invalid_text", "The event holds a NUL character (\\u0000) in a text. Leave it out.")
    if isinstance(value, dict):
        for name, inner in value.items():
            _check_plain(name, depth)
            _check_plain(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _check_plain(inner, depth + 1)


def _name(attributes: Attributes, name: str, longest: int) -> str:
    """A text attribute of the envelope; empty where it is empty or missing."""
    raw = attributes.get(name)
    if raw is None:
        return ""
    try:
        value = _text.decode(raw)
    except msgspec.ValidationError:
        raise _Refused(f"invalid_{name}", f"{name} must be text in quotes. Send it as a JSON string.") from None
    if not value.strip():
        del attributes[name]
        return ""
    if len(value) > longest:
        raise _Refused(f"invalid_{name}", f"{name} has {len(value)} characters; at most {longest} are taken.")
    if not value.isprintable() and _CONTROL.search(value):
        raise _Refused(f"invalid_{name}", f"{name} holds a control character. Leave it out.")
    return value


def _account(attributes: Attributes) -> str:
    account = _named_account(attributes)
    if account in _NO_SEGMENTS:
        words = f"{account!r} can't be an account's id: no address on the web could name it. Give it another."
        raise _Refused("invalid_account", words)
    return account


def _named_account(attributes: Attributes) -> str:
    subject = _name(attributes, "subject", LONGEST_ID)
    if "account" not in attributes:
        if not subject:
            raise _Refused("missing_account", _NO_ACCOUNT)
        return subject
    account = _name(attributes, "account", LONGEST_ID)
    if subject and account and subject != account:
        words = "The event has both 'account' and 'subject', and they differ. Send the account's id in one of them."
        raise _Refused("invalid_account", words)
    if not (subject or account):
        raise _Refused("missing_account", _NO_ACCOUNT)
    if account:
        attributes["subject"] = attributes.pop("account")
    return account or subject


def _instant(attributes: Attributes, now: datetime, history: str | None) -> datetime:
    raw = attributes.get("time")
    attributes.pop("timeless", None)
    if raw is None:
        if history:
            raise _Refused("missing_time", "An event of history needs 'time': when it happened, not when it is sent.")
        attributes["time"], attributes["timeless"] = msgspec.Raw(_encode(now)), _TRUE
        return now
    try:
        time: datetime = _time.decode(raw)
        if time.tzinfo is not UTC:
            time = time.astimezone(UTC)
            attributes["time"] = msgspec.Raw(_encode(time))
    except (msgspec.ValidationError, OverflowError):
        words = "time must be an RFC 3339 time with a zone, such as 2026-05-20T09:30:00Z."
        raise _Refused("invalid_time", words) from None
    if time > now + AHEAD:
        ahead = time - now
        long = span(ahead) if ahead.days > 2 else counted(ahead / timedelta(hours=1), "hour")
        words = f"time is {long} in the future; at most 24 hours are taken. Check the sender's clock."
        raise _Refused("in_future", words)
    if time < EARLIEST:
        words = f"time is {time.date().isoformat()}, before 1970: it looks like an empty date. Send when it happened."
        raise _Refused("invalid_time", words)
    if time < now - BACK and not history:
        words = (
            f"time is {ago(time, now)}; at most 35 days are taken. "
            "Send it as history: open an import (POST /v1/imports) and put its id in 'history'."
        )
        raise _Refused("too_old", words)
    return time


def _checked_data(attributes: Attributes, type: str, struct: Any) -> Any:
    if "datacontenttype" in attributes and not _JSON.fullmatch(_name(attributes, "datacontenttype", LONGEST_SOURCE)):
        raise _Refused("unsupported_data", "datacontenttype must be application/json: data is read as JSON only.")
    if "data_base64" in attributes:
        _unpack_base64(attributes)
    try:
        data = _data[type].decode(attributes.setdefault("data", _EMPTY))
    except msgspec.ValidationError as error:
        raise _Refused("invalid_data", about_data(error, type, struct)) from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise _Refused("invalid_data", f"data is not valid JSON: {json_fault(error)}.") from None
    for path, times_of in _TIMES.get(type, ()):
        time = times_of(data)
        if isinstance(time, datetime):
            _check_zone(path, time)
    return data


def _check_zone(path: str, time: datetime) -> None:
    """A time at the calendar's very ends may not exist in UTC, where everyone behind reckons."""
    try:
        time.astimezone(UTC)
    except OverflowError:
        words = f"data.{path} is beyond the calendar: {time.isoformat()}. Send the real time, or leave it out."
        raise _Refused("invalid_data", words) from None


def _unpack_base64(attributes: Attributes) -> None:
    packed = attributes.pop("data_base64")
    if "data" in attributes:
        raise _Refused("invalid_data", "The event has both data and data_base64. Send one of them.")
    try:
        data = base64.b64decode(_text.decode(packed), validate=True)
        _check_plain(_any.decode(data.decode()), 0)
    except (msgspec.DecodeError, binascii.Error, RecursionError, UnicodeError):
        raise _Refused("invalid_data", "data_base64 must be Base64 of JSON in UTF-8. Or send data as it is.") from None
    attributes["data"] = msgspec.Raw(data)


def _aliases(data: AccountUpdated) -> tuple[str, ...]:
    names = data.traits.aliases
    if not isinstance(names, list):
        return ()
    if len(names) > MOST_ALIASES:
        raise _Refused("invalid_data", f"data.traits.aliases has {len(names)} names; at most {MOST_ALIASES} are taken.")
    for name in names:
        if not is_alias(name) or _CONTROL.search(name):
            words = f"data.traits.aliases: {name!r} is no alias. It looks like system:name, such as stripe:cus_1."
            raise _Refused("invalid_data", words)
    return tuple(dict.fromkeys(names))


def _check_owner(owner: object) -> None:
    """An owner is asked for by e-mail. A name alone is let be: whoever it is, no message will go astray."""
    if isinstance(owner, str) and (_CONTROL.search(owner) or ("@" in owner and not _ADDRESS.fullmatch(owner))):
        words = f"data.traits.owner is {owner!r}, which is not one e-mail address. Send one, such as ana@example.com."
        raise _Refused("invalid_data", words)


def _unknown_type(type: str) -> _Refused:
    if not type:
        return _Refused("missing_type", "The event has no type. Give one such as usage.recorded; /docs lists them all.")
    near = difflib.get_close_matches(type, CUSTOMER_EVENTS, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else f" Known: {', '.join(CUSTOMER_EVENTS)}."
    return _Refused("unknown_type", f"There is no type {type!r}.{hint}")


def _id_of(raw: msgspec.Raw) -> str | None:
    try:
        found = _any.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return None
    id = found.get("id") if isinstance(found, dict) else None
    return id[:LONGEST_ID] if isinstance(id, str) and id else None


_NO_ID: Final = (
    "The event has no id. Give each event an id of its own, and send the same id when you send the event again: "
    "that is how it is counted once."
)
_NO_ACCOUNT: Final = "The event names no account. Put the account's id in 'account' (in 'subject' of a CloudEvent)."

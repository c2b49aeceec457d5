"""Reads an event's envelope: its attributes, one by one, each refused with a sentence where it can't be meant.

Attributes that Keepwell doesn't know are kept, byte for byte.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import msgspec

from services.ingest.core.mending import Change
from services.ingest.core.reading import json_fault, not_utf8
from shared.messages.dates import says_no_date, settled
from shared.messages.registry import COMPANY
from shared.words import ago, counted, span

LARGEST_SENT: Final = 1024 * 1024
"""Of a record as a client of another tool sends it, in bytes; what it comes to stays under `senders.LARGEST`."""
LONGEST_ID: Final = 128
LONGEST_SOURCE: Final = 256
DEEPEST: Final = 32
AHEAD: Final = timedelta(hours=24)
BACK: Final = timedelta(days=35)
SKEW: Final = timedelta(minutes=5)
"""A clock may be so far ahead; what is further ahead counts from when it was received."""

Attributes = dict[str, Any]


class Refused(Exception):
    """An event is not taken: a code, and a sentence that says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


_attributes = msgspec.json.Decoder(dict[str, msgspec.Raw])
any_json = msgspec.json.Decoder()
text = msgspec.json.Decoder(str)
_Time = Annotated[datetime, msgspec.Meta(tz=True)]
NO_SEGMENTS: Final = frozenset({".", ".."})
CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_NULL: Final = msgspec.Raw(b"null")
_TRUE: Final = msgspec.Raw(b"true")


def object_of(raw: bytes, largest: int) -> Attributes:
    """The attributes of one event, those that are null left out. Raises `Refused`; `largest` is in bytes."""
    if len(raw) > largest:
        words = f"The event has {len(raw):,} bytes; at most {largest:,} are taken. Send less in it, or a link instead."
        raise Refused("too_large", words)
    if (byte := not_utf8(raw)) is not None:
        raise Refused("invalid_json", f"The event is not valid JSON: it is not UTF-8 text, see its byte {byte}.")
    try:
        attributes = _attributes.decode(raw)
        whole = any_json.decode(raw)
    except msgspec.ValidationError as error:
        if raw[:1] != b"{":
            raise Refused("invalid_event", "An event must be a JSON object with id, type, account and data.") from None
        raise Refused("invalid_json", f"The event can't be read: {json_fault(error)}.") from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise Refused("invalid_json", f"The event is not valid JSON: {json_fault(error)}.") from None
    if b"\\u0000" in raw or raw.count(b"[") + raw.count(b"{") > DEEPEST:
        check_plain(whole, 0)
    if b"null" in raw:
        attributes = {name: value for name, value in attributes.items() if value != _NULL}
    return attributes


def check_plain(value: Any, depth: int) -> None:
    """What no database keeps as text, and what only an attack nests, stays out."""
    if depth > DEEPEST:
        raise Refused("invalid_json", f"The event is nested deeper than {DEEPEST} levels. Send it flatter.")
    if isinstance(value, str) and "\0" in value:
        raise Refused("invalid_text", "The event holds a NUL character (\\u0000) in a text. Leave it out.")
    if isinstance(value, dict):
        for name, inner in value.items():
            check_plain(name, depth)
            check_plain(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            check_plain(inner, depth + 1)


def name_of(attributes: Attributes, name: str, longest: int) -> str:
    """A text attribute of the envelope; empty where it is empty or missing."""
    raw = attributes.get(name)
    if raw is None:
        return ""
    try:
        value = text.decode(raw)
    except msgspec.ValidationError:
        raise Refused(f"invalid_{name}", f"{name} must be text in quotes. Send it as a JSON string.") from None
    if not value.strip():
        del attributes[name]
        return ""
    if len(value) > longest:
        raise Refused(f"invalid_{name}", f"{name} has {len(value)} characters; at most {longest} are taken.")
    if not value.isprintable() and CONTROL.search(value):
        raise Refused(f"invalid_{name}", f"{name} holds a control character. Leave it out.")
    return value


def account_of(attributes: Attributes) -> str:
    """The account's id or alias, in 'subject' from now on. Raises `Refused`."""
    account = _named_account(attributes)
    if account in NO_SEGMENTS:
        words = f"{account!r} can't be an account's id: no address on the web could name it. Give it another."
        raise Refused("invalid_account", words)
    if account == COMPANY:
        raise Refused("reserved_account", f"{COMPANY} is Keepwell's own account. Send events of your customers' alone.")
    return account


def _named_account(attributes: Attributes) -> str:
    subject = name_of(attributes, "subject", LONGEST_ID)
    if "account" not in attributes:
        if not subject:
            raise Refused("missing_account", _NO_ACCOUNT)
        return subject
    account = name_of(attributes, "account", LONGEST_ID)
    if subject and account and subject != account:
        words = "The event has both 'account' and 'subject', and they differ. Send the account's id in one of them."
        raise Refused("invalid_account", words)
    if not (subject or account):
        raise Refused("missing_account", _NO_ACCOUNT)
    if account:
        attributes["subject"] = attributes.pop("account")
    return account or subject


def instant_of(attributes: Attributes, now: datetime, history: str | None) -> tuple[datetime, list[Change]]:
    """When it happened, and what was changed to have it so; without a time now, and then it is `timeless`.

    Raises `Refused`.
    """
    raw = attributes.get("time")
    attributes.pop("timeless", None)
    if raw is None:
        if history:
            raise Refused("missing_time", "An event of history needs 'time': when it happened, not when it is sent.")
        attributes["time"], attributes["timeless"] = msgspec.Raw(msgspec.json.encode(now)), _TRUE
        return now, []
    time = _time_of(attributes, bytes(raw))
    if time > now + AHEAD:
        ahead = time - now
        long = span(ahead) if ahead.days > 2 else counted(ahead / timedelta(hours=1), "hour")
        words = f"time is {long} in the future; at most 24 hours are taken. Check the sender's clock."
        raise Refused("in_future", words)
    if time > now + SKEW:
        attributes["time"] = msgspec.Raw(msgspec.json.encode(now))
        long = counted(round((time - now) / timedelta(minutes=1)), "minute")
        words = f"time is {long} in the future: the event counts from when it was received. Check the sender's clock."
        return now, [Change("time", text.decode(raw), now, words)]
    if time < now - BACK and not history:
        words = (
            f"time is {ago(time, now)}; at most 35 days are taken. "
            "Send it as history: open an import (POST /v1/imports) and put its id in 'history'."
        )
        raise Refused("too_old", words)
    return time, []


def _time_of(attributes: Attributes, raw: bytes) -> datetime:
    """The time as it is published: in UTC, to the microsecond. Raises `Refused`."""
    try:
        sent = text.decode(raw)
    except msgspec.ValidationError:
        raise Refused("invalid_time", _NO_TIME) from None
    if says_no_date(sent):
        words = (
            f"time is {sent}: it looks like an empty date. Send when it happened, or leave it out where that is now."
        )
        raise Refused("invalid_time", words)
    right = settled(sent)
    try:
        time: datetime = msgspec.convert(right, _Time)
    except (msgspec.ValidationError, OverflowError):
        raise Refused("invalid_time", _NO_TIME) from None
    if time.tzinfo is not UTC:
        time = time.astimezone(UTC)
        attributes["time"] = msgspec.Raw(msgspec.json.encode(time))
    elif right != sent:
        attributes["time"] = msgspec.Raw(msgspec.json.encode(right))
    return time


_NO_TIME: Final = "time must be an RFC 3339 time with a zone, such as 2026-05-20T09:30:00Z."
_NO_ACCOUNT: Final = "The event names no account. Put the account's id in 'account' (in 'subject' of a CloudEvent)."

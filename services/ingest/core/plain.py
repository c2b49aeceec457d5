"""The short road of ingest: a use that has nothing unusual about it, read in one pass.

Most of what comes in are uses, and nearly all look alike: an id, an account, perhaps a source and a time, and data;
those of history, of which millions come at once, have their import's id as well. One typed decoder reads all of that at
once, where the long road (`attributes.py`) takes attribute by attribute, because it must be able to say what is wrong
with each. So the short road takes only what the long one would take just so, and has
nothing to say of the rest: any other attribute, a null, a name that is blank, unprintable or too long, a time that has
to be turned or judged, data with a field that is not known. Of those it returns None, and the long road decides. It is
never the one to refuse, and what it takes comes out equal; `tests/unit/ingest/test_plain.py` holds the two together.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Final, Literal, NamedTuple

import msgspec

from services.ingest.core.attributes import (
    BACK,
    LONGEST_ID,
    LONGEST_SOURCE,
    NO_SEGMENTS,
    SKEW,
    Attributes,
)
from services.ingest.core.senders import Sender, refusal
from shared.messages.dates import FIRST
from shared.messages.registry import COMPANY
from shared.messages.usage import UsageRecorded

(USED,) = UsageRecorded.types
_MARK: Final = f'"{USED}"'.encode()
_NOT_ACCOUNTS: Final = NO_SEGMENTS | {COMPANY}
_Name = Annotated[str, msgspec.Meta(max_length=LONGEST_ID)]


class _Event(msgspec.Struct, forbid_unknown_fields=True):
    id: _Name
    type: Literal["usage.recorded"]
    data: msgspec.Raw
    account: _Name = ""
    subject: _Name = ""
    source: Annotated[str, msgspec.Meta(max_length=LONGEST_SOURCE)] = ""
    time: msgspec.Raw = msgspec.Raw()
    specversion: Literal["1.0"] = "1.0"
    history: _Name | msgspec.UnsetType = msgspec.UNSET


class _Used(UsageRecorded, forbid_unknown_fields=True, frozen=True):
    """Its data, with no field that is not known."""


_event = msgspec.json.Decoder(_Event)
_used = msgspec.json.Decoder(_Used)
_time = msgspec.json.Decoder(Annotated[datetime, msgspec.Meta(tz=True)])
_EXACT: Final = len('"2026-05-20T09:30:00.123456Z"')
"""What is no longer than this is no finer than microseconds."""
_FINE: Final = re.compile(rb'"(.{19}\.[0-9]{6})[0-9]+([Zz]|[+-]00:00)"')


class Plain(NamedTuple):
    """What was read; `attributes` as they are published, without when they were accepted."""

    id: str
    source: str
    subject: str
    time: datetime
    history: str | None
    attributes: Attributes


def plain(raw: bytes, now: datetime, sender: Sender) -> Plain | None:
    """The event, where there is nothing to say about it."""
    if _MARK not in raw or len(raw) > sender.largest or b"\\u0000" in raw:
        return None
    try:
        event = _event.decode(raw)
        _used.decode(event.data)
        time = _instant(event.time) if len(event.time) else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    id, account, subject, source = event.id, event.account, event.subject, event.source or sender.source
    if account and subject:
        return None
    account = account or subject
    if not (_is_name(id) and _is_name(account) and _is_name(source)) or account in _NOT_ACCOUNTS:
        return None
    if (source != sender.source or sender.types) and refusal(sender, USED, source) is not None:
        return None
    attributes: Attributes = {
        "specversion": "1.0",
        "id": id,
        "source": source,
        "type": USED,
        "subject": account,
        "time": now,
        "data": event.data,
    }
    history = event.history if isinstance(event.history, str) else None
    if history is not None:
        if not _is_name(history):
            return None
        attributes["history"] = history
    if time is not None:
        earliest = now - BACK if history is None else FIRST
        if time.tzinfo is not UTC or not earliest <= time <= now + SKEW:
            return None
        attributes["time"] = time
    elif history is None:
        attributes["timeless"] = True
    else:
        return None
    return Plain(id, source, account, attributes["time"], history, attributes)


def _instant(raw: msgspec.Raw) -> datetime:
    """The time that it is, cut to microseconds where it is in UTC: the decoder would round it."""
    fine = _FINE.fullmatch(raw) if len(raw) > _EXACT else None
    time: datetime = _time.decode(raw if fine is None else b'"%b%b"' % fine.groups())
    return time


def _is_name(text: str) -> bool:
    """Whether it is there, and can be read; blanks alone are no name."""
    return text.isprintable() and not text.isspace() and text != ""

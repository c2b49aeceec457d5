"""Fields that all clients' records have, whatever they call them: ids, users, times, and lists of records."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from services.ingest.core.attributes import LARGEST_SENT, LONGEST_ID, any_json
from services.ingest.core.dialects.ruling import name_in
from services.ingest.core.reading import json_fault
from services.ingest.core.sent import Record
from shared.messages.dates import says_no_date, settled

_FINER: Final = slice(26, 27)
"""Where a time has a tenth of a microsecond, if it has one."""
_EARLIEST: Final = 1971
"""A year before this may be an empty date."""
_FAR: Final = timedelta(days=1)
"""A clock that is further off than this is none to be set right by."""


class Unread(Exception):
    """A record can't be taken: a code, and a sentence that says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    def record(self, sent: bytes, id: str | None = None) -> Record:
        """The record that it was."""
        return Record(sent=sent, id=id, refused=(self.code, str(self)))


def object_in(raw: bytes) -> dict[str, Any]:
    """The record as an object. Raises `Unread`."""
    if len(raw) > LARGEST_SENT:
        words = f"The record has {len(raw):,} bytes; at most {LARGEST_SENT:,} are taken. Send less in it."
        raise Unread("too_large", words)
    try:
        found = any_json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unread("invalid_json", f"The record is not valid JSON: {json_fault(error)}.") from None
    if not isinstance(found, dict):
        raise Unread("invalid_event", "A record must be a JSON object.")
    return found


def id_of(given: Any, record: Mapping[str, Any], but: frozenset[str]) -> str:
    """A record's id: as it is given; its digest where that can't be an id of ours; else the digest of the record.

    `but` names what may differ when the same record is sent again.
    """
    if (name := user_in(given)) is not None:
        return name
    rest = {name: value for name, value in record.items() if name not in but}
    return digest(msgspec.json.encode(rest, order="deterministic"))


def nth(id: str, place: int) -> str:
    """The id of one of several events that a record comes to, by its place from 1."""
    return id if place == 1 else within(f"{id}/{place}")


def user_in(*given: Any) -> str | None:
    """The first that is a name; as its digest where it is longer than an id may be, or can't be read."""
    for one in given:
        if isinstance(one, str) and 0 < len(one) <= LONGEST_ID and one.isprintable() and one.strip() == one:
            # As good as all of them.
            return one
        if one is not None and (name := name_in(one)) is not None:
            return within(name)
    return None


def within(name: str) -> str:
    """A name as it is where it can be an id of ours, else its digest."""
    if len(name) <= LONGEST_ID and name.isprintable():
        return name
    return digest(name.encode("utf-8", "surrogatepass"))


def digest(of: bytes) -> str:
    """What stands for a name that is missing, or too long."""
    return hashlib.sha256(of).hexdigest()


def instant_in(value: Any, name: str) -> datetime | None:
    """A time in UTC, as it stands there; without a zone it is UTC. None: there is none. Raises `Unread`."""
    if value is None or value == "":
        return None
    try:
        time = _time_of(value)
        if time.year < _EARLIEST and says_no_date(value):
            raise ValueError
        return time
    except (msgspec.ValidationError, ValueError, OverflowError):
        words = f"{name} must be a time such as 2026-05-20T09:30:00Z."
        raise Unread("invalid_time", words) from None


def _time_of(value: Any) -> datetime:
    if not isinstance(value, str):
        raise ValueError
    text = value if len(value) > len("2026-05-20") else f"{value}T00:00:00"
    if text[_FINER].isdigit():
        # Finer than microseconds, perhaps: it is cut.
        text = settled(text)
    try:
        time = msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        # A leap second, perhaps.
        time = msgspec.convert(settled(text), datetime)
    if time.tzinfo is UTC:
        return time
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def ahead_of(sent_at: Any, now: datetime) -> timedelta:
    """What a sender's clock is to be set by: how long before now it says that it sent. Zero where it says nothing sane.

    Beside a clock that is wrong it is how long the request took.
    """
    try:
        sent = instant_in(sent_at, "")
    except Unread:
        return timedelta(0)
    if sent is None or abs(now - sent) > _FAR:
        return timedelta(0)
    return now - sent


def set_right(time: datetime | None, by: timedelta) -> datetime | None:
    """A time by a clock that was right; one at the calendar's end is let be."""
    try:
        return None if time is None else time + by
    except OverflowError:
        return time

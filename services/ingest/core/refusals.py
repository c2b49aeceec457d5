"""What is kept of a record that was refused: enough to see why, and to send it again when what was wrong is mended."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from services.ingest.core.attributes import LONGEST_ID, LONGEST_SOURCE
from services.ingest.core.checking import Refusal
from services.ingest.core.senders import Sender
from services.ingest.core.splitting import members
from shared.messages.erasing import Forgetting

MOST_RECORDS: Final = 1_000
MOST_BYTES: Final = 16 * 2**20
"""Of a key on a day; what is beyond is counted, and not kept."""
LARGEST_WHOLE: Final = 2**20
_BEGINNING: Final = 64 * 1024
"""What is kept of a record that is larger than that."""
_TELLING: Final = 12
_text = msgspec.json.Decoder(str)
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Kept(NamedTuple):
    """A row of `refused`, without its times."""

    id: str
    key: str
    door: str
    code: str
    reason: str
    bytes: bytes
    size: int
    source: str | None
    event_id: str | None
    account: str | None


def kept(record: bytes, why: Refusal, sender: Sender, door: str) -> Kept:
    """What is kept of a record."""
    key = sender.name or sender.source
    seen = members(record[:_BEGINNING])
    account = _name_in(seen, "account", LONGEST_ID) or _name_in(seen, "subject", LONGEST_ID)
    source = _name_in(seen, "source", LONGEST_SOURCE) or sender.source
    bytes = record if len(record) <= LARGEST_WHOLE else record[:_BEGINNING]
    digest = hashlib.sha256(f"{len(key)}:{len(door)}:{key}{door}".encode() + record).hexdigest()
    return Kept(f"rf_{digest[:32]}", key, door, why.code, why.message, bytes, len(record), source, why.id, account)


class Room(NamedTuple):
    """What a key was refused on a day so far: what is kept of it, and how many records are not."""

    records: int = 0
    bytes: int = 0
    left_out: int = 0

    def with_new(self, new: Iterable[Kept]) -> "tuple[Room, list[Kept]]":
        """How it is when these have come, and which of them are kept."""
        records, size, left_out = self
        found: list[Kept] = []
        for one in new:
            if records < MOST_RECORDS and size + len(one.bytes) <= MOST_BYTES:
                records, size = records + 1, size + len(one.bytes)
                found.append(one)
            else:
                left_out += 1
        return Room(records, size, left_out), found


def dated(event: bytes, at: datetime) -> bytes:
    """An event that has no time, with that of when it was first received; any other, and what is no event, as it is."""
    try:
        attributes = _object.decode(event)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return event
    if attributes.get("time", msgspec.Raw(b"null")) != msgspec.Raw(b"null"):
        return event
    return msgspec.json.encode({**attributes, "time": at})


class Sought(NamedTuple):
    """By which bytes a record is found that is about whoever is forgotten: one of the first, and one of the second."""

    accounts: list[bytes]
    theirs: list[bytes]


def sought(forgetting: Forgetting, names: Sequence[str]) -> Sought:
    """How records of whom is forgotten are found. `names` are the account's: its id and its aliases.

    It is looked for in the bytes, as JSON has it: what was refused may be broken. A contact is looked for in what names
    the account, and everywhere where the id tells who it is.
    """
    accounts = [form for name in names for form in _quoted(name)]
    contact = forgetting.contact_id
    if contact is None:
        return Sought(accounts, [])
    theirs = [*_quoted(contact), *(form[1:-1] for text in forgetting.texts if text.strip() for form in _quoted(text))]
    return Sought([] if "@" in contact or len(contact) >= _TELLING else accounts, theirs)


def _quoted(text: str) -> list[bytes]:
    """As JSON writes it: in UTF-8, and with escapes for all but ASCII."""
    plain = msgspec.json.encode(text)
    units = plain.decode().encode("utf-16-be")
    pairs = (int.from_bytes(units[i : i + 2]) for i in range(0, len(units), 2))
    escaped = "".join(chr(unit) if unit < 128 else f"\\u{unit:04x}" for unit in pairs).encode()
    return [plain] if plain.isascii() else [plain, escaped]


def _name_in(seen: dict[str, bytes], name: str, longest: int) -> str | None:
    try:
        return _text.decode(seen[name])[:longest] or None
    except (KeyError, msgspec.DecodeError, UnicodeDecodeError):
        return None

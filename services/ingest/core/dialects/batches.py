"""Opens a batch: a JSON object that holds records in a list, beside what is the same for all of them.

The records are told from one another even where one of them is broken: it is no reason to lose the others, and a client
drops a whole batch at the first 400.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from services.ingest.core.attributes import any_json
from services.ingest.core.reading import Unreadable, without_bom
from services.ingest.core.splitting import Unfinished, elements, members

MOST: Final = 10_000
"""Records in a request: far more than any client sends, and a second's work."""
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_list = msgspec.json.Decoder(list[msgspec.Raw])
_BLANKS: Final = b" \t\r\n"


class Batch(NamedTuple):
    """Its records as they were sent, and what stands beside them."""

    records: Sequence[bytes]
    beside: Mapping[str, bytes]

    def more(self, name: str) -> Any:
        """What stands beside the records under this name; None where nothing does, or it can't be read."""
        try:
            return any_json.decode(self.beside.get(name, b"null"))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None


def opened(body: bytes, within: str = "batch") -> Batch:
    """The batch in a body; a list by itself is one, too. Raises `Unreadable`."""
    body = without_bom(body).strip(_BLANKS)
    if body[:1] == b"[":
        return Batch(_records(body), {})
    if body[:1] != b"{":
        raise Unreadable("invalid_json", "The body must be a JSON object with the records in it.")
    beside = _members(body)
    if within not in beside:
        raise Unreadable("no_batch", f"The body has no {within!r}. Send the records in it, as a list.")
    listed = beside.pop(within)
    if listed[:1] != b"[":
        raise Unreadable("no_batch", f"{within!r} must be a list of records.")
    return Batch(_records(listed), beside)


def _members(body: bytes) -> dict[str, bytes]:
    try:
        return {name: bytes(value) for name, value in _object.decode(body).items()}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return members(body)


def _records(listed: bytes) -> Sequence[bytes]:
    try:
        found: Sequence[bytes] = list(map(bytes, _list.decode(listed)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        try:
            found = elements(listed)
        except Unfinished as error:
            raise Unreadable("invalid_json", f"The body is not valid JSON: {error}.") from None
    if len(found) > MOST:
        words = f"{len(found):,} records are too many for one request. Send at most {MOST:,} at a time."
        raise Unreadable("too_many", words, 413)
    return found

"""Bodies that the official clients sent, as a recorder took them down."""

from collections.abc import Iterator
from pathlib import Path

import msgspec


class _Recorded(msgspec.Struct):
    client: str
    path: str
    body: msgspec.Raw


_LINES = (Path(__file__).parent / "recorded.jsonl").read_bytes().splitlines()


def bodies_of(client: str) -> Iterator[tuple[str, bytes]]:
    """The paths and bodies of what a client sent, unpacked."""
    for line in _LINES:
        found = msgspec.json.decode(line, type=_Recorded)
        if found.client == client:
            yield found.path, bytes(found.body)

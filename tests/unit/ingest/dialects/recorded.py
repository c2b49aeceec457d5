"""What the official clients sent, as a recorder took it down."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from services.ingest.core.sent import Record

RECEIVED: Final = datetime(2026, 11, 28, 12, tzinfo=UTC)
"""Half an hour after they were sent."""
_SAMPLES: Final = Path(__file__).parents[3] / "golden" / "clients"


class _Recorded(msgspec.Struct):
    path: str
    body: msgspec.Raw


def bodies_of(client: str) -> Iterator[tuple[str, bytes]]:
    """The paths and bodies of what a client sent, unpacked."""
    for sample in msgspec.json.decode((_SAMPLES / f"{client}.json").read_bytes(), type=list[_Recorded]):
        yield sample.path, bytes(sample.body)


def come_to(records: list[Record]) -> dict[str, int]:
    """How often each type of event comes of records that are all to be taken, just when they were sent."""
    found: dict[str, int] = {}
    for record in records:
        assert record.refused is None, record
        for said in record.said:
            assert said.account or said.user
            assert said.time is not None
            assert abs((RECEIVED - said.time).total_seconds()) < 2
            found[said.type] = found.get(said.type, 0) + 1
    return found

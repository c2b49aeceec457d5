"""From records to something to handle: decoding, and the order among topics."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import merge

from shared.log.protocol import Record
from shared.messages import envelope, registry
from shared.worker.handler import Incoming


@dataclass(frozen=True, slots=True)
class Read:
    """A record, and what could be made of it: something to handle, or the reason why not."""

    record: Record
    incoming: Incoming | None
    reason: str | None

    @property
    def place(self) -> tuple[str, int]:
        """Where it stands in its partition number."""
        return self.record.topic, self.record.offset


def read(record: Record) -> Read:
    """Decode a record; what can't be read, for whatever reason, has the reason, for the dead letters."""
    try:
        event = envelope.decode(record.value)
        return Read(record, Incoming(record, event, registry.data_of(event)), None)
    except Exception as error:
        # Anybody may write to a topic: what its bytes do to a decoder must not end the service.
        return Read(record, None, f"It can't be read: {type(error).__name__}: {error}"[:1000])


def in_order(lists: Sequence[Sequence[Read]]) -> list[Read]:
    """One batch from a list a topic: each topic in its own order, and among topics by when ingest took the event.

    What ingest took at once stays in the order of the lists.
    """
    return list(merge(*lists, key=_taken_at))


def _taken_at(one: Read) -> datetime:
    accepted = one.incoming.event.accepted if one.incoming is not None else None
    return accepted or one.record.time

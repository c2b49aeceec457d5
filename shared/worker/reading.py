"""From records to something to handle: decoding, and the order among topics.

Every record of every topic comes through here, a backlog of usage by the ten thousand a second, and what is done to
each of so many is what a worker costs. So a record becomes one object on its way to the handler (an `Incoming`, made
where its bytes are decoded), usage is decoded with its envelope in one pass, and what concerns few is asked of all at
once: what can't be handled, and what is for the worker itself, has a type of its own, so that the types in a batch tell
whether there is any. What is dear is left to those that need it: what is no usage is read in two steps, what can't be
read is read again by them to say why, and only several topics are put in order.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import accumulate, chain
from operator import itemgetter
from typing import Final, NamedTuple, cast

from shared.log.protocol import Record
from shared.messages import registry
from shared.messages.assessments import PartitionMark
from shared.messages.envelope import Event
from shared.worker.handler import Incoming

Place = tuple[str, int]
"""A record's topic and offset."""


class Mark(Incoming, frozen=True, gc=False):
    """A mark, which is for the worker itself."""


class Letter(NamedTuple):
    """A record that can't be read, or handled, and the reason why not."""

    record: Record
    reason: str


Read = Incoming | Mark | Letter

_IN_ONE_PASS: Final[Mapping[str, Callable[[bytes], Event | None]]] = {registry.USAGE: registry.read_used}


def read(records: Sequence[Record]) -> list[Read]:
    """Decode records of one topic; what can't be read, for whatever reason, has the reason, for the dead letters."""
    at_once = _IN_ONE_PASS.get(records[0].topic) if records else None
    if at_once is None:
        return [_read(record) for record in records]
    return [
        Incoming(record, event, event.data) if (event := at_once(record.value)) is not None else _read(record)
        for record in records
    ]


def _read(record: Record) -> Read:
    try:
        event, data = registry.read(record.value)
    except Exception as error:
        # Anybody may write to a topic: what its bytes do to a decoder must not end the service.
        return Letter(record, f"It can't be read: {type(error).__name__}: {error}"[:1000])
    return (Mark if isinstance(data, PartitionMark) else Incoming)(record, event, data)


def in_order(lists: Sequence[Sequence[Read]]) -> list[Read]:
    """One batch from a list a topic: each topic in its own order, and among topics by when ingest took the event.

    What ingest took at once stays in the order of the lists. Where a topic's own order isn't that of the times, what
    comes after a later time goes with it, as when lists are merged by their heads.
    """
    if len(lists) == 1:
        return list(lists[0])
    timed = (zip(accumulate(map(_taken_at, some), max), some, strict=True) for some in lists)
    return [one for _, one in sorted(chain.from_iterable(timed), key=itemgetter(0))]


def _taken_at(one: Read) -> datetime:
    accepted = None if isinstance(one, Letter) else one.event.accepted
    return accepted or one.record.time


def place_of(one: Read) -> Place:
    """Where it stands in its partition number."""
    return one.record.topic, one.record.offset


class Sorted(NamedTuple):
    """What is to be done with a batch: what can be handled, marks among it; the marks; and the dead letters."""

    good: Sequence[Incoming]
    marks: Sequence[Mark]
    letters: Sequence[Letter]


def sort(batch: Sequence[Read], poisoned: Callable[[Place], str | None] | None) -> Sorted:
    """Tell letters and marks from what is to be handled. `poisoned` says why a record can't be, where any can't."""
    if poisoned is not None:
        reasons = ((one, poisoned(place_of(one))) for one in batch)
        batch = [one if reason is None else Letter(one.record, reason) for one, reason in reasons]
    kinds = set(map(type, batch))
    good = batch if kinds <= {Incoming, Mark} else [one for one in batch if not isinstance(one, Letter)]
    marks = [one for one in good if isinstance(one, Mark)] if Mark in kinds else []
    letters = [one for one in batch if isinstance(one, Letter)] if Letter in kinds else []
    return Sorted(cast("Sequence[Incoming]", good), marks, letters)


def reached(batch: Sequence[Read]) -> tuple[dict[str, Record], Counter[str]]:
    """By topic, the last record of a batch, and how many there are."""
    topics = [one.record.topic for one in batch]
    # Of one topic's the last that is put stays.
    return {topic: one.record for topic, one in dict(zip(topics, batch, strict=True)).items()}, Counter(topics)

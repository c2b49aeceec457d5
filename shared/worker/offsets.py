"""Consumed offsets, committed with the state that they made, and bound to the log that they speak of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import NamedTuple

from sqlalchemy import BigInteger, bindparam, column, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.log.protocol import Bounds, LogMismatch, Record, TopicPartition
from shared.pg import bulk
from shared.pg.uow import UnitOfWork
from shared.worker import tables as t
from shared.worker.ownership import OwnershipLost

_READ = select(t.offsets).where(t.offsets.c.partition == bindparam("partition"))
_BEGIN = bulk.Insert(t.offsets, ("topic", "next"), same=("partition", "cluster"))
_AFTER = ("topic", "next", "last_time", "last_digest")
_moved = bulk.given(*(t.offsets.c[name] for name in _AFTER), column("expected", BigInteger))
_MOVE = (
    update(t.offsets)
    .values({name: _moved.c[name] for name in _AFTER[1:]})
    .where(
        t.offsets.c.partition == bindparam("number"),
        t.offsets.c.topic == _moved.c.topic,
        t.offsets.c.next == _moved.c.expected,
    )
    .returning(t.offsets.c.topic)
)
_ours = (
    select(t.partitions.c.partition, t.partitions.c.epoch)
    .where(bulk.among(t.partitions.c.partition, "numbers"))
    .order_by(t.partitions.c.partition)
    .with_for_update(key_share=True)
    .cte("ours")
)
_told = bulk.given(
    t.offsets.c.partition, t.partitions.c.epoch, *(t.offsets.c[name] for name in _AFTER), column("expected", BigInteger)
)
_STORE = (
    update(t.offsets)
    .values({name: _told.c[name] for name in _AFTER[1:]})
    .where(
        t.offsets.c.partition == _told.c.partition,
        t.offsets.c.topic == _told.c.topic,
        t.offsets.c.next == _told.c.expected,
        _ours.c.partition == _told.c.partition,
        _ours.c.epoch == _told.c.epoch,
    )
    .returning(t.offsets.c.partition, t.offsets.c.topic, t.offsets.c.next)
)
_FORGET = delete(t.offsets)


@dataclass(frozen=True, slots=True)
class Place:
    """Where to read on in one topic's partition, and what the record before looked like."""

    next: int
    cluster: str
    last_time: datetime | None = None
    last_digest: bytes | None = None


class Heard(NamedTuple):
    """The last record that was taken down without a transaction, in one topic of a partition that is ours."""

    partition: int
    epoch: int
    expected: int
    """Where the database is."""
    last: Record


def digest(record: Record) -> bytes:
    """16 bytes that tell one record from another: its key and value."""
    return blake2b(record.value, digest_size=16, key=record.key.encode()[:64]).digest()


async def read(c: AsyncConnection, partition: int) -> dict[str, Place]:
    """The places of a partition number, by topic."""
    rows = await c.execute(_READ, {"partition": partition})
    return {row.topic: Place(row.next, row.cluster, row.last_time, row.last_digest) for row in rows}


async def begin(c: AsyncConnection, partition: int, cluster: str, nexts: Mapping[str, int]) -> None:
    """Write the first places, for topics that have none yet."""
    await _BEGIN(c, nexts.items(), partition=partition, cluster=cluster)


async def move(c: AsyncConnection, partition: int, expected: Mapping[str, int], last: Sequence[Record]) -> None:
    """Move each topic's offset from the value that is expected to after its last record, as the transaction ends.

    Where one is not there, the transaction fails with `OwnershipLost`.
    """

    def check_all(moved: int) -> None:
        if moved != len(last):
            raise OwnershipLost(f"The offsets of partition {partition} are not where this worker left them.")

    rows = [(r.topic, r.offset + 1, r.time, digest(r), expected[r.topic]) for r in last]
    parameters = {"number": partition, **bulk.arrays((*_AFTER, "expected"), rows)}
    await bulk.later(c, (_MOVE, parameters), told=check_all)


async def store(uow: UnitOfWork, heard: Sequence[Heard]) -> dict[int, dict[str, int]]:
    """Move offsets from the values that are expected to after these, where the epoch is still ours, in one statement.

    Returns, by partition and topic, those that moved.
    """
    columns = ("partition", "epoch", *_AFTER, "expected")
    rows = [(n, epoch, r.topic, r.offset + 1, r.time, digest(r), before) for n, epoch, before, r in heard]
    numbers = sorted({one.partition for one in heard})
    moved: dict[int, dict[str, int]] = {}
    for row in await uow.once(_STORE, {"numbers": numbers, **bulk.arrays(columns, rows)}):
        moved.setdefault(row.partition, {})[row.topic] = row.next
    return moved


async def forget(c: AsyncConnection) -> None:
    """Drop every place, so that the next start reads the log from its beginning; claims keep state exact."""
    await c.execute(_FORGET)


def check(at: TopicPartition, place: Place, cluster: str, bounds: Bounds, before: Record | None, mend: str) -> None:
    """Make sure that a place lies in this log, and that the record before it is the one we read. Raises `LogMismatch`.

    `before` is the record at `place.next - 1`, or None where retention has taken it. `mend` is the command that mends.
    """
    where = f"{at.topic}, partition {at.partition}"
    if place.cluster != cluster:
        problem = f"the offsets in the database belong to another log ({place.cluster}; this one is {cluster})"
    elif place.next > bounds.end:
        problem = f"the log ends at {bounds.end}, before what was already read ({place.next})"
    elif place.next < bounds.begin:
        problem = f"the log begins at {bounds.begin}, after what was last read ({place.next}): records are gone unread"
    elif (
        before is not None
        and place.last_digest is not None
        and (before.time != place.last_time or digest(before) != place.last_digest)
    ):
        problem = f"the record at {place.next - 1} is not the one that was read there"
    else:
        return
    raise LogMismatch(f"{where}: {problem}. Nothing was changed. To read this log from its beginning, run: {mend}")

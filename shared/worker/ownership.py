"""Who may write a partition's state: an epoch row that every writing transaction locks and checks."""

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.worker import tables as t

_OURS = t.partitions.c.partition == bindparam("number")
_LOCK = select(t.partitions.c.epoch).where(_OURS).with_for_update(key_share=True)
_FIRST = insert(t.partitions).on_conflict_do_nothing()
_RAISE = update(t.partitions).where(_OURS).values(epoch=t.partitions.c.epoch + 1).returning(t.partitions.c.epoch)


class OwnershipLost(Exception):
    """Another worker has taken the partition: nothing that this one decided may be written."""


async def take(c: AsyncConnection, partition: int, owner: str) -> tuple[int, int]:
    """Raise the partition's epoch. Returns the epoch before and the one that is now this worker's.

    The row stays locked until the transaction ends, so offsets read under it are the last that anyone committed.
    """
    await c.execute(_FIRST, {"partition": partition, "epoch": 0, "owner": ""})
    before = (await c.execute(_LOCK, {"number": partition})).scalar_one()
    now = (await c.execute(_RAISE, {"number": partition, "owner": owner})).scalar_one()
    return before, now


async def check(c: AsyncConnection, partition: int, epoch: int) -> None:
    """Lock the partition's row and make sure that it is still ours. Raises `OwnershipLost`."""
    found = (await c.execute(_LOCK, {"number": partition})).scalar_one_or_none()
    if found != epoch:
        raise OwnershipLost(f"Partition {partition} belongs to another worker (epoch {found}, ours was {epoch}).")

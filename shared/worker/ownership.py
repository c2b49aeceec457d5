"""Who may write a partition's state: an epoch row that every writing transaction locks and checks."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_LOCK = text("SELECT epoch FROM partitions WHERE partition = :partition FOR NO KEY UPDATE")
_FIRST = text(
    "INSERT INTO partitions (partition, epoch, owner) VALUES (:partition, 0, '') ON CONFLICT (partition) DO NOTHING"
)
_RAISE = text("UPDATE partitions SET epoch = epoch + 1, owner = :owner WHERE partition = :partition RETURNING epoch")


class OwnershipLost(Exception):
    """Another worker has taken the partition: nothing that this one decided may be written."""


async def take(c: AsyncConnection, partition: int, owner: str) -> tuple[int, int]:
    """Raise the partition's epoch. Returns the epoch before and the one that is now this worker's.

    The row stays locked until the transaction ends, so offsets read under it are the last that anyone committed.
    """
    await c.execute(_FIRST, {"partition": partition})
    before = (await c.execute(_LOCK, {"partition": partition})).scalar_one()
    now = (await c.execute(_RAISE, {"partition": partition, "owner": owner})).scalar_one()
    return before, now


async def check(c: AsyncConnection, partition: int, epoch: int) -> None:
    """Lock the partition's row and make sure that it is still ours. Raises `OwnershipLost`."""
    found = (await c.execute(_LOCK, {"partition": partition})).scalar_one_or_none()
    if found != epoch:
        raise OwnershipLost(f"Partition {partition} belongs to another worker (epoch {found}, ours was {epoch}).")

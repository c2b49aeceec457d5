"""How far the log was read, and whose assessment waits: asked again and again while somebody waits for an own event."""

from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import func, select

from services.scoring import tables as t
from services.scoring.core.own_write import Stored
from shared.pg import bulk
from shared.pg.uow import UnitOfWork

_o: Final = t.metadata.tables["offsets"].c
_marked: Final = (
    select(
        t.accounts.c.partition,
        func.min(t.accounts.c.marked_at).label("first"),
        func.max(t.accounts.c.marked_at).label("last"),
    )
    .where(bulk.among(t.accounts.c.partition, "numbers"), t.accounts.c.marked_at.is_not(None))
    .group_by(t.accounts.c.partition)
    .subquery("marked")
)
_STORED: Final = (
    select(_o.topic, _o.partition, _o.next, _marked.c.first, _marked.c.last)
    .outerjoin_from(t.metadata.tables["offsets"], _marked, _marked.c.partition == _o.partition)
    .where(bulk.among(_o.partition, "numbers"))
)


async def stored(uow: UnitOfWork, partitions: Collection[int]) -> Sequence[Stored]:
    """How these partitions stand, by one statement: offsets and marks are of one instant."""
    return [Stored._make(row) for row in await uow.once(_STORED, {"numbers": sorted(partitions)})]

"""Durable timers: one a key, so that silence counts and no sweep is there to miss it.

A timer's row is locked last: after whatever the same transaction locks of its account (decision 19).
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

from sqlalchemy import Select, bindparam, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.pg import bulk
from shared.pg.uow import UnitOfWork
from shared.worker import tables as t

_SET_EARLIER = bulk.Insert(
    t.timers, ("key", "due"), same=("partition",), update=("due",), where=lambda new: new.due < t.timers.c.due
)
_DUE = (
    select(t.timers.c.key, t.timers.c.due)
    .where(t.timers.c.partition == bindparam("partition"), t.timers.c.due <= bindparam("until"))
    .order_by(t.timers.c.due, t.timers.c.key)
    .limit(bindparam("most"))
)
# One that was moved since it was read has yet to run.
_REMOVE = bulk.Delete(t.timers, ("partition", "key", "due"), same=("partition",))
_asked = bulk.given(t.timers.c.partition)
_NEXT = select(
    _asked.c.partition,
    select(func.min(t.timers.c.due)).where(t.timers.c.partition == _asked.c.partition).scalar_subquery().label("due"),
)
_RUN: Final = "keepwell_timers_run"


async def set_earlier(c: AsyncConnection, partition: int, timers: Mapping[str, datetime]) -> None:
    """Set timers; one that exists is rewritten only to come earlier. One that comes too early just looks again."""
    if timers:
        await _remove_run(c)
        await _SET_EARLIER(c, timers.items(), partition=partition)


async def to_set_earlier(c: AsyncConnection, partition: int, timers: Mapping[str, datetime]) -> bulk.Write | None:
    """The same, to be executed together with what else this transaction writes."""
    if timers:
        await _remove_run(c)
    return _SET_EARLIER.of(timers.items(), partition=partition)


async def set_from(c: AsyncConnection, rows: Select[tuple[int, str, datetime]]) -> None:
    """Set timers for rows of partition, key and due that the database knows, as `set_earlier` does."""
    new = insert(t.timers).from_select(["partition", "key", "due"], rows)
    due = new.excluded.due
    earlier = new.on_conflict_do_update(constraint=t.timers.primary_key, set_={"due": due}, where=due < t.timers.c.due)
    await c.execute(earlier)


@asynccontextmanager
async def run_due(
    c: AsyncConnection, partition: int, until: datetime, most: int
) -> AsyncIterator[list[tuple[str, datetime]]]:
    """The timers due by `until`, earliest first, at most `most`: gone when the block ends, or as soon as it sets some.

    Until then they are only read, so that the block can lock its accounts first. Once in a transaction.
    """
    rows = await c.execute(_DUE, {"partition": partition, "until": until, "most": most})
    due = [(key, at) for key, at in rows]
    # The connection's options last as long as its transaction, and are there wherever it sets timers.
    await c.execution_options(**{_RUN: [(partition, due)] if due else []})
    yield due
    await _remove_run(c)


async def _remove_run(c: AsyncConnection) -> None:
    run = c.sync_connection.get_execution_options().get(_RUN) if c.sync_connection is not None else None
    while run:
        partition, due = run.pop()
        await _REMOVE(c, due, partition=partition)


async def next_due(uow: UnitOfWork, partitions: Sequence[int]) -> dict[int, datetime]:
    """The earliest timer of each partition that has one."""
    rows = await uow.once(_NEXT, {"given_partition": list(partitions)})
    return {row.partition: row.due for row in rows if row.due is not None}

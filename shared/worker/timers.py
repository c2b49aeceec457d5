"""Durable timers: one a key, so that silence counts and no sweep is there to miss it.

A timer's row is locked last: after whatever the same transaction locks of its account (decision 19).
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_VALUES = """
    SELECT :partition, t.key, t.due FROM unnest(CAST(:keys AS text[]), CAST(:dues AS timestamptz[])) AS t(key, due)
    ORDER BY t.key
"""
_SET_EARLIER = text(
    f"""
    INSERT INTO timers (partition, key, due) {_VALUES}
    ON CONFLICT (partition, key) DO UPDATE SET due = excluded.due WHERE excluded.due < timers.due
    """
)
_DUE = text("SELECT key, due FROM timers WHERE partition = :partition AND due <= :until ORDER BY due, key LIMIT :most")
# One that was moved since it was read has yet to run.
_REMOVE = text(
    """
    DELETE FROM timers t USING unnest(CAST(:keys AS text[]), CAST(:dues AS timestamptz[])) AS r(key, due)
    WHERE t.partition = :partition AND t.key = r.key AND t.due = r.due
    """
)
_NEXT = text(
    """
    SELECT p.partition, (SELECT min(due) FROM timers t WHERE t.partition = p.partition) AS due
    FROM unnest(CAST(:partitions AS int[])) AS p(partition)
    """
)
_RUN: Final = "keepwell_timers_run"


async def set_earlier(c: AsyncConnection, partition: int, timers: Mapping[str, datetime]) -> None:
    """Set timers; one that exists is rewritten only to come earlier. One that comes too early just looks again."""
    if timers:
        await _remove_run(c)
        await c.execute(
            _SET_EARLIER, {"partition": partition, "keys": list(timers), "dues": [timers[k] for k in timers]}
        )


@asynccontextmanager
async def run_due(
    c: AsyncConnection, partition: int, until: datetime, most: int
) -> AsyncIterator[list[tuple[str, datetime]]]:
    """The timers due by `until`, earliest first, at most `most`: gone when the block ends, or as soon as it sets some.

    Until then they are only read, so that the block can lock its accounts first. Once in a transaction.
    """
    rows = await c.execute(_DUE, {"partition": partition, "until": until, "most": most})
    due = [(row.key, row.due) for row in rows]
    # The connection's options last as long as its transaction, and are there wherever it sets timers.
    await c.execution_options(**{_RUN: [(partition, due)] if due else []})
    yield due
    await _remove_run(c)


async def _remove_run(c: AsyncConnection) -> None:
    run = c.sync_connection.get_execution_options().get(_RUN) if c.sync_connection is not None else None
    while run:
        partition, due = run.pop()
        keys, dues = [key for key, _ in due], [at for _, at in due]
        await c.execute(_REMOVE, {"partition": partition, "keys": keys, "dues": dues})


async def next_due(c: AsyncConnection, partitions: Sequence[int]) -> dict[int, datetime]:
    """The earliest timer of each partition that has one."""
    rows = await c.execute(_NEXT, {"partitions": list(partitions)})
    return {row.partition: row.due for row in rows if row.due is not None}

"""Durable timers: one a key, so that silence counts and no sweep is there to miss it."""

from collections.abc import Mapping, Sequence
from datetime import datetime

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
_REPLACE = text(
    f"""
    INSERT INTO timers (partition, key, due) {_VALUES}
    ON CONFLICT (partition, key) DO UPDATE SET due = excluded.due
    """
)
_CLEAR = text("DELETE FROM timers WHERE partition = :partition AND key = ANY(CAST(:keys AS text[]))")
_TAKE_DUE = text(
    """
    DELETE FROM timers t USING (
        SELECT key FROM timers WHERE partition = :partition AND due <= :until ORDER BY due, key LIMIT :most
    ) AS d
    WHERE t.partition = :partition AND t.key = d.key
    RETURNING t.key, t.due
    """
)
_NEXT = text(
    """
    SELECT p.partition, (SELECT min(due) FROM timers t WHERE t.partition = p.partition) AS due
    FROM unnest(CAST(:partitions AS int[])) AS p(partition)
    """
)


async def set_earlier(c: AsyncConnection, partition: int, timers: Mapping[str, datetime]) -> None:
    """Set timers; one that exists is rewritten only to come earlier. One that comes too early just looks again."""
    if timers:
        await c.execute(
            _SET_EARLIER, {"partition": partition, "keys": list(timers), "dues": [timers[k] for k in timers]}
        )


async def replace(c: AsyncConnection, partition: int, timers: Mapping[str, datetime | None]) -> None:
    """Set timers to exactly these instants; None takes the timer away."""
    kept = {k: due for k, due in timers.items() if due is not None}
    if kept:
        await c.execute(_REPLACE, {"partition": partition, "keys": list(kept), "dues": list(kept.values())})
    gone = [k for k, due in timers.items() if due is None]
    if gone:
        await c.execute(_CLEAR, {"partition": partition, "keys": gone})


async def take_due(c: AsyncConnection, partition: int, until: datetime, most: int) -> list[tuple[str, datetime]]:
    """Remove and return the timers due by `until`, earliest first, at most `most`."""
    rows = await c.execute(_TAKE_DUE, {"partition": partition, "until": until, "most": most})
    return sorted(((row.key, row.due) for row in rows), key=lambda timer: (timer[1], timer[0]))


async def next_due(c: AsyncConnection, partitions: Sequence[int]) -> dict[int, datetime]:
    """The earliest timer of each partition that has one."""
    rows = await c.execute(_NEXT, {"partitions": list(partitions)})
    return {row.partition: row.due for row in rows if row.due is not None}

"""What can't be read is kept: raw bytes, place and reason; listed, replayed and counted; kept 30 days."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.log.protocol import Outgoing, Record

KEPT = timedelta(days=30)

_KEEP = text(
    """
    INSERT INTO dead_letters (topic, partition, "offset", key, value, headers, reason, at)
    SELECT d.topic, d.partition, d."offset", d.key, d.value, d.headers::jsonb, d.reason, :at
    FROM unnest(CAST(:topics AS text[]), CAST(:partitions AS int[]), CAST(:offsets AS bigint[]), CAST(:keys AS text[]),
                CAST(:values AS bytea[]), CAST(:headers AS text[]), CAST(:reasons AS text[]))
         AS d(topic, partition, "offset", key, value, headers, reason)
    ON CONFLICT (topic, partition, "offset") DO NOTHING
    """
)
_LIST = text(
    """
    SELECT id, topic, partition, "offset", key, value, reason, at, replayed_at, replayed_by FROM dead_letters
    WHERE id < :before ORDER BY id DESC LIMIT :limit
    """
)
_COUNT = text("SELECT count(*) FROM dead_letters WHERE replayed_at IS NULL")
_REPLAY = text(
    """
    UPDATE dead_letters SET replayed_at = :at, replayed_by = :actor WHERE id = :id
    RETURNING topic, partition, key, value, headers
    """
)
_TRIM = text("DELETE FROM dead_letters WHERE at < :before")


async def keep(c: AsyncConnection, letters: Sequence[tuple[Record, str]], at: datetime) -> None:
    """Keep records that can't be read, each with the reason."""
    if not letters:
        return
    await c.execute(
        _KEEP,
        {
            "at": at,
            "topics": [r.topic for r, _ in letters],
            "partitions": [r.partition for r, _ in letters],
            "offsets": [r.offset for r, _ in letters],
            "keys": [_kept(r.key) for r, _ in letters],
            "values": [r.value for r, _ in letters],
            "headers": [
                msgspec.json.encode({_kept(name): _kept(value) for name, value in r.headers.items()}).decode()
                for r, _ in letters
            ],
            "reasons": [_kept(reason) for _, reason in letters],
        },
    )


def _kept(words: str) -> str:
    """Text as PostgreSQL keeps it, which knows no NUL: a letter that can't be kept would be tried for ever."""
    return words.replace("\0", "\N{REPLACEMENT CHARACTER}")


async def listed(c: AsyncConnection, before: int, limit: int) -> list[dict[str, Any]]:
    """Dead letters, newest first; the value as text, with what is not UTF-8 escaped."""
    rows = (await c.execute(_LIST, {"before": before, "limit": limit})).mappings()
    return [{**row, "value": bytes(row["value"]).decode("utf-8", "backslashreplace")} for row in rows]


async def count(c: AsyncConnection) -> int:
    """How many wait to be looked at."""
    return int((await c.execute(_COUNT)).scalar_one())


async def take_for_replay(c: AsyncConnection, id: int, actor: str, at: datetime) -> Outgoing | None:
    """The letter as a message for its own topic again, or None where there is none with this id."""
    row = (await c.execute(_REPLAY, {"id": id, "actor": actor, "at": at})).one_or_none()
    if row is None:
        return None
    return Outgoing(topic=row.topic, key=row.key, value=row.value, headers=row.headers, partition=row.partition)


async def trim(c: AsyncConnection, now: datetime) -> None:
    """Forget letters older than 30 days."""
    await c.execute(_TRIM, {"before": now - KEPT})

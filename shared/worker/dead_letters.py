"""What can't be read is kept: raw bytes, place and reason; listed, replayed and counted; kept 30 days."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.log.protocol import Outgoing, Record
from shared.messages.erasing import Forgetting
from shared.pg import bulk
from shared.worker import tables as t

KEPT = timedelta(days=30)

_letters = t.dead_letters.c
_KEEP = bulk.Insert(
    t.dead_letters,
    ("topic", "partition", "offset", "key", "value", "headers", "reason"),
    same=("at",),
    key=("topic", "partition", "offset"),
    nothing=True,
)
_LIST = (
    select(*(column for column in _letters if column.name != "headers"))
    .where(_letters.id < bindparam("before"))
    .order_by(_letters.id.desc())
    .limit(bindparam("most"))
)
COUNT = select(func.count()).select_from(t.dead_letters).where(_letters.replayed_at.is_(None))
_REPLAY = (
    update(t.dead_letters)
    .where(_letters.id == bindparam("letter"))
    .returning(_letters.topic, _letters.partition, _letters.key, _letters.value, _letters.headers)
)
_DELETE = bulk.Delete(t.dead_letters, ("id",))
_TRIM = delete(t.dead_letters).where(_letters.at < bindparam("before"))


async def keep(c: AsyncConnection, letters: Sequence[tuple[Record, str]], at: datetime) -> None:
    """Keep records that can't be read, each with the reason."""
    rows = [
        (
            r.topic,
            r.partition,
            r.offset,
            _kept(r.key),
            r.value,
            {_kept(name): _kept(value) for name, value in r.headers.items()},
            _kept(reason),
        )
        for r, reason in letters
    ]
    await _KEEP(c, rows, at=at)


def _kept(words: str) -> str:
    """Text as PostgreSQL keeps it, which knows no NUL: a letter that can't be kept would be tried for ever."""
    return words.replace("\0", "\N{REPLACEMENT CHARACTER}")


async def forget(c: AsyncConnection, forgetting: Forgetting) -> None:
    """Delete the letters about an account that is to be forgotten, or those that name a contact of it.

    They may be no JSON at all: a contact is named by what stands there as a text of its own, and by what they are found
    by.
    """
    rows = await c.execute(select(_letters.id, _letters.value).where(_letters.key == forgetting.account))
    await _DELETE(c, [(row.id,) for row in rows if forgetting.whole or _names(row.value, forgetting)])


def _names(value: bytes, forgetting: Forgetting) -> bool:
    text = value.decode("utf-8", "replace")
    return any(written in text for written in _written(forgetting.contact_id or "")) or forgetting.names(text)


def _written(id: str) -> Iterator[str]:
    """An id as it stands in JSON, with its letters as they are or escaped."""
    yield f'"{id}"'
    yield json.dumps(id)


async def listed(c: AsyncConnection, before: int, limit: int) -> list[dict[str, Any]]:
    """Dead letters, newest first; the value as text, with what is not UTF-8 escaped."""
    rows = (await c.execute(_LIST, {"before": before, "most": limit})).mappings()
    return [{**row, "value": bytes(row["value"]).decode("utf-8", "backslashreplace")} for row in rows]


async def count(c: AsyncConnection) -> int:
    """How many wait to be looked at."""
    return int((await c.execute(COUNT)).scalar_one())


async def take_for_replay(c: AsyncConnection, id: int, actor: str, at: datetime) -> Outgoing | None:
    """The letter as a message for its own topic again, or None where there is none with this id."""
    row = (await c.execute(_REPLAY, {"letter": id, "replayed_by": actor, "replayed_at": at})).one_or_none()
    if row is None:
        return None
    return Outgoing(topic=row.topic, key=row.key, value=row.value, headers=row.headers, partition=row.partition)


async def trim(c: AsyncConnection, now: datetime) -> None:
    """Forget letters older than 30 days."""
    await c.execute(_TRIM, {"before": now - KEPT})

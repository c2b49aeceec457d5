"""Links that were used up. Every function works in the caller's transaction."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest.tables import used_links
from shared.pg.retention import forgetting, term

_USED: Final = select(used_links.c.said, used_links.c.at).where(used_links.c.id == bindparam("used"))
_NOTE: Final = insert(used_links).on_conflict_do_nothing(index_elements=[used_links.c.id])
forget = forgetting(term(used_links, used_links.c.expires_at, timedelta(0)))
"""Forgets those that have expired: what has expired is refused by itself."""


async def used(c: AsyncConnection, id: str) -> tuple[str, datetime] | None:
    """What was said by a link, in words, and when; None where it wasn't used."""
    row = (await c.execute(_USED, {"used": id})).one_or_none()
    return None if row is None else (row.said, row.at)


async def note(c: AsyncConnection, id: str, said: str, at: datetime, expires_at: datetime) -> None:
    """Note that a link was used up. The first to say so counts."""
    await c.execute(_NOTE, {"id": id, "said": said, "at": at, "expires_at": expires_at})

"""Accounts that go on as others. Every function works in the caller's transaction."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import Text, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest.tables import merged
from shared.pg import bulk

_ALL = select(merged.c.account_id, merged.c.into_id)
_MERGE = bulk.Insert(merged, ("account_id", "into_id"), same=("at",), nothing=True)
_KNOWN = select(func.scoring.known(bindparam("accounts", type_=ARRAY(Text))).column_valued("id"))
# Core has no statement for it. Two mergings at once could make a circle of which neither sees the other's half.
_LOCK = text("LOCK TABLE merged IN SHARE ROW EXCLUSIVE MODE")


async def all_of(c: AsyncConnection) -> dict[str, str]:
    """Every account that was merged, with the one that it was merged into."""
    return {row.account_id: row.into_id for row in await c.execute(_ALL)}


async def lock(c: AsyncConnection) -> dict[str, str]:
    """The same, and nobody else merges any until this transaction is over."""
    await c.execute(_LOCK)
    return await all_of(c)


async def merge(c: AsyncConnection, pairs: Mapping[str, str], now: datetime) -> None:
    """Let these accounts go on as others."""
    await _MERGE(c, pairs.items(), at=now)


async def known(c: AsyncConnection, accounts: Collection[str]) -> set[str]:
    """Which of these accounts were heard of, and not erased: scoring alone knows, and says no more than that."""
    return set((await c.execute(_KNOWN, {"accounts": list(accounts)})).scalars())

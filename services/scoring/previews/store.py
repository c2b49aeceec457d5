"""The rows of previews: what was asked, how far it is, what came of it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import Update, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring import tables as t

KEPT: Final = timedelta(days=1)
_SILENT: Final = {"running": timedelta(minutes=2), "waiting": timedelta(minutes=30)}
"""What runs is heard of every second; what is not heard of for so long, was cut off with its process."""
_j: Final = t.jobs.c
_ENDED: Final = ("done", "failed")


def _of(id: str) -> Update:
    return update(t.jobs).where(_j.id == id)


class Wanted(NamedTuple):
    """A draft, and whose account is looked at measure by measure."""

    kind: str
    document: str
    draft: bytes
    account: str | None
    author: str


async def ask(c: AsyncConnection, id: str, wanted: Wanted, now: datetime) -> None:
    """Note what is wanted."""
    await c.execute(insert(t.jobs).values(id=id, state="waiting", asked_at=now, heard_at=now, **wanted._asdict()))


async def wanted(c: AsyncConnection, id: str) -> Wanted:
    """What is wanted of a preview that is there."""
    columns = (_j.kind, _j.document, _j.draft, _j.account, _j.author)
    return Wanted(*(await c.execute(select(*columns).where(_j.id == id))).one())


async def tell(
    c: AsyncConnection, id: str, done: int, total: int, result: Mapping[str, Any] | None, now: datetime
) -> None:
    """Say how far it is, with what was found so far where that is worth telling."""
    found = {} if result is None else {"result": result}
    await c.execute(_of(id).values(state="running", done=done, total=total, heard_at=now, **found))


async def end(c: AsyncConnection, id: str, done: int, total: int, result: Mapping[str, Any], now: datetime) -> None:
    """Say what came of it."""
    await c.execute(_of(id).values(state="done", done=done, total=total, result=result, heard_at=now))


async def fail(c: AsyncConnection, id: str, why: str, now: datetime) -> None:
    """Say that nothing will come of it, unless something did."""
    failed = update(t.jobs).where(_j.id == id, _j.state.not_in(_ENDED))
    await c.execute(failed.values(state="failed", failure=why, heard_at=now))


async def one(c: AsyncConnection, id: str, now: datetime) -> dict[str, Any] | None:
    """How a preview stands."""
    row = (await c.execute(select(t.jobs).where(_j.id == id))).one_or_none()
    if row is None:
        return None
    found = row._asdict()
    if row.state in _SILENT and now - row.heard_at > _SILENT[row.state]:
        found |= {"state": "failed", "failure": "It was cut off. Ask again."}
    return found


async def forget(c: AsyncConnection, now: datetime) -> None:
    """Drop what was asked more than a day ago."""
    await c.execute(t.jobs.delete().where(_j.asked_at < now - KEPT))

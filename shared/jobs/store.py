"""The rows of jobs: what was asked, how far it is, what came of it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import Update, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.jobs.tables import jobs
from shared.pg.retention import forgetting, term

KEPT: Final = timedelta(days=1)
CUT_OFF: Final = "It was cut off. Ask again."
_SILENT: Final = {"running": timedelta(minutes=2), "waiting": timedelta(minutes=30)}
"""What runs is heard of every second; what is not heard of for so long, was cut off with its process."""
_j: Final = jobs.c
_ENDED: Final = ("done", "failed")


def _of(id: str) -> Update:
    return update(jobs).where(_j.id == id)


class Wanted(NamedTuple):
    """What is to be done (`work`) with a draft of a document, or with the one in force, and who asks."""

    work: str
    kind: str
    document: str
    draft: bytes | None
    options: Mapping[str, Any]
    author: str


async def ask(c: AsyncConnection, id: str, wanted: Wanted, now: datetime) -> None:
    """Note what is wanted."""
    await c.execute(insert(jobs).values(id=id, state="waiting", asked_at=now, heard_at=now, **wanted._asdict()))


async def wanted(c: AsyncConnection, id: str) -> Wanted:
    """What is wanted of a job that is there."""
    return Wanted(*(await c.execute(select(*(_j[name] for name in Wanted._fields)).where(_j.id == id))).one())


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
    failed = update(jobs).where(_j.id == id, _j.state.not_in(_ENDED))
    await c.execute(failed.values(state="failed", failure=why, heard_at=now))


async def one(c: AsyncConnection, id: str, now: datetime) -> dict[str, Any] | None:
    """How a job stands."""
    row = (await c.execute(select(jobs).where(_j.id == id))).one_or_none()
    if row is None:
        return None
    found = row._asdict()
    if row.state in _SILENT and now - row.heard_at > _SILENT[row.state]:
        found |= {"state": "failed", "failure": CUT_OFF}
    return found


forget = forgetting(term(jobs, _j.asked_at, KEPT))
"""Forgets what was asked more than a day ago."""


async def forget_all(c: AsyncConnection) -> None:
    """Drop all of them, since somebody was erased: they may quote anybody. They are of today, and can be asked for
    again."""
    await c.execute(delete(jobs))

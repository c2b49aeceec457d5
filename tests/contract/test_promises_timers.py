"""A timer that is set stays set: nothing that an account does later puts off the look at its silence."""

from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.pg.uow import UnitOfWork
from shared.worker import timers
from tests.support.stream import NOON

HOUR = timedelta(hours=1)


async def set_earlier(engine: AsyncEngine, **dues: datetime) -> None:
    async with UnitOfWork(engine).begin() as c:
        await timers.set_earlier(c, 0, dues)


async def kept(engine: AsyncEngine) -> dict[str, tuple[datetime, int]]:
    """Each key's instant, and the transaction that wrote it."""
    async with engine.connect() as c:
        rows = await c.execute(text("SELECT key, due, xmin::text::bigint AS writer FROM timers WHERE partition = 0"))
        return {row.key: (row.due, row.writer) for row in rows}


async def test_a_timer_never_comes_later_than_it_was_once_set_to(engine: AsyncEngine) -> None:
    await set_earlier(engine, northwind=NOON)
    await set_earlier(engine, northwind=NOON + HOUR, contoso=NOON + HOUR)
    assert {key: due for key, (due, _) in (await kept(engine)).items()} == {"northwind": NOON, "contoso": NOON + HOUR}
    await set_earlier(engine, northwind=NOON - HOUR, contoso=NOON + 2 * HOUR)
    assert {key: due for key, (due, _) in (await kept(engine)).items()} == {
        "northwind": NOON - HOUR,
        "contoso": NOON + HOUR,
    }


async def test_a_busy_account_costs_no_timer_writes(engine: AsyncEngine) -> None:
    await set_earlier(engine, northwind=NOON)
    before = await kept(engine)
    for minutes in (0, 1, 60):
        await set_earlier(engine, northwind=NOON + timedelta(minutes=minutes))
    assert await kept(engine) == before

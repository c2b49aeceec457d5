"""The local log forgets what is past its term, and nobody mistakes that for a log that is not theirs."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db import dead_letters
from shared.db.engine import session_settings
from shared.db.uow import UnitOfWork
from shared.messages import registry
from shared.stream.local import LocalStream
from shared.stream.partitioner import partition_of
from shared.stream.protocol import Outgoing, TopicPartition
from tests.support.stream import NOON, Noter, a_usage_event, a_worker, publish, running, seen, until

MARK = {"ce_type": "partition.mark"}


@pytest.fixture
async def stream(database_url: str) -> AsyncIterator[LocalStream]:
    made = LocalStream(database_url, session_settings("scoring"), 8)
    await made.start()
    yield made
    await made.stop()


async def age(engine: AsyncEngine, by: timedelta, where: str = "true") -> None:
    async with engine.begin() as c:
        await c.execute(text(f"UPDATE log.records SET time = time - CAST(:by AS interval) WHERE {where}"), {"by": by})


async def test_records_stay_fourteen_days_and_a_first_start_takes_what_it_sees(
    stream: LocalStream, engine: AsyncEngine
) -> None:
    await publish(stream, a_usage_event("old"), a_usage_event("kept"))
    await age(engine, timedelta(days=15), '"offset" = 0')
    await age(engine, timedelta(days=13), '"offset" = 1')
    await stream.trim()
    at = TopicPartition(registry.USAGE, partition_of("northwind", stream.partitions))
    bounds = await stream.consumer("looking", [registry.USAGE]).bounds([at])
    assert (bounds[at].begin, bounds[at].end) == (1, 2)
    async with running(a_worker(stream, engine, Noter())):
        await until(lambda: any_seen(engine))
    assert await seen(engine) == ["kept"]


async def any_seen(engine: AsyncEngine) -> bool:
    return bool(await seen(engine))


async def test_marks_stay_an_hour_and_the_newest_stays_so_that_the_end_can_be_reached(
    stream: LocalStream, engine: AsyncEngine
) -> None:
    mark = Outgoing(registry.ASSESSMENTS, "", b"{}", MARK, partition=3)
    await publish(stream, mark, mark, mark)
    await age(engine, timedelta(hours=2))
    await stream.trim()
    async with engine.connect() as c:
        rows = (await c.execute(text('SELECT "offset" FROM log.records'))).all()
    assert [row.offset for row in rows] == [2]


async def test_a_mark_of_this_hour_is_kept(stream: LocalStream, engine: AsyncEngine) -> None:
    mark = Outgoing(registry.ASSESSMENTS, "", b"{}", MARK, partition=3)
    await publish(stream, mark, mark)
    await age(engine, timedelta(minutes=59))
    await stream.trim()
    async with engine.connect() as c:
        assert (await c.execute(text("SELECT count(*) FROM log.records"))).scalar_one() == 2


async def test_dead_letters_are_kept_thirty_days(stream: LocalStream, engine: AsyncEngine) -> None:
    at = TopicPartition(registry.USAGE, partition_of("northwind", stream.partitions))
    await publish(stream, a_usage_event("1"))
    record = await stream.consumer("looking", [registry.USAGE]).read_at(at, 0)
    assert record is not None
    uow = UnitOfWork(engine)
    async with uow.begin() as c:
        await dead_letters.keep(c, [(record, "can't be read")], NOON)
    for days, left in ((29, 1), (31, 0)):
        async with uow.begin() as c:
            await dead_letters.trim(c, NOON + timedelta(days=days))
            assert await dead_letters.count(c) == left

"""The local log forgets what is past its term, and nobody mistakes that for a log that is not theirs."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from shared.log.local import LocalStream
from shared.log.partitioner import partition_of
from shared.log.protocol import BrokerUnavailable, Outgoing, TopicPartition
from shared.messages import registry
from shared.pg.pool import async_url, session_settings
from shared.pg.uow import UnitOfWork
from shared.worker import dead_letters
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


async def test_a_trim_locks_counters_in_the_writers_order(stream: LocalStream, engine: AsyncEngine) -> None:
    old = [Outgoing(topic, "", b"{}", partition=p) for topic in registry.EVENT_TOPICS for p in reversed(range(8))]
    await publish(stream, *old)
    await age(engine, timedelta(days=15))
    order = 'FROM log.counters WHERE "next" > 0 ORDER BY topic, partition'
    async with engine.connect() as first, engine.connect() as others:
        await first.execute(text(f"SELECT 1 {order} LIMIT 1 FOR NO KEY UPDATE"))
        trimming = asyncio.create_task(stream.trim())
        await until(lambda: waits_for_a_lock(engine))
        # Who waits for the first holds none that a writer may have before it gets to the first.
        locked = (await others.execute(text(f"SELECT 1 {order} FOR NO KEY UPDATE SKIP LOCKED"))).all()
        assert len(locked) == len(old) - 1
    await trimming
    at = TopicPartition(registry.USAGE, 7)
    assert (await stream.consumer("looking", [registry.USAGE]).bounds([at]))[at].begin == 1


async def waits_for_a_lock(engine: AsyncEngine) -> bool:
    async with engine.connect() as c:
        return bool((await c.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted"))).scalar_one())


async def test_a_start_in_vain_leaves_no_connections_behind(database_url: str, engine: AsyncEngine) -> None:
    owner = create_async_engine(async_url(database_url))
    try:
        async with owner.begin() as c:
            await c.execute(text("ALTER TABLE log.identity RENAME TO not_there_yet"))
        waiting = LocalStream(database_url, {**session_settings("scoring"), "application_name": "waiting"}, 8)
        for _ in range(3):
            with pytest.raises(BrokerUnavailable):
                await waiting.start()
        async with owner.begin() as c:
            await c.execute(text("ALTER TABLE log.not_there_yet RENAME TO identity"))
        await until(lambda: connected(engine, "waiting", 0))
        await waiting.start()
        assert await connected(engine, "waiting", 1)
        await waiting.stop()
    finally:
        await owner.dispose()


async def connected(engine: AsyncEngine, name: str, number: int) -> bool:
    async with engine.connect() as c:
        asked = text("SELECT count(*) FROM pg_stat_activity WHERE application_name = :name")
        return bool((await c.execute(asked, {"name": name})).scalar_one() == number)

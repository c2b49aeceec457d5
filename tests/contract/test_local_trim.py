"""The local log forgets what is past its term, and nobody mistakes that for a log that is not theirs."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from shared.log.local import LocalStream
from shared.log.partitioner import partition_of
from shared.log.protocol import Bounds, BrokerUnavailable, Outgoing, TopicPartition
from shared.messages import registry
from shared.pg.pool import async_url, session_settings
from shared.pg.uow import UnitOfWork
from shared.worker import dead_letters
from tests.support.hooked import HookedStream
from tests.support.logins import as_service
from tests.support.stream import NOON, Noter, a_usage_event, a_worker, publish, running, seen, until

MARK = {"ce_type": "partition.mark"}


@pytest.fixture
async def stream(database_url: str) -> AsyncIterator[LocalStream]:
    made = LocalStream(as_service(database_url, "scoring"), session_settings("scoring"), 8)
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


def in_all_partitions() -> list[str]:
    """Fifty accounts."""
    return [f"a{i}" for i in range(50)]


async def test_what_was_accepted_and_not_read_outlives_its_term_whoever_trims(
    stream: LocalStream, engine: AsyncEngine, database_url: str
) -> None:
    noter = Noter()
    async with running(a_worker(stream, engine, noter)):
        await publish(stream, a_usage_event("read"))
        await until(lambda: any_seen(engine))
    # Fifteen days without it, and then others start.
    await publish(stream, *(a_usage_event(account, account) for account in in_all_partitions()))
    await age(engine, timedelta(days=15))
    other = LocalStream(as_service(database_url, "playbooks"), session_settings("playbooks"), 8)
    await other.start()
    await other.trim()
    await other.stop()
    oldest = (await stream.readers())["scoring"]
    assert oldest is not None
    assert timedelta(days=15) <= datetime.now(UTC) - oldest < timedelta(days=16)
    async with running(a_worker(stream, engine, noter)):
        await until(lambda: all_seen(engine, 51))
    assert sorted(await seen(engine)) == sorted(["read", *in_all_partitions()])
    # Now it is read, and goes.
    await stream.trim()
    async with engine.connect() as c:
        assert (await c.execute(text("SELECT count(*) FROM log.records"))).scalar_one() == 0
    assert await stream.readers() == {"scoring": None}


async def test_the_slowest_of_several_readers_decides_and_one_that_never_read_anything_counts(
    stream: LocalStream, engine: AsyncEngine
) -> None:
    at = TopicPartition(registry.USAGE, partition_of("northwind", 8))
    await publish(stream, *(a_usage_event(str(i)) for i in range(5)))
    await age(engine, timedelta(days=15))
    fast, slow, new = (stream.consumer(f"keepwell.{name}", [registry.USAGE]) for name in ("fast", "slow", "new"))
    for reader in (fast, slow, new):
        await reader.start()
    await fast.commit({at: 5})
    await slow.commit({at: 3})
    await stream.trim()
    assert (await fast.bounds([at]))[at].begin == 0
    await new.commit({at: 2})
    await stream.trim()
    assert (await fast.bounds([at]))[at] == Bounds(2, 5)
    await slow.commit({at: 5})
    await new.stop()
    assert await stream.forget("new")
    await stream.trim()
    assert (await fast.bounds([at]))[at] == Bounds(5, 5)
    # One that reads can't be forgotten.
    assert not await stream.forget("slow")
    for reader in (fast, slow):
        await reader.stop()


async def test_a_service_that_reads_other_topics_now_holds_nothing_back_of_the_old_ones(
    stream: LocalStream, engine: AsyncEngine
) -> None:
    before = stream.consumer("keepwell.scoring", [registry.USAGE])
    await before.start()
    await before.stop()
    await publish(stream, a_usage_event("1"))
    after = stream.consumer("keepwell.scoring", [registry.TICKETS])
    await after.start()
    assert await stream.readers() == {"scoring": None}
    await age(engine, timedelta(days=15))
    await stream.trim()
    async with engine.connect() as c:
        assert (await c.execute(text("SELECT count(*) FROM log.records"))).scalar_one() == 0
    await after.stop()


async def test_a_reader_that_was_away_finds_the_last_mark_and_all_that_is_no_mark(
    stream: LocalStream, engine: AsyncEngine
) -> None:
    reader = stream.consumer("keepwell.playbooks", [registry.ASSESSMENTS])
    await reader.start()
    mark, fact = (Outgoing(registry.ASSESSMENTS, "", b"{}", headers, partition=3) for headers in (MARK, {}))
    await publish(stream, mark, fact, mark, mark, fact)
    await age(engine, timedelta(hours=2))
    await stream.trim()
    async with engine.connect() as c:
        rows = (await c.execute(text('SELECT "offset" FROM log.records ORDER BY "offset"'))).all()
    assert [row.offset for row in rows] == [1, 3, 4]
    await reader.commit({TopicPartition(registry.ASSESSMENTS, 3): 4})
    await stream.trim()
    async with engine.connect() as c:
        rows = (await c.execute(text('SELECT "offset" FROM log.records ORDER BY "offset"'))).all()
    assert [row.offset for row in rows] == [1, 4]
    await reader.stop()


async def test_what_was_told_around_a_rebalance_is_told_again(stream: LocalStream, engine: AsyncEngine) -> None:
    hooked = HookedStream(stream)
    worker = a_worker(hooked, engine, Noter())

    async def told() -> dict[int, int]:
        await worker.commit()
        async with engine.connect() as c:
            rows = await c.execute(
                text("SELECT partition, next FROM log.readers WHERE topic = :t"), {"t": registry.USAGE}
            )
            return {row.partition: row.next for row in rows}

    number = partition_of("northwind", 8)
    async with running(worker):
        await publish(stream, a_usage_event("1"))
        await until(lambda: any_seen(engine))
        assert (await told())[number] == 1
        async with engine.begin() as c:
            await c.execute(text("UPDATE log.readers SET next = 0"))
        # Nothing has moved, and nothing is told twice.
        assert (await told())[number] == 0
        hooked.rebalances += 1

        async def told_again() -> bool:
            return (await told())[number] == 1

        await until(told_again)


async def all_seen(engine: AsyncEngine, number: int) -> bool:
    return len(await seen(engine)) >= number


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
        waiting = LocalStream(
            as_service(database_url, "scoring"), {**session_settings("scoring"), "application_name": "waiting"}, 8
        )
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

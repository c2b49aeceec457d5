"""A worker watches itself: what stands still joins again, what was lost is forgotten, and being busy is neither."""

import asyncio
from collections.abc import Sequence
from contextvars import Context
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.log.partitioner import partition_of
from shared.service.watchdog import WorkerHealth
from shared.worker.handler import Incoming
from tests.support.stream import Noter, OddStream, a_usage_event, a_worker, publish, running, until

NORTHWIND = partition_of("northwind", 8)


def ids(noter: Noter) -> set[str]:
    return {id for batch in noter.batches for id in batch}


async def test_a_partition_of_which_nothing_comes_has_stalled_though_others_go_on(
    odd_stream: OddStream, engine: AsyncEngine
) -> None:
    noter = Noter()
    odd_stream.deaf = frozenset({NORTHWIND})
    assert partition_of("other", 8) != NORTHWIND
    await publish(odd_stream, a_usage_event("unheard"))
    async with running(a_worker(odd_stream, engine, noter, clock=odd_stream.clock)):
        for i in range(100):
            await publish(odd_stream, a_usage_event(f"heard {i}", "other"))
            await until(lambda n=i: f"heard {n}" in ids(noter))  # type: ignore[misc]
            if len(odd_stream.made) > 1:
                break
        assert len(odd_stream.made) == 2
        odd_stream.deaf = frozenset()
        await until(lambda: "unheard" in ids(noter))


async def test_a_worker_that_was_busy_for_a_minute_has_not_stalled(odd_stream: OddStream, engine: AsyncEngine) -> None:
    class Slow(Noter):
        async def handle(
            self, c: AsyncConnection, partition: int, batch: Sequence[Incoming], now: datetime, behind: bool
        ) -> None:
            odd_stream.clock.move(timedelta(minutes=1))
            await super().handle(c, partition, batch, now, behind)

    noter = Slow()
    await publish(odd_stream, *(a_usage_event(str(i), f"a{i % 7}") for i in range(20)))
    async with running(a_worker(odd_stream, engine, noter, clock=odd_stream.clock, max_records=1)):
        await until(lambda: len(ids(noter)) == 20)
    assert len(odd_stream.made) == 1


async def test_a_partition_that_does_not_come_back_is_forgotten(odd_stream: OddStream, engine: AsyncEngine) -> None:
    noter = Noter()
    worker = a_worker(odd_stream, engine, noter, clock=odd_stream.clock)
    async with running(worker):
        await until(lambda: len(worker.owned()) == 8)
        noter.forgot.clear()
        # All go and come back but one, as in a rebalance that gives it to another worker.
        odd_stream.lost, odd_stream.rebalances = frozenset({NORTHWIND}), 1
        await until(lambda: len(worker.owned()) == 7)
        assert noter.forgot == []
        odd_stream.clock.move(timedelta(minutes=1))
        await until(lambda: bool(noter.forgot))
    assert noter.forgot == [NORTHWIND]


async def fine() -> None:
    return None


async def test_a_batch_that_is_slow_and_moves_is_not_stuck_and_one_that_stands_is(
    odd_stream: OddStream, engine: AsyncEngine
) -> None:
    found: list[str | None] = []

    class Slow(Noter):
        async def handle(
            self, c: AsyncConnection, partition: int, batch: Sequence[Incoming], now: datetime, behind: bool
        ) -> None:
            for _ in range(5):
                odd_stream.clock.move(timedelta(seconds=50))
                found.append(await health.stuck())
                await c.execute(text("SELECT 1"))
            # Somebody else's statements are no sign of the loop's life.
            odd_stream.clock.move(timedelta(seconds=60))
            await asyncio.create_task(elsewhere(), context=Context())
            found.append(await health.stuck())
            await super().handle(c, partition, batch, now, behind)

    async def elsewhere() -> None:
        async with engine.connect() as c:
            await c.execute(text("SELECT 1"))

    async def gets_on() -> bool:
        return await health.stuck() is None

    worker = a_worker(odd_stream, engine, Slow(), clock=odd_stream.clock)
    health = WorkerHealth(worker, {"database": fine, "broker": fine}, odd_stream.clock)
    assert await health.stuck() is None
    await publish(odd_stream, a_usage_event("1"))
    async with running(worker):
        await until(lambda: len(found) == 6)
        await until(gets_on)
    assert found[:5] == [None] * 5
    assert found[5] is not None
    assert await health.stuck() is None

"""Timers run under the locks of what they look at, in chunks between polls, and none is lost by it."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.figures import Figures
from shared.log.partitioner import partition_of
from shared.log.protocol import Stream
from shared.messages import registry
from shared.pg.uow import UnitOfWork
from shared.worker import ownership, timers
from shared.worker.handler import Incoming
from shared.worker.partition import Failure, Partition
from shared.worker.plan import Plan
from shared.worker.transactions import Transactions
from tests.support.stream import NOON, Noter, OddStream, SetClock, a_usage_event, a_worker, publish, running, until

PARTITION = 3
HOUR = timedelta(hours=1)


async def due(engine: AsyncEngine) -> dict[str, datetime]:
    async with engine.connect() as c:
        return {row.key: row.due for row in await c.execute(text("SELECT key, due FROM timers"))}


async def set_earlier(engine: AsyncEngine, set: dict[str, datetime]) -> None:
    async with UnitOfWork(engine).begin() as c:
        await timers.set_earlier(c, PARTITION, set)


async def lock_account(c: AsyncConnection) -> None:
    await c.execute(text("SELECT pg_advisory_xact_lock(7)"))


async def test_who_holds_an_account_may_set_its_timer_while_the_worker_waits_for_the_account(
    engine: AsyncEngine,
) -> None:
    await set_earlier(engine, {"acme": NOON})
    reached = asyncio.Event()

    async def run() -> None:
        async with UnitOfWork(engine).begin() as c, timers.run_due(c, PARTITION, NOON, 10) as ran:
            assert ran == [("acme", NOON)]
            reached.set()
            await lock_account(c)
            await timers.set_earlier(c, PARTITION, {"acme": NOON + 2 * HOUR})

    async with UnitOfWork(engine).begin() as c:
        await lock_account(c)
        running = asyncio.create_task(run())
        await reached.wait()
        await asyncio.sleep(0.05)
        # Less than PostgreSQL takes to find a deadlock.
        async with asyncio.timeout(0.5):
            await timers.set_earlier(c, PARTITION, {"acme": NOON + HOUR})
    await running
    # What it set after it had looked at all of it stands.
    assert await due(engine) == {"acme": NOON + 2 * HOUR}


async def test_timers_that_ran_are_gone_and_those_that_were_set_anew_stand(engine: AsyncEngine) -> None:
    await set_earlier(engine, {"acme": NOON, "globex": NOON, "initech": NOON + HOUR, "later": NOON + 2 * HOUR})
    async with UnitOfWork(engine).begin() as c:
        async with timers.run_due(c, PARTITION, NOON + HOUR, 10) as ran:
            # One is due again within what may run, and one later than it was.
            await timers.set_earlier(c, PARTITION, {"globex": NOON + timedelta(minutes=1)})
            await timers.set_earlier(c, PARTITION, {"initech": NOON + 3 * HOUR})
        await timers.set_earlier(c, PARTITION, {"initech": NOON + 4 * HOUR})
    assert [key for key, _ in ran] == ["acme", "globex", "initech"]
    assert await due(engine) == {
        "globex": NOON + timedelta(minutes=1),
        "initech": NOON + 3 * HOUR,
        "later": NOON + 2 * HOUR,
    }


async def test_a_timer_that_was_moved_while_the_worker_waited_runs_again(engine: AsyncEngine) -> None:
    await set_earlier(engine, {"acme": NOON})
    async with UnitOfWork(engine).begin() as c, timers.run_due(c, PARTITION, NOON, 10) as ran:
        await set_earlier(engine, {"acme": NOON - HOUR})
        await timers.set_earlier(c, PARTITION, {"acme": NOON + HOUR})
    assert ran == [("acme", NOON)]
    assert await due(engine) == {"acme": NOON - HOUR}


async def test_timers_of_a_transaction_that_failed_stand(engine: AsyncEngine) -> None:
    await set_earlier(engine, {"acme": NOON})
    uow = UnitOfWork(engine)
    with pytest.raises(KeyError):
        async with uow.begin() as c, timers.run_due(c, PARTITION, NOON, 10):
            raise KeyError
    # And the connection, when it is used again, knows nothing of them.
    async with uow.begin() as c:
        await timers.set_earlier(c, PARTITION, {"globex": NOON})
    assert await due(engine) == {"acme": NOON, "globex": NOON}


class Counting(Noter):
    """Notes the events and the chunks of timers in the order in which they came."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[str] = []
        self.most_timers: int | None = None

    async def handle(
        self, c: AsyncConnection, partition: int, batch: Sequence[Incoming], now: datetime, behind: bool
    ) -> None:
        await super().handle(c, partition, batch, now, behind)
        self.done += [one.event.id for one in batch]

    async def on_timers(
        self, c: AsyncConnection, partition: int, due: Sequence[tuple[str, datetime]], now: datetime
    ) -> None:
        self.tries += 1
        if self.most_timers is not None and len(due) > self.most_timers:
            raise OSError("the database has ended a session that was idle for too long")
        await super().on_timers(c, partition, due, now)
        self.done.append("timers")


async def test_events_are_read_between_chunks_of_timers(odd_stream: OddStream, engine: AsyncEngine) -> None:
    class Interrupted(Counting):
        async def on_timers(
            self, c: AsyncConnection, partition: int, due: Sequence[tuple[str, datetime]], now: datetime
        ) -> None:
            await super().on_timers(c, partition, due, now)
            if self.done.count("timers") == 1:
                await publish(odd_stream, a_usage_event("urgent"))

    noter = Interrupted()
    await set_earlier(engine, {f"a{i}": NOON for i in range(2500)})
    async with running(a_worker(odd_stream, engine, noter, clock=odd_stream.clock)):
        await until(lambda: len(noter.timers) == 2500)
    assert noter.done == ["timers", "urgent", "timers", "timers", "timers", "timers"]
    assert await due(engine) == {}


async def test_timers_that_are_too_much_at_once_run_in_parts_that_are_not(
    odd_stream: OddStream, engine: AsyncEngine
) -> None:
    noter = Counting()
    noter.most_timers = 100
    await set_earlier(engine, {f"a{i}": NOON for i in range(600)})
    async with running(a_worker(odd_stream, engine, noter, clock=odd_stream.clock)):
        await until(lambda: len(noter.timers) == 600)
    assert await due(engine) == {}


async def test_a_few_timers_that_went_well_say_nothing_of_more_at_once(
    odd_stream: OddStream, engine: AsyncEngine
) -> None:
    transactions = Transactions(
        Noter(),
        stream=odd_stream,
        uow=UnitOfWork(engine),
        clock=odd_stream.clock,
        owner="test",
        mend="keepwell mend",
        figures=Figures("scoring"),
        on_staged=lambda: None,
    )
    partition = Partition(PARTITION, Plan("scoring", (registry.USAGE,), ()))
    partition.failed(NOON, Failure("the connection was lost", passing=True), size=40)
    async with UnitOfWork(engine).begin() as c:
        _, epoch = await ownership.take(c, PARTITION, "test")
    partition.take(epoch, {})
    for timers_due, most in ((1, 20), (19, 20), (20, 22)):
        await set_earlier(engine, {f"a{i}": NOON for i in range(timers_due)})
        assert await transactions.run_timers(partition, NOON, NOON)
        assert partition.most == most


async def test_what_was_put_off_is_done_without_a_pause(stream: Stream, engine: AsyncEngine) -> None:
    noter = Noter()
    number = partition_of("northwind", stream.partitions)
    noter.put_off[number], noter.chunks_put_off = SetClock().now(), 50
    async with running(a_worker(stream, engine, noter)):
        await until(lambda: len(noter.caught_up) == 50)


async def test_what_was_put_off_waits_for_the_pause_after_a_failure(stream: Stream, engine: AsyncEngine) -> None:
    class Failing(Noter):
        async def catch_up(self, c: AsyncConnection, partition: int, now: datetime) -> None:
            self.tries += 1
            raise OSError

    noter = Failing()
    noter.put_off[PARTITION] = SetClock().now()
    worker = a_worker(stream, engine, noter)
    async with running(worker):
        await until(lambda: noter.tries > 0)
        await asyncio.sleep(1)
    assert noter.tries < 6

"""Marks that come alone take no transaction: how far they were read is written every few seconds, of all at once.

On the local log: none of this asks the log for more than reading.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.log.local import LocalStream
from shared.log.partitioner import partition_of
from shared.log.protocol import Outgoing, Stream
from shared.messages import registry
from shared.pg.pool import session_settings
from shared.pg.uow import UnitOfWork
from shared.worker import timers
from shared.worker.handler import Incoming
from shared.worker.loop import Worker
from tests.support.hooked import HookedStream
from tests.support.logins import as_service
from tests.support.stream import (
    NOON,
    Noter,
    SetClock,
    a_mark,
    a_usage_event,
    a_worker,
    publish,
    running,
    seen,
    until,
)

SECOND = timedelta(seconds=1)
NUMBER = partition_of("northwind", 8)
TOPICS = (registry.ASSESSMENTS, registry.USAGE)


@pytest.fixture
def make_stream(database_url: str) -> Callable[[], Stream]:
    return lambda: LocalStream(as_service(database_url, "scoring"), session_settings("scoring"), 8)


class Hearing(Noter):
    """Takes marks down where it may."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[datetime] = []
        self.may = True

    def hears(self, partition: int, marks: Sequence[Incoming]) -> bool:
        self.heard += [one.data.through for one in marks if self.may]
        return self.may


class Standing:
    """A worker on a clock that stands: nothing is written by the clock until it moves."""

    def __init__(self, stream: Stream, engine: AsyncEngine) -> None:
        self.hooked, self.engine, self.clock = HookedStream(stream), engine, SetClock()
        self.noter = Hearing()
        self.worker = self.another(self.noter)

    def another(self, noter: Noter) -> Worker:
        return a_worker(self.hooked, self.engine, noter, topics=TOPICS, by_marks=True, clock=self.clock)

    async def has_taken_all(self) -> bool:
        return len(self.worker.owned()) == self.hooked.partitions

    async def publish(self, *messages: Outgoing) -> None:
        await publish(self.hooked, *messages)

    async def places(self) -> dict[str, int]:
        """As the database has them."""
        async with self.engine.connect() as c:
            rows = await c.execute(text("SELECT topic, next FROM offsets WHERE partition = :n"), {"n": NUMBER})
            return {row.topic: row.next for row in rows}

    async def heard(self, number: int) -> None:
        await until(lambda: len(self.noter.heard) >= number)

    async def ticks(self, number: int) -> None:
        """The clock runs until the loop has looked at the time so often."""
        looks = 0

        async def count(_: object) -> None:
            nonlocal looks
            looks += 1

        def passed() -> bool:
            self.clock.move(SECOND)
            return looks >= number

        self.hooked.after_look = count
        await until(passed)

    async def moves_on(self, places: dict[str, int]) -> None:
        """The clock runs until the database has these."""

        async def there() -> bool:
            self.clock.move(SECOND)
            return await self.places() == places

        await until(there)


async def test_marks_alone_begin_no_transaction_and_are_written_within_seconds(
    stream: Stream, engine: AsyncEngine
) -> None:
    road = Standing(stream, engine)
    async with running(road.worker):
        await until(road.has_taken_all)
        await road.publish(a_mark(NUMBER, NOON), a_mark(NUMBER, NOON + SECOND))
        await road.heard(2)
        assert await road.places() == {registry.ASSESSMENTS: 0, registry.USAGE: 0}
        assert road.noter.tries == 0
        await road.moves_on({registry.ASSESSMENTS: 2, registry.USAGE: 0})
        # It is where it thinks it is: the next batch goes through at once.
        await road.publish(a_usage_event("1"))
        await road.moves_on({registry.ASSESSMENTS: 2, registry.USAGE: 1})
    assert road.noter.heard == [NOON, NOON + SECOND]
    # Each was taken once, and none again.
    assert sorted(road.noter.forgot) == [*range(stream.partitions)]


async def test_what_was_heard_is_written_with_the_next_batch_and_as_the_worker_ends(
    stream: Stream, engine: AsyncEngine
) -> None:
    road = Standing(stream, engine)
    async with running(road.worker):
        await until(road.has_taken_all)
        await road.publish(a_mark(NUMBER, NOON))
        await road.heard(1)
        await road.publish(a_usage_event("1"))

        async def written() -> bool:
            return await road.places() == {registry.ASSESSMENTS: 1, registry.USAGE: 1}

        await until(written)
        await road.publish(a_mark(NUMBER, NOON + SECOND))
        await road.heard(2)
    assert await road.places() == {registry.ASSESSMENTS: 2, registry.USAGE: 1}


async def test_who_has_the_partition_next_is_handed_again_what_was_not_written(
    stream: Stream, engine: AsyncEngine
) -> None:
    road = Standing(stream, engine)
    async with running(road.worker):
        await until(road.has_taken_all)
        await road.publish(a_mark(NUMBER, NOON))
        await road.heard(1)
        async with UnitOfWork(engine).begin() as c:
            # As another worker's taking it does.
            await c.execute(text("UPDATE partitions SET epoch = epoch + 1"))
    assert await road.places() == {registry.ASSESSMENTS: 0, registry.USAGE: 0}
    noter = Noter("two")
    async with running(road.another(noter)):
        await until(lambda: noter.marks == [NOON])
    assert await road.places() == {registry.ASSESSMENTS: 1, registry.USAGE: 0}


async def test_who_lost_the_partition_writes_nothing_and_takes_it_again_where_it_was_left(
    stream: Stream, engine: AsyncEngine
) -> None:
    road = Standing(stream, engine)
    async with running(road.worker):
        await until(road.has_taken_all)
        await road.publish(a_mark(NUMBER, NOON))
        await road.heard(1)
        async with UnitOfWork(engine).begin() as c:
            await c.execute(text("UPDATE partitions SET epoch = epoch + 1"))
        # It may have written that at its first look at the time, when it still held the partition.
        left = await road.places()
        await road.ticks(5)
        assert await road.places() == left
        # What it decides from now on goes through all the same, once: by the next batch it learns that it lost it.
        await road.publish(a_usage_event("1"))
        await road.moves_on({registry.ASSESSMENTS: 1, registry.USAGE: 1})
    assert await seen(engine) == ["1"]


async def test_a_mark_that_was_only_heard_lets_timers_run(stream: Stream, engine: AsyncEngine) -> None:
    road = Standing(stream, engine)
    async with UnitOfWork(engine).begin() as c:
        await timers.set_earlier(c, NUMBER, {"northwind": NOON + SECOND})
    async with running(road.worker):
        await until(road.has_taken_all)
        await road.publish(a_mark(NUMBER, NOON + 2 * SECOND))
        await road.heard(1)

        def ran() -> bool:
            road.clock.move(SECOND)
            return bool(road.noter.timers)

        await until(ran)
    assert road.noter.timers_as_of == NOON + 2 * SECOND


async def test_what_must_be_written_for_a_mark_takes_its_transaction(stream: Stream, engine: AsyncEngine) -> None:
    road = Standing(stream, engine)
    road.noter.may = False
    async with running(road.worker):
        await until(road.has_taken_all)
        await road.publish(a_mark(NUMBER, NOON))
        await until(lambda: road.noter.marks == [NOON])

        async def written() -> bool:
            return await road.places() == {registry.ASSESSMENTS: 1, registry.USAGE: 0}

        await until(written)

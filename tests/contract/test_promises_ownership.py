"""One worker at a time writes a partition's state, whichever path the other comes by, and from what is true."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.log.partitioner import partition_of
from shared.log.protocol import Stream, TopicPartition
from shared.pg.uow import UnitOfWork
from shared.worker import ownership, timers
from shared.worker.handler import Incoming
from tests.support.hooked import HookedStream, nothing
from tests.support.stream import Noter, SetClock, a_usage_event, a_worker, publish, running, until

SECOND = timedelta(seconds=1)


class Journal(Noter):
    """Notes what happened to one partition, in order, and who owned it by then."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number
        self.entries: list[str] = []

    def _note(self, partition: int, entry: str) -> None:
        if partition == self.number:
            self.entries.append(entry)

    async def handle(
        self, c: AsyncConnection, partition: int, batch: Sequence[Incoming], now: datetime, behind: bool
    ) -> None:
        if self.fails:
            self._note(partition, "failed")
        await super().handle(c, partition, batch, now, behind)
        self._note(partition, "handled")

    async def on_timers(
        self, c: AsyncConnection, partition: int, due: Sequence[tuple[str, datetime]], now: datetime
    ) -> None:
        await super().on_timers(c, partition, due, now)
        self._note(partition, "timer")

    async def taken(self, c: AsyncConnection, partition: int, now: datetime) -> None:
        owner = await c.execute(text("SELECT owner FROM partitions WHERE partition = :p"), {"p": partition})
        self._note(partition, f"taken while it was {owner.scalar_one()}'s")

    async def catch_up(self, c: AsyncConnection, partition: int, now: datetime) -> None:
        await super().catch_up(c, partition, now)
        self._note(partition, "put off")

    def forget(self, partition: int) -> None:
        self._note(partition, "forgot")


@pytest.fixture
def hooked(stream: Stream) -> HookedStream:
    return HookedStream(stream)


@pytest.fixture
def journal(stream: Stream) -> Journal:
    return Journal(partition_of("northwind", stream.partitions))


async def another_takes(engine: AsyncEngine, number: int, **dues: datetime) -> None:
    """What another worker does when a rebalance gives it the partition; and timers that come due there."""
    async with UnitOfWork(engine).begin() as c:
        await ownership.take(c, number, "another")
        await timers.set_earlier(c, number, dues)


async def test_each_owner_locks_out_those_before_it(engine: AsyncEngine) -> None:
    uow = UnitOfWork(engine)
    async with uow.begin() as c:
        _, first = await ownership.take(c, 0, "one")
    async with uow.begin() as c:
        await ownership.check(c, 0, first)
        before, second = await ownership.take(c, 0, "another")
    assert before == first
    async with uow.begin() as c:
        await ownership.check(c, 0, second)
        with pytest.raises(ownership.OwnershipLost):
            await ownership.check(c, 0, first)


async def test_a_batch_that_was_read_before_another_worker_took_the_partition_is_not_written(
    hooked: HookedStream, engine: AsyncEngine, journal: Journal
) -> None:
    async def once() -> None:
        hooked.after_poll = nothing
        await another_takes(engine, journal.number)

    worker = a_worker(hooked, engine, journal)
    async with running(worker):
        await until(lambda: journal.number in worker.owned())
        journal.entries.clear()
        hooked.after_poll = once
        await publish(hooked, a_usage_event("1"))
        await until(lambda: "handled" in journal.entries)
    # Only after it has taken the partition back, and dropped what it remembered of it.
    assert journal.entries == ["forgot", "taken while it was test's", "handled"]


@pytest.mark.parametrize("work", ["timer", "put off"])
async def test_a_worker_that_lost_its_partition_does_no_work_of_time_on_it(
    hooked: HookedStream, engine: AsyncEngine, journal: Journal, work: str
) -> None:
    clock = SetClock()
    worker = a_worker(hooked, engine, journal, clock=clock)
    async with running(worker):
        await until(lambda: journal.number in worker.owned())
        journal.entries.clear()
        if work == "timer":
            await another_takes(engine, journal.number, northwind=clock.now())
        else:
            await another_takes(engine, journal.number)
            journal.put_off[journal.number] = clock.now()

        def done() -> bool:
            clock.move(SECOND)
            return work in journal.entries

        await until(done)
    assert journal.entries == ["forgot", "taken while it was test's", work]


async def test_a_worker_that_loses_a_partition_while_it_takes_it_writes_nothing_there(
    hooked: HookedStream, engine: AsyncEngine, journal: Journal
) -> None:
    async def once(partitions: Sequence[TopicPartition]) -> None:
        if journal.number in {at.partition for at in partitions}:
            hooked.before_look = nothing
            await another_takes(engine, journal.number)

    hooked.before_look = once
    worker = a_worker(hooked, engine, journal)
    async with running(worker):
        await until(lambda: journal.number in worker.owned())
    assert [entry for entry in journal.entries if entry != "forgot"] == ["taken while it was test's"]


async def test_a_rebalance_right_after_a_failed_commit_does_not_save_what_was_wrongly_remembered(
    hooked: HookedStream, engine: AsyncEngine, journal: Journal
) -> None:
    async def rebalance() -> None:
        hooked.rebalances += 1

    worker = a_worker(hooked, engine, journal)
    async with running(worker):
        await until(lambda: journal.number in worker.owned())
        journal.entries.clear()
        journal.fails = [OSError("the answer to the commit was lost")]
        hooked.after_poll = rebalance
        await publish(hooked, a_usage_event("1"))
        await until(lambda: "handled" in journal.entries)
    assert journal.entries[:4] == ["failed", "forgot", "taken while it was test's", "handled"]

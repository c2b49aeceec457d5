"""Builders and a handler for tests of the stream: what it handled is in the database, committed or not there."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.clock import Clock, SystemClock
from shared.figures import Figures
from shared.log.local import LocalConsumer, LocalStream
from shared.log.protocol import Outgoing, Record, Stream, TopicPartition
from shared.messages import envelope, registry
from shared.messages.assessments import PartitionMark
from shared.messages.usage import UsageRecorded
from shared.pg.pool import session_settings
from shared.pg.uow import UnitOfWork
from shared.worker.handler import Handler, Incoming, Poison
from shared.worker.loop import Plan, Worker
from tests.support.logins import as_service

NOON = datetime(2026, 5, 20, 12, tzinfo=UTC)


class SetClock:
    """A clock that stands until it is moved."""

    def __init__(self, now: datetime = NOON) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def move(self, by: timedelta) -> None:
        self._now += by


def a_usage_event(id: str, account: str = "northwind", *, feature: str = "reports", time: datetime = NOON) -> Outgoing:
    """A `usage.recorded` ready to publish."""
    event = envelope.wrap(
        UsageRecorded(feature=feature), id=id, source="app", type="usage.recorded", subject=account, time=time
    )
    return Outgoing(registry.USAGE, account, envelope.encode(event), {"ce_type": "usage.recorded"})


def a_mark(number: int, through: datetime) -> Outgoing:
    """A `partition.mark`, called `the mark`, ready to publish."""
    mark = envelope.wrap(
        PartitionMark(through=through),
        id="the mark",
        source="keepwell/scoring",
        type="partition.mark",
        subject=str(number),
        time=through,
    )
    headers = {"ce_type": "partition.mark"}
    return Outgoing(registry.ASSESSMENTS, "", envelope.encode(mark), headers, partition=number)


async def publish(stream: Stream, *messages: Outgoing) -> None:
    producer = stream.producer()
    await producer.start()
    await producer.publish(messages)
    await producer.stop()


async def until(condition: Callable[[], Awaitable[bool] | bool], seconds: float = 20.0) -> None:
    """Wait for a condition; fails when it doesn't come true in time."""
    async with asyncio.timeout(seconds):
        while True:
            held = condition()
            if held if isinstance(held, bool) else await held:
                return
            await asyncio.sleep(0.01)


class OddStream(LocalStream):
    """A local log whose readers lose partitions as on Kafka, or get nothing of some, and whose clock polls move."""

    def __init__(self, url: str) -> None:
        super().__init__(as_service(url, "scoring"), session_settings("scoring"), 8)
        self.clock = SetClock()
        self.lost: frozenset[int] = frozenset()
        self.deaf: frozenset[int] = frozenset()
        self.rebalances = 0
        self.made: list[OddConsumer] = []

    def consumer(self, group: str, topics: Sequence[str]) -> "OddConsumer":
        self.made.append(OddConsumer(self, group, topics))
        return self.made[-1]


class OddConsumer(LocalConsumer):
    """Every poll takes a second of its stream's clock."""

    def __init__(self, stream: OddStream, group: str, topics: Sequence[str]) -> None:
        super().__init__(stream, group, topics)
        self._odd = stream

    def held(self) -> frozenset[int]:
        return super().held() - self._odd.lost

    def generation(self) -> int:
        return super().generation() + self._odd.rebalances

    async def poll(self, max_records: int, timeout: float) -> dict[TopicPartition, list[Record]]:
        found = await super().poll(max_records, min(timeout, 0.01))
        self._odd.clock.move(timedelta(seconds=1))
        unheard = {at: found.pop(at) for at in list(found) if at.partition in self._odd.deaf | self._odd.lost}
        self.seek({at: records[0].offset for at, records in unheard.items()})
        return found


SEEN_TABLE = (
    "CREATE TABLE IF NOT EXISTS scoring.seen (place bigint GENERATED ALWAYS AS IDENTITY, id text, account text, "
    "worker text, topic text, partition int)",
    "GRANT ALL ON scoring.seen TO keepwell_scoring",
)


class Noter(Handler):
    """Notes every event's id in the table `seen`, inside the batch's transaction."""

    def __init__(self, worker: str = "one") -> None:
        self.worker = worker
        self.batches: list[list[str]] = []
        self.timers: list[tuple[str, datetime]] = []
        self.marks: list[datetime] = []
        self.timers_as_of: datetime | None = None
        self.forgot: list[int] = []
        self.poison: set[str] = set()
        self.breaks_on: set[str] = set()
        self.fails: list[Exception] = []
        self.tries = 0
        self.can_take: int | None = None
        self.put_off: dict[int, datetime] = {}
        self.chunks_put_off = 1
        self.caught_up: list[int] = []
        self.entered = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def handle(
        self, c: AsyncConnection, partition: int, batch: Sequence[Incoming], now: datetime, behind: bool
    ) -> None:
        self.entered.set()
        await self.go_on.wait()
        self.tries += 1
        if self.fails:
            raise self.fails.pop()
        if self.can_take is not None and len(batch) > self.can_take:
            raise OSError("the database has ended a session that was idle for too long")
        self.marks += [incoming.data.through for incoming in batch if isinstance(incoming.data, PartitionMark)]
        batch = [incoming for incoming in batch if not isinstance(incoming.data, PartitionMark)]
        if not batch:
            return
        for incoming in batch:
            if incoming.event.id in self.poison:
                raise Poison(incoming.record, "it is poison")
            if incoming.event.id in self.breaks_on:
                raise KeyError(incoming.event.id)
        self.batches.append([incoming.event.id for incoming in batch])
        await c.execute(
            text(
                "INSERT INTO seen (id, account, worker, topic, partition) "
                "VALUES (:id, :account, :worker, :topic, :partition)"
            ),
            [
                {
                    "id": incoming.event.id,
                    "account": incoming.event.subject,
                    "worker": self.worker,
                    "topic": incoming.record.topic,
                    "partition": partition,
                }
                for incoming in batch
            ],
        )

    async def on_timers(
        self, c: AsyncConnection, partition: int, due: Sequence[tuple[str, datetime]], now: datetime
    ) -> None:
        self.timers.extend(due)
        self.timers_as_of = now

    def waiting(self, partition: int) -> datetime | None:
        return self.put_off.get(partition)

    async def catch_up(self, c: AsyncConnection, partition: int, now: datetime) -> None:
        self.caught_up.append(partition)
        if len(self.caught_up) >= self.chunks_put_off:
            self.put_off.pop(partition)

    def forget(self, partition: int) -> None:
        self.forgot.append(partition)


def a_worker(
    stream: Stream,
    engine: AsyncEngine,
    handler: Handler,
    *,
    topics: tuple[str, ...] = (registry.USAGE, registry.TICKETS),
    clock: Clock | None = None,
    owner: str = "test",
    by_marks: bool = False,
    sends_marks: bool = False,
    max_records: int = 500,
    figures: Figures | None = None,
) -> Worker:
    plan = Plan("scoring", topics, topics, by_marks=by_marks, sends_marks=sends_marks, max_records=max_records)
    return Worker(
        plan,
        handler,
        stream=stream,
        uow=UnitOfWork(engine),
        clock=clock or SystemClock(),
        owner=owner,
        mend="keepwell mend",
        figures=figures or Figures("scoring"),
    )


@asynccontextmanager
async def running(*workers: Worker) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Workers that run during the block; an error of theirs fails the test."""
    tasks = [asyncio.create_task(worker.run()) for worker in workers]
    try:
        yield tasks
    finally:
        for worker in workers:
            worker.stop()
        done, late = await asyncio.wait(tasks, timeout=10)
        for task in late:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error


async def seen(engine: AsyncEngine) -> list[str]:
    """The ids that handlers noted, in commit order."""
    async with engine.connect() as c:
        return [row.id for row in await c.execute(text("SELECT id FROM seen ORDER BY place"))]

"""Time never overtakes what was accepted before, never runs backwards, and nobody vouches for what failed."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.log.local import LocalStream
from shared.log.partitioner import partition_of
from shared.log.protocol import Outgoing, Stream, TopicPartition
from shared.messages import envelope, registry
from shared.messages.deliveries import DeliverySettled
from shared.pg.pool import session_settings
from shared.pg.uow import UnitOfWork
from shared.worker import timers
from shared.worker.handler import Incoming
from tests.support.hooked import HookedStream, nothing
from tests.support.logins import as_service
from tests.support.stream import NOON, Noter, SetClock, a_mark, a_usage_event, a_worker, publish, running, until

SECOND = timedelta(seconds=1)


class Journal(Noter):
    """Notes in which order batches and timers came, and as of when."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[tuple[str, datetime]] = []

    async def handle(
        self, c: AsyncConnection, partition: int, batch: Sequence[Incoming], now: datetime, behind: bool
    ) -> None:
        await super().handle(c, partition, batch, now, behind)
        self.entries += [(incoming.event.id, now) for incoming in batch]

    async def on_timers(
        self, c: AsyncConnection, partition: int, due: Sequence[tuple[str, datetime]], now: datetime
    ) -> None:
        self.entries += [(f"timer of {key}", now) for key, _ in due]

    @property
    def order(self) -> list[str]:
        return [what for what, _ in self.entries]


@pytest.fixture
def make_stream(database_url: str) -> Callable[[], Stream]:
    """One home will do: all of this is decided above both, and a poll of the local log finds all that is there."""
    return lambda: LocalStream(as_service(database_url, "scoring"), session_settings("scoring"), 8)


@pytest.fixture
def hooked(stream: Stream) -> HookedStream:
    return HookedStream(stream)


async def a_timer(engine: AsyncEngine, number: int, due: datetime) -> None:
    async with UnitOfWork(engine).begin() as c:
        await timers.set_earlier(c, number, {"northwind": due})


async def test_a_timer_does_not_overtake_what_was_accepted_while_the_end_was_looked_up(
    hooked: HookedStream, engine: AsyncEngine
) -> None:
    number = partition_of("northwind", hooked.partitions)
    clock, journal = SetClock(), Journal()

    async def accepted_meanwhile(partitions: Sequence[TopicPartition]) -> None:
        hooked.after_look = nothing
        await a_timer(engine, number, clock.now() + 5 * SECOND)
        await publish(hooked, a_usage_event("accepted before it"))
        clock.move(10 * SECOND)

    worker = a_worker(hooked, engine, journal, clock=clock)
    async with running(worker):
        await until(lambda: len(worker.owned()) == hooked.partitions)
        hooked.after_look = accepted_meanwhile

        def ran() -> bool:
            clock.move(SECOND / 4)
            return "timer of northwind" in journal.order

        await until(ran)
    assert journal.order == ["accepted before it", "timer of northwind"]


async def test_a_timer_never_looks_back_behind_what_was_handled_already(
    hooked: HookedStream, engine: AsyncEngine
) -> None:
    number = partition_of("northwind", hooked.partitions)
    clock, journal = SetClock(), Journal()
    looks = 0

    async def always_something_new(partitions: Sequence[TopicPartition]) -> None:
        nonlocal looks
        looks += 1
        if looks == 1:
            await a_timer(engine, number, clock.now())
        await publish(hooked, a_usage_event(str(looks)))

    async def time_passes(partitions: Sequence[TopicPartition]) -> None:
        clock.move(10 * SECOND)

    worker = a_worker(hooked, engine, journal, clock=clock)
    async with running(worker):
        await until(lambda: len(worker.owned()) == hooked.partitions)
        hooked.before_look, hooked.after_look = always_something_new, time_passes

        def ran() -> bool:
            clock.move(SECOND / 4)
            return "timer of northwind" in journal.order

        await until(ran)
    assert journal.order[:2] == ["1", "timer of northwind"]
    (_, handled_at), (_, looked_at) = journal.entries[:2]
    assert looked_at >= handled_at


async def test_where_marks_rule_a_timer_waits_for_what_was_told_back_before_it(
    hooked: HookedStream, engine: AsyncEngine
) -> None:
    number = partition_of("northwind", hooked.partitions)
    clock, journal = SetClock(), Journal()

    async def told_back(partitions: Sequence[TopicPartition]) -> None:
        hooked.before_look = nothing
        await publish(hooked, a_settled_delivery("told back before it"))

    # As playbooks do: assessments come with marks, deliveries without.
    topics = (registry.ASSESSMENTS, registry.DELIVERIES)
    worker = a_worker(hooked, engine, journal, topics=topics, by_marks=True, clock=clock)
    async with running(worker):
        await a_timer(engine, number, NOON + 5 * SECOND)
        await publish(hooked, a_mark(number, NOON + 10 * SECOND))
        await until(lambda: len(worker.owned()) == hooked.partitions and "the mark" in journal.order)
        hooked.before_look = told_back
        clock.move(7 * SECOND)

        def ran() -> bool:
            clock.move(SECOND / 4)
            return "timer of northwind" in journal.order

        await until(ran)
    assert journal.order == ["the mark", "told back before it", "timer of northwind"]


def a_settled_delivery(id: str) -> Outgoing:
    data = DeliverySettled(delivery_id="d", action_ids=["a"], channel="inbox", state="delivered", at=NOON, attempts=1)
    event = envelope.wrap(
        data, id=id, source="keepwell/notifier", type="delivery.settled", subject="northwind", time=NOON
    )
    return Outgoing(registry.DELIVERIES, "northwind", envelope.encode(event), {"ce_type": "delivery.settled"})

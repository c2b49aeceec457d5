"""What was decided leaves in order, by a producer that one can trust, and a mark behind what it vouches for."""

import asyncio
from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.log.local import LocalStream
from shared.log.protocol import Outgoing, Places, Unconfirmed
from shared.pg.uow import UnitOfWork
from shared.worker import outbox
from shared.worker.relay import Relay
from tests.support.stream import until


class FakeBroker(LocalStream):
    """Its producers write to `log`; the first `cut` of them are cut off after one message and then fail for good."""

    def __init__(self, cut: int = 0) -> None:
        self.cut = cut
        self.log: list[str] = []
        self.made = 0
        self.open = 0
        self.asked: list[list[str]] = []
        self.go_on = asyncio.Event()
        self.go_on.set()

    def producer(self) -> "FakeProducer":  # type: ignore[override]
        self.made += 1
        return FakeProducer(self, fails=self.made <= self.cut)


class FakeProducer:
    """As idempotent producers do, it goes on failing once a batch of its has failed."""

    def __init__(self, broker: FakeBroker, fails: bool) -> None:
        self._broker = broker
        self._fails = fails

    async def start(self) -> None:
        self._broker.open += 1

    async def stop(self) -> None:
        self._broker.open -= 1

    async def publish(self, messages: Sequence[Outgoing]) -> Places:
        values = [message.value.decode() for message in messages]
        self._broker.asked.append(values)
        await self._broker.go_on.wait()
        if self._fails:
            self._broker.log += values[:1]
            raise Unconfirmed("cut off")
        self._broker.log += values
        return {}


def a_message(value: str) -> Outgoing:
    return Outgoing("t", "k", value.encode())


async def stage(engine: AsyncEngine, *values: str) -> None:
    async with UnitOfWork(engine).begin() as c:
        await outbox.stage(c, 0, [a_message(value) for value in values])


async def remaining(engine: AsyncEngine) -> int:
    async with engine.connect() as c:
        return int((await c.execute(text("SELECT count(*) FROM outbox"))).scalar_one())


async def test_after_an_error_everything_goes_again_by_a_new_producer(engine: AsyncEngine) -> None:
    broker = FakeBroker(cut=1)
    relay = Relay(UnitOfWork(engine), broker, lambda: {0})
    await stage(engine, "a", "b", "c")
    running = asyncio.create_task(relay.run())
    try:
        relay.wake()
        await until(lambda: broker.log == ["a", "a", "b", "c"])
        # And the one that failed was closed: a broker counts its clients.
        assert (broker.made, broker.open) == (2, 1)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert broker.open == 0


async def test_a_mark_goes_behind_what_is_being_sent(engine: AsyncEngine) -> None:
    broker = FakeBroker()
    relay = Relay(UnitOfWork(engine), broker, lambda: {0})
    await stage(engine, "decided before")
    broker.go_on.clear()
    sending = asyncio.create_task(relay.drain())
    await until(lambda: bool(broker.asked))
    marking = asyncio.create_task(relay.publish([a_message("mark")]))
    # The producer is not even given the mark before what it vouches for is confirmed.
    await asyncio.wait({marking}, timeout=0.05)
    assert broker.asked == [["decided before"]]
    broker.go_on.set()
    await asyncio.gather(sending, marking)
    assert broker.log == ["decided before", "mark"]
    assert await remaining(engine) == 0


async def test_a_mark_is_not_sent_by_a_producer_that_failed(engine: AsyncEngine) -> None:
    broker = FakeBroker(cut=1)
    relay = Relay(UnitOfWork(engine), broker, lambda: {0})
    [error] = await asyncio.gather(relay.publish([a_message("mark")]), return_exceptions=True)
    assert isinstance(error, Unconfirmed)
    await relay.publish([a_message("mark")])
    assert broker.log == ["mark", "mark"]
    assert (broker.made, broker.open) == (2, 1)

"""The outbox leaves in order, again and again until it is confirmed, and nothing of it is lost."""

import asyncio
from collections.abc import Sequence

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.log.local import LocalStream
from shared.log.protocol import Outgoing, Places, Unconfirmed
from shared.pg.uow import UnitOfWork
from shared.worker import outbox
from shared.worker.relay import Relay
from tests.support.stream import until


class FakeProducer:
    """Confirms what it is told to; the messages that it did write are in `log`."""

    def __init__(self, broker: "FakeBroker") -> None:
        self._broker = broker
        self._broken = False

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def publish(self, messages: Sequence[Outgoing]) -> Places:
        assert not self._broken, "A producer is not used again after it failed."
        if self._broker.breaks:
            raise self._broker.breaks.pop()
        if self._broker.hangs:
            await asyncio.Event().wait()
        self._broker.asked += 1
        await self._broker.go_on.wait()
        written = self._broker.writes.pop(0) if self._broker.writes else len(messages)
        self._broker.log += [m.value.decode() for m in messages[:written]]
        if written < len(messages):
            self._broken = True
            raise Unconfirmed("cut off")
        return {}


class FakeBroker(LocalStream):
    """A broker that confirms a part: `writes` holds how many of each publish get written before it fails."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.writes: list[int] = []
        self.hangs = False
        self.asked = 0
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.breaks: list[Exception] = []

    def producer(self) -> FakeProducer:  # type: ignore[override]
        return FakeProducer(self)


async def stage(engine: AsyncEngine, partition: int, *values: str) -> None:
    async with UnitOfWork(engine).begin() as c:
        await outbox.stage(c, partition, [Outgoing("t", "k", v.encode(), {"h": "1"}) for v in values])


async def remaining(engine: AsyncEngine) -> int:
    async with engine.connect() as c:
        return int((await c.execute(text("SELECT count(*) FROM outbox"))).scalar_one())


async def test_what_was_confirmed_is_deleted_and_what_was_not_is_sent_again_in_order(engine: AsyncEngine) -> None:
    broker = FakeBroker()
    relay = Relay(UnitOfWork(engine), broker, lambda: {0})
    await stage(engine, 0, "a", "b", "c")
    broker.writes = [2]
    with pytest.raises(Unconfirmed):
        await relay.drain()
    assert await remaining(engine) == 3
    await relay._renew()
    await relay.drain()
    assert broker.log == ["a", "b", "a", "b", "c"]
    assert await remaining(engine) == 0


async def test_a_publish_that_nobody_confirms_in_time_is_given_up_and_sent_again(engine: AsyncEngine) -> None:
    broker = FakeBroker()
    relay = Relay(UnitOfWork(engine), broker, lambda: {0}, overdue=0.05)
    await stage(engine, 0, "a")
    broker.hangs = True
    with pytest.raises(Unconfirmed, match="not confirmed"):
        await relay.drain()
    assert await remaining(engine) == 1


async def test_a_relay_outlives_what_nobody_expected(engine: AsyncEngine) -> None:
    broker = FakeBroker()
    relay = Relay(UnitOfWork(engine), broker, lambda: {0})
    await stage(engine, 0, "a")
    broker.breaks = [ValueError("too large")]
    running = asyncio.create_task(relay.run())
    relay.wake()
    await until(lambda: broker.log == ["a"])
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_only_the_owners_partitions_are_sent(engine: AsyncEngine) -> None:
    broker = FakeBroker()
    await stage(engine, 0, "mine")
    await stage(engine, 1, "another's")
    await Relay(UnitOfWork(engine), broker, lambda: {0}).drain()
    assert broker.log == ["mine"]
    assert await remaining(engine) == 1


async def test_more_than_a_chunk_leaves_in_the_order_it_was_decided(engine: AsyncEngine) -> None:
    broker = FakeBroker()
    values = [str(i) for i in range(1203)]
    await stage(engine, 0, *values)
    await Relay(UnitOfWork(engine), broker, lambda: {0}).drain()
    assert broker.log == values


async def test_what_is_not_stored_waits_for_a_chunk_and_not_for_the_whole_backlog(engine: AsyncEngine) -> None:
    broker = FakeBroker()
    relay = Relay(UnitOfWork(engine), broker, lambda: {0})
    values = [str(i) for i in range(1203)]
    await stage(engine, 0, *values)
    broker.go_on.clear()
    sending = asyncio.create_task(relay.drain())
    await until(lambda: broker.asked == 1)
    marking = asyncio.create_task(relay.publish([Outgoing("t", "k", b"mark")]))
    await asyncio.sleep(0)
    broker.go_on.set()
    await asyncio.gather(sending, marking)
    assert broker.log == [*values[:500], "mark", *values[500:]]


async def test_two_who_send_at_once_send_nothing_twice_and_in_order(engine: AsyncEngine) -> None:
    broker = FakeBroker()
    relay = Relay(UnitOfWork(engine), broker, lambda: {0})
    values = [str(i) for i in range(1203)]
    await stage(engine, 0, *values)
    await asyncio.gather(relay.drain(), relay.drain())
    assert broker.log == values
    assert await remaining(engine) == 0

"""A partition that fails waits, with its records kept in the log, and the others go on."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.log.partitioner import partition_of
from shared.log.protocol import Stream
from shared.worker.handler import Incoming
from tests.support.hooked import HookedStream
from tests.support.stream import Noter, SetClock, a_usage_event, a_worker, publish, running, seen, until

FIRST_PAUSE = timedelta(milliseconds=100)


class Fails(Noter):
    """Fails on one partition until it is mended."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number
        self.mended = False
        self.tries_there = 0

    async def handle(
        self, c: AsyncConnection, partition: int, batch: Sequence[Incoming], now: datetime, behind: bool
    ) -> None:
        if partition == self.number:
            self.tries_there += 1
            if not self.mended:
                raise OSError("the disk is full")
        await super().handle(c, partition, batch, now, behind)


async def test_a_partition_that_failed_is_neither_read_nor_tried_before_its_pause_is_over(
    stream: Stream, engine: AsyncEngine
) -> None:
    hooked, clock = HookedStream(stream), SetClock()
    handler = Fails(partition_of("northwind", stream.partitions))
    other = next(f"a{i}" for i in range(100) if partition_of(f"a{i}", stream.partitions) != handler.number)

    async def others_go_on(*ids: str) -> None:
        for id in ids:
            await publish(hooked, a_usage_event(id, other))
            await until_noted(engine, id)

    async with running(a_worker(hooked, engine, handler, clock=clock)):
        await publish(hooked, a_usage_event("1"))
        await until(lambda: handler.tries_there >= 1)
        await publish(hooked, a_usage_event("2"))
        await others_go_on("other-1", "other-2", "other-3")
        assert handler.tries_there == 1
        assert [record.offset for record in hooked.polled if record.partition == handler.number] == [0]
        clock.move(FIRST_PAUSE)
        await until(lambda: handler.tries_there >= 2)
        await others_go_on("other-4")
        # The second pause is twice as long.
        clock.move(FIRST_PAUSE)
        await others_go_on("other-5")
        assert handler.tries_there == 2
        handler.mended = True
        clock.move(FIRST_PAUSE)
        await until_noted(engine, "2")
    assert [id for id in await seen(engine) if not id.startswith("other")] == ["1", "2"]


async def until_noted(engine: AsyncEngine, id: str) -> None:
    async def noted() -> bool:
        return id in await seen(engine)

    await until(noted)

"""What comes of a batch that can't be handled as it is: it is tried in smaller parts, and what is at fault is alone."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.log.protocol import Stream
from shared.messages import registry
from shared.worker.handler import Incoming
from tests.support.stream import Noter, OddStream, SetClock, a_usage_event, a_worker, publish, running, seen, until


async def number_seen(engine: AsyncEngine) -> int:
    return len(await seen(engine))


async def all_seen(engine: AsyncEngine, number: int) -> bool:
    return await number_seen(engine) >= number


async def dead(engine: AsyncEngine) -> list[tuple[bytes, str]]:
    async with engine.connect() as c:
        rows = await c.execute(text('SELECT value, reason FROM dead_letters ORDER BY topic, "offset"'))
        return [(bytes(row.value), row.reason) for row in rows]


async def test_a_batch_that_is_too_much_at_once_is_handled_in_parts_that_are_not(
    stream: Stream, engine: AsyncEngine
) -> None:
    noter = Noter()
    noter.can_take = 7
    await publish(stream, *(a_usage_event(str(i)) for i in range(100)))
    async with running(a_worker(stream, engine, noter)):
        await until(lambda: all_seen(engine, 100))
    assert await seen(engine) == [str(i) for i in range(100)]
    assert await dead(engine) == []
    # Nor is most of the work done in vain.
    assert noter.tries < 2 * len(noter.batches)


async def test_batches_grow_again_when_all_is_well(stream: Stream, engine: AsyncEngine) -> None:
    noter = Noter()
    noter.can_take = 1
    await publish(stream, *(a_usage_event(str(i)) for i in range(10)))
    async with running(a_worker(stream, engine, noter)):
        await until(lambda: all_seen(engine, 10))
        noter.can_take = None
        await publish(stream, *(a_usage_event(str(i)) for i in range(10, 600)))
        await until(lambda: all_seen(engine, 600))
    assert await seen(engine) == [str(i) for i in range(600)]
    assert max(len(batch) for batch in noter.batches) > 40


class Slow(Noter):
    """Takes 20 ms for each record, by a clock that it moves."""

    def __init__(self, clock: SetClock) -> None:
        super().__init__()
        self.clock = clock

    async def handle(
        self, c: AsyncConnection, partition: int, batch: Sequence[Incoming], now: datetime, behind: bool
    ) -> None:
        await super().handle(c, partition, batch, now, behind)
        self.clock.move(timedelta(milliseconds=20) * len(batch))


async def test_batches_that_take_long_become_smaller_before_they_fail(stream: Stream, engine: AsyncEngine) -> None:
    clock = SetClock()
    noter = Slow(clock)
    await publish(stream, *(a_usage_event(str(i)) for i in range(200)))
    async with running(a_worker(stream, engine, noter, clock=clock)):
        for known in range(200, 1001, 200):
            await until(lambda known=known: all_seen(engine, known))  # type: ignore[misc]
            await publish(stream, *(a_usage_event(str(i)) for i in range(known, known + 200)))
        await until(lambda: all_seen(engine, 1200))
    assert await seen(engine) == [str(i) for i in range(1200)]
    assert max(len(batch) for batch in noter.batches[-8:]) <= 60


async def test_a_batch_that_cost_the_worker_its_partitions_comes_back_smaller(
    odd_stream: OddStream, engine: AsyncEngine
) -> None:
    class Expelled(Noter):
        """Takes so long over what is too much that the broker gives the partitions away, and back."""

        async def handle(
            self, c: AsyncConnection, partition: int, batch: Sequence[Incoming], now: datetime, behind: bool
        ) -> None:
            odd_stream.rebalances += len(batch) > 30
            await super().handle(c, partition, batch, now, behind)

    noter = Expelled()
    noter.can_take = 30
    await publish(odd_stream, *(a_usage_event(str(i)) for i in range(100)))
    async with running(a_worker(odd_stream, engine, noter, clock=odd_stream.clock)):
        await until(lambda: all_seen(engine, 100))
    assert await seen(engine) == [str(i) for i in range(100)]


async def test_one_bad_record_among_many_is_found_in_a_few_tries(stream: Stream, engine: AsyncEngine) -> None:
    noter = Noter()
    noter.breaks_on.add("250")
    await publish(stream, *(a_usage_event(str(i)) for i in range(400)))
    async with running(a_worker(stream, engine, noter)):
        await until(lambda: all_seen(engine, 399))
    assert await seen(engine) == [str(i) for i in range(400) if i != 250]
    [(_, reason)] = await dead(engine)
    assert "KeyError" in reason
    assert noter.tries < 60


DEEP = b'{"feature": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"


@pytest.mark.parametrize("foreign", ["deep", "without a zone", "accepted without a zone"])
async def test_whatever_a_foreign_record_does_to_the_decoder_it_goes_to_the_dead_letters(
    stream: Stream, engine: AsyncEngine, foreign: str
) -> None:
    sound = a_usage_event("2").value
    value = {
        "deep": sound.partition(b'"data":')[0] + b'"data":' + DEEP + b"}",
        "without a zone": sound.replace(b'12:00:00Z"', b'12:00:00"'),
        "accepted without a zone": sound.replace(b'"data":', b'"accepted":"2026-05-20T12:00:00","data":'),
    }[foreign]
    assert value != sound
    other = replace(a_usage_event("0"), topic=registry.TICKETS, value=b"{}")
    await publish(stream, other, a_usage_event("1"), replace(a_usage_event("2"), value=value), a_usage_event("3"))
    async with running(a_worker(stream, engine, Noter())):
        await until(lambda: all_seen(engine, 2))
        await until(lambda: all_dead(engine, 2))
    assert await seen(engine) == ["1", "3"]
    assert value in [kept for kept, _ in await dead(engine)]


async def all_dead(engine: AsyncEngine, number: int) -> bool:
    return len(await dead(engine)) >= number


async def test_an_error_that_carried_customers_data_is_told_without_it(stream: Stream, engine: AsyncEngine) -> None:
    class Secretive(Noter):
        async def handle(
            self, c: AsyncConnection, partition: int, batch: Sequence[Incoming], now: datetime, behind: bool
        ) -> None:
            await c.execute(text("SELECT CAST(CAST(:answer AS text) AS int)"), {"answer": "they hate the invoices"})

    await publish(stream, a_usage_event("1"))
    async with running(a_worker(stream, engine, Secretive())):
        await until(lambda: all_dead(engine, 1))
    [(_, reason)] = await dead(engine)
    assert "[parameters:" not in reason

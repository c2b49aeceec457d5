"""What the consume loop keeps on every home of the stream."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db import timers
from shared.db.uow import UnitOfWork
from shared.messages import registry
from shared.stream.partitioner import partition_of
from shared.stream.protocol import LogMismatch, Outgoing, Stream, TopicPartition
from tests.support.stream import Noter, SetClock, a_usage_event, a_worker, running, seen, until

MakeStream = Callable[[], Stream]


@pytest.fixture
async def stream(make_stream: MakeStream) -> AsyncIterator[Stream]:
    made = make_stream()
    await made.start()
    yield made
    await made.stop()


async def publish(stream: Stream, *messages: Outgoing) -> None:
    producer = stream.producer()
    await producer.start()
    await producer.publish(messages)
    await producer.stop()


async def count(engine: AsyncEngine, table: str) -> int:
    async with engine.connect() as c:
        return int((await c.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one())


async def test_each_event_is_handled_once_and_its_offset_moves_with_it(stream: Stream, engine: AsyncEngine) -> None:
    await publish(stream, *(a_usage_event(str(i), f"a{i % 7}") for i in range(40)))
    async with running(a_worker(stream, engine, Noter())):
        await until(lambda: handled(engine, 40))
    async with running(a_worker(stream, engine, Noter("two"))):
        await publish(stream, a_usage_event("40"))
        await until(lambda: handled(engine, 41))
    assert sorted(await seen(engine), key=int) == [str(i) for i in range(41)]


async def handled(engine: AsyncEngine, number: int) -> bool:
    return await count(engine, "seen") >= number


async def test_a_failed_transaction_is_tried_again_and_what_was_remembered_is_dropped(
    stream: Stream, engine: AsyncEngine
) -> None:
    noter = Noter()
    noter.fails = [OSError("the database went away"), TimeoutError()]
    await publish(stream, a_usage_event("1"), a_usage_event("2"))
    async with running(a_worker(stream, engine, noter)):
        await until(lambda: handled(engine, 2))
    assert await seen(engine) == ["1", "2"]
    assert partition_of("northwind", stream.partitions) in noter.forgot


async def test_what_cannot_be_read_is_kept_and_the_rest_goes_on(stream: Stream, engine: AsyncEngine) -> None:
    garbage = replace(a_usage_event("2"), value=b"\xff not json")
    unknown = replace(a_usage_event("3"), value=a_usage_event("3").value.replace(b"usage.recorded", b"usage.invented"))
    await publish(stream, a_usage_event("1"), garbage, unknown, a_usage_event("4"))
    async with running(a_worker(stream, engine, Noter())):
        await until(lambda: handled(engine, 2))
    assert await seen(engine) == ["1", "4"]
    async with engine.connect() as c:
        rows = (await c.execute(text('SELECT value, reason, "offset" FROM dead_letters ORDER BY "offset"'))).all()
    assert [bytes(row.value) for row in rows] == [garbage.value, unknown.value]
    assert "usage.invented" in rows[1].reason


@pytest.mark.parametrize("how", ["poison", "breaks_on"])
async def test_a_record_that_cannot_be_handled_goes_to_the_dead_letters_alone(
    stream: Stream, engine: AsyncEngine, how: str
) -> None:
    noter = Noter()
    getattr(noter, how).add("2")
    await publish(stream, *(a_usage_event(str(i)) for i in (1, 2, 3)))
    async with running(a_worker(stream, engine, noter)):
        await until(lambda: handled(engine, 2))
    assert await seen(engine) == ["1", "3"]
    assert await count(engine, "dead_letters") == 1


async def test_a_worker_that_lost_its_partition_can_write_nothing(stream: Stream, engine: AsyncEngine) -> None:
    noter = Noter("old")
    noter.go_on.clear()
    await publish(stream, a_usage_event("1"))
    worker = a_worker(stream, engine, noter)
    before: list[int] = []

    async def someone_else_takes_it() -> None:
        await noter.entered.wait()
        number = partition_of("northwind", stream.partitions)
        # The old worker holds the row's lock inside its batch; the new one gets it as soon as that ends.
        async with engine.connect() as c:
            taking = asyncio.create_task(
                c.execute(
                    text("UPDATE partitions SET epoch = epoch + 1 WHERE partition = :p RETURNING epoch"), {"p": number}
                )
            )
            noter.go_on.set()
            await taking
            await c.commit()
        before.extend(int(id) for id in await seen(engine))

    async with running(worker):
        await someone_else_takes_it()
        await publish(stream, a_usage_event("2"))
        await until(lambda: handled(engine, 2))
    assert before == [1]
    assert await seen(engine) == ["1", "2"]
    assert partition_of("northwind", stream.partitions) in noter.forgot


async def test_offsets_move_only_from_where_they_are_expected(stream: Stream, engine: AsyncEngine) -> None:
    await publish(stream, a_usage_event("1"))
    noter = Noter()
    async with running(a_worker(stream, engine, noter)):
        await until(lambda: handled(engine, 1))
        async with engine.begin() as c:
            await c.execute(text('UPDATE offsets SET "next" = 0, last_time = NULL, last_digest = NULL'))
        await publish(stream, a_usage_event("2"))
        await until(lambda: handled(engine, 3))
    # It read again from where the database said, and not from where it remembered.
    assert await seen(engine) == ["1", "1", "2"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ('"next" = "next" + 5', "ends at"),
        ("cluster = 'another'", "another log"),
        ("last_digest = '\\x00'", "is not the one that was read"),
    ],
)
async def test_a_log_that_is_not_ours_stops_the_worker_with_the_command_that_mends_it(
    stream: Stream, engine: AsyncEngine, change: str, says: str
) -> None:
    await publish(stream, a_usage_event("1"))
    async with running(a_worker(stream, engine, Noter())):
        await until(lambda: handled(engine, 1))
    async with engine.begin() as c:
        await c.execute(text(f"UPDATE offsets SET {change} WHERE last_digest IS NOT NULL"))
    with pytest.raises(LogMismatch, match=f"{says}.*keepwell mend"):
        async with asyncio.timeout(10):
            await a_worker(stream, engine, Noter()).run()


async def test_a_timer_waits_until_all_that_was_accepted_before_it_is_handled(
    stream: Stream, engine: AsyncEngine
) -> None:
    noter = Noter()
    noter.go_on.clear()
    number = partition_of("northwind", stream.partitions)
    clock = SetClock()
    async with UnitOfWork(engine).begin() as c:
        await timers.set_earlier(c, number, {"northwind": clock.now() - timedelta(minutes=1)})
    await publish(stream, a_usage_event("1"))
    async with running(a_worker(stream, engine, noter, clock=clock)):
        await noter.entered.wait()
        clock.move(timedelta(seconds=10))
        assert noter.timers == []
        noter.go_on.set()

        def ran() -> bool:
            clock.move(timedelta(seconds=1))
            return bool(noter.timers)

        await until(ran)
    assert noter.batches == [["1"]]
    assert [key for key, _ in noter.timers] == ["northwind"]
    assert await count(engine, "timers") == 0


async def test_marks_are_sent_when_all_is_through_and_rule_the_next_services_timers(
    stream: Stream, engine: AsyncEngine
) -> None:
    number = partition_of("northwind", stream.partitions)
    noter = Noter("reader")
    async with UnitOfWork(engine).begin() as c:
        await timers.set_earlier(c, number, {"northwind": SetClock().now()})
    reader = a_worker(stream, engine, noter, topics=(registry.ASSESSMENTS,), by_marks=True)
    async with running(reader):
        # No mark, no timer: the reader has read everything there is, again and again, and still waits.
        await until(lambda: reader.owned() == frozenset(range(stream.partitions)))
        await asyncio.sleep(1.5)
        assert noter.timers == []
    sender = a_worker(stream, engine, Noter("sender"), sends_marks=True)
    async with UnitOfWork(engine).begin() as c:
        await c.execute(text("DELETE FROM timers"))
    async with running(sender):
        consumer = stream.consumer("looking", [registry.ASSESSMENTS])
        await consumer.start()
        at = TopicPartition(registry.ASSESSMENTS, number)

        async def marked() -> bool:
            await consumer.poll(1, 0.01)
            return (await consumer.bounds([at]))[at].end > 0

        await until(marked)
        await consumer.stop()
    async with UnitOfWork(engine).begin() as c:
        await timers.set_earlier(c, number, {"northwind": SetClock().now()})
    async with running(a_worker(stream, engine, noter, topics=(registry.ASSESSMENTS,), by_marks=True)):
        await until(lambda: [key for key, _ in noter.timers] == ["northwind"])

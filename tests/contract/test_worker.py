"""What the consume loop keeps on every home of the stream."""

import asyncio
import io
import json
import logging
import sys
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.log.partitioner import partition_of
from shared.log.protocol import BrokerUnavailable, Consumer, LogMismatch, Record, Stream, TopicPartition
from shared.messages import registry
from shared.pg.uow import UnitOfWork
from shared.telemetry import logs
from shared.worker import dead_letters, outbox, timers
from shared.worker.loop import Worker
from shared.worker.relay import Relay
from tests.support.hooked import HookedStream, nothing
from tests.support.stream import NOON, Noter, SetClock, a_mark, a_usage_event, a_worker, publish, running, seen, until

MakeStream = Callable[[], Stream]


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


async def test_what_comes_is_read_together_where_its_handler_has_time_and_a_stop_waits_for_nothing(
    stream: Stream, engine: AsyncEngine
) -> None:
    class Patient(Noter):
        seconds, asked = 0.0, 0

        def gathers(self) -> float:
            self.asked += 1
            return self.seconds

    patient = Patient()
    async with running(a_worker(stream, engine, patient)):
        await publish(stream, a_usage_event("1"))
        await until(lambda: patient.asked == 1)
        patient.seconds = 3600.0
        await publish(stream, a_usage_event("2"))
        await until(lambda: patient.asked == 2)
        await publish(stream, a_usage_event("3"), a_usage_event("4"))
    # It has ended though there was an hour left, and left what came to be read together.
    assert await seen(engine) == ["1", "2"]
    async with running(a_worker(stream, engine, Noter("two"))):
        await until(lambda: handled(engine, 4))


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


async def test_a_dead_letter_is_logged_with_its_account_and_its_trace(stream: Stream, engine: AsyncEngine) -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logs.JsonLines("scoring"))
    logger = logging.getLogger("shared.worker.transactions")
    logger.addHandler(handler)
    trace = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
    try:
        await publish(stream, replace(a_usage_event("1"), value=b"not json", headers=trace), a_usage_event("2"))
        async with running(a_worker(stream, engine, Noter())):
            await until(lambda: "dead letters" in written.getvalue())
    finally:
        logger.removeHandler(handler)
    [line] = [json.loads(text) for text in written.getvalue().splitlines() if "dead letters" in text]
    assert (line["account"], line["trace_id"]) == ("northwind", "4bf92f3577b34da6a3ce929d0e0e4736")
    assert (line["topic"], line["level"]) == (registry.USAGE, "warning")


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
        async with asyncio.timeout(30):
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


async def test_a_worker_that_joins_again_keeps_what_it_remembers_while_nobody_else_took_the_partition(
    stream: Stream, engine: AsyncEngine
) -> None:
    noter, hooked = Noter(), HookedStream(stream)
    worker = a_worker(hooked, engine, noter)
    joined = 0

    async def the_broker_goes() -> None:
        nonlocal joined
        hooked.before_poll, joined = nothing, joined + 1
        raise BrokerUnavailable("for a moment")

    async def all_held_again(times: int) -> None:
        hooked.before_poll = the_broker_goes
        await until(lambda: joined == times)
        await until(lambda: len(worker.owned()) == stream.partitions, seconds=60)

    async with running(worker):
        await until(lambda: len(worker.owned()) == stream.partitions)
        noter.forgot.clear()
        await all_held_again(1)
        assert noter.forgot == []
        async with engine.begin() as c:
            await c.execute(text("UPDATE partitions SET epoch = epoch + 1"))
        await all_held_again(2)
        assert sorted(noter.forgot) == list(range(stream.partitions))


async def test_what_was_put_off_is_done_once_the_worker_has_caught_up_and_by_a_new_owner_first(
    stream: Stream, engine: AsyncEngine
) -> None:
    noter = Noter()
    number = partition_of("northwind", stream.partitions)
    noter.put_off[number] = SetClock().now()
    async with running(a_worker(stream, engine, noter)):
        await until(lambda: noter.caught_up == [number])


async def test_connections_give_up_idle_transactions_and_locks_after_five_seconds(engine: AsyncEngine) -> None:
    async with engine.connect() as c:
        for setting in ("idle_in_transaction_session_timeout", "lock_timeout"):
            assert (await c.execute(text(f"SHOW {setting}"))).scalar_one() == "5s"
        assert (await c.execute(text("SELECT current_user"))).scalar_one() == "keepwell_scoring"


async def marks(stream: Stream, number: int) -> int:
    consumer = stream.consumer("looking", [registry.ASSESSMENTS])
    await consumer.start()
    try:
        await until(lambda: bool(consumer.held()) or joined(consumer))
        at = TopicPartition(registry.ASSESSMENTS, number)
        return (await consumer.bounds([at]))[at].end
    finally:
        await consumer.stop()


async def joined(consumer: Consumer) -> bool:
    await consumer.poll(1, 0.01)
    return bool(consumer.held())


class Returning(Noter):
    """Sets each timer again while there is an obstacle, so that one is always due."""

    obstacle = True

    async def on_timers(
        self, c: AsyncConnection, partition: int, due: Sequence[tuple[str, datetime]], now: datetime
    ) -> None:
        if self.obstacle:
            await timers.set_earlier(c, partition, dict(due))


class Idle(Relay):
    """Sends what it is told to, and nothing by itself."""

    def wake(self) -> None:
        pass


@pytest.mark.parametrize("obstacle", ["put off", "timer", "outbox"])
async def test_no_mark_vouches_for_what_is_not_yet_through(stream: Stream, engine: AsyncEngine, obstacle: str) -> None:
    number, clock, noter, hooked = partition_of("northwind", stream.partitions), SetClock(), Returning(), looks(stream)
    waits = a_usage_event("1")
    async with UnitOfWork(engine).begin() as c:
        if obstacle == "put off":
            noter.put_off[number], noter.chunks_put_off = clock.now(), sys.maxsize
        elif obstacle == "timer":
            await timers.set_earlier(c, number, {"northwind": clock.now()})
        else:
            await outbox.stage(c, number, [waits])
    worker = a_worker(hooked, engine, noter, clock=clock, sends_marks=True)
    if obstacle == "outbox":
        worker.relay = Idle(UnitOfWork(engine), hooked, worker.owned)
    async with running(worker):
        await until(lambda: len(worker.owned()) == stream.partitions, seconds=60)
        await ticks(hooked, clock, 5)
        assert await marks(stream, number) == 0
        assert await marks(stream, (number + 1) % stream.partitions) > 0
        noter.obstacle, noter.chunks_put_off = False, 0
        await worker.relay.drain()

        async def marked() -> bool:
            await ticks(hooked, clock, 1)
            return await marks(stream, number) > 0

        await until(marked, seconds=60)


class Looking(HookedStream):
    """Counts how often the ends were looked up."""

    looked = 0


def looks(stream: Stream) -> Looking:
    made = Looking(stream)

    async def count(partitions: Sequence[TopicPartition]) -> None:
        made.looked += len(partitions) > len(registry.EVENT_TOPICS)

    made.after_look = count
    return made


async def ticks(hooked: Looking, clock: SetClock, number: int) -> None:
    """Let so many looks at the time pass."""
    target = hooked.looked + number + 1

    def passed() -> bool:
        clock.move(timedelta(seconds=1))
        return hooked.looked >= target

    await until(passed, seconds=60)


async def test_marks_rule_the_next_services_timers(stream: Stream, engine: AsyncEngine) -> None:
    number, clock, noter, hooked = (
        partition_of("northwind", stream.partitions),
        SetClock(),
        Noter("reader"),
        looks(stream),
    )
    async with UnitOfWork(engine).begin() as c:
        await timers.set_earlier(c, number, {"northwind": clock.now()})
    reader = a_worker(hooked, engine, noter, topics=(registry.ASSESSMENTS,), by_marks=True, clock=clock)
    async with running(reader):
        await until(lambda: len(reader.owned()) == stream.partitions, seconds=60)
        await ticks(hooked, clock, 5)
        assert noter.timers == []
        vouched = clock.now()
        await publish(stream, a_mark(number, vouched))

        def ran() -> bool:
            clock.move(timedelta(seconds=1))
            return bool(noter.timers)

        await until(ran)
    assert [key for key, _ in noter.timers] == ["northwind"]
    # It looks at the world as of the mark: of what came later nobody has vouched.
    assert noter.timers_as_of == vouched
    # The handler reads the mark where it stands among the assessments.
    assert noter.marks == [vouched]


async def test_the_lag_is_not_known_before_the_partitions_are_held(stream: Stream, engine: AsyncEngine) -> None:
    await publish(stream, a_usage_event("1"))
    noter = Noter()
    worker = a_worker(stream, engine, noter)
    assert await worker.lag() is None
    noter.go_on.clear()
    async with running(worker):
        await noter.entered.wait()
        lag = await worker.lag()
        assert lag is not None
        assert lag[registry.USAGE] == 1
        noter.go_on.set()
        await until(lambda: handled(engine, 1))
        await until(lambda: has_no_lag(worker))
    assert await worker.lag() is None


async def has_no_lag(worker: Worker) -> bool:
    lag = await worker.lag()
    return lag is not None and not any(lag.values())


async def test_a_foreign_record_with_nul_characters_is_kept_as_well(engine: AsyncEngine) -> None:
    foreign = Record(registry.USAGE, 0, 0, NOON, "a\0b", b"\0", {"na\0me": "va\0lue"})
    async with UnitOfWork(engine).begin() as c:
        await dead_letters.keep(c, [(foreign, "it is \0")], NOON)
        assert await dead_letters.count(c) == 1
        (letter,) = await dead_letters.listed(c, 2**62, 10)
        assert letter["key"] == "a\N{REPLACEMENT CHARACTER}b"
        again = await dead_letters.take_for_replay(c, letter["id"], "test", NOON)
    assert again is not None
    assert (again.value, again.partition) == (b"\0", 0)

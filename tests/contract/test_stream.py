"""What every home of the stream keeps. Both adapters pass the same suite."""

import asyncio
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest

from shared.log.partitioner import partition_of
from shared.log.protocol import Consumer, Outgoing, Record, Stream, TopicPartition
from shared.messages import registry
from shared.messages.registry import TICKETS
from tests.support.stream import a_usage_event, publish, until

MakeStream = Callable[[], Stream]


@pytest.fixture
async def consumer(stream: Stream) -> AsyncIterator[Consumer]:
    made = stream.consumer("contract", [registry.USAGE, TICKETS])
    await made.start()
    await until_held(made, stream.partitions)
    yield made
    await made.stop()


async def until_held(consumer: Consumer, partitions: int) -> None:
    async def holds() -> bool:
        await consumer.poll(1, 0.05)
        return len(consumer.held()) == partitions

    await until(holds)


def take_all(consumer: Consumer, stream: Stream) -> list[TopicPartition]:
    every = [TopicPartition(t, p) for t in (registry.USAGE, TICKETS) for p in range(stream.partitions)]
    consumer.seek(dict.fromkeys(every, 0))
    consumer.resume(every)
    return every


async def read(consumer: Consumer, count: int) -> list[Record]:
    got: list[Record] = []

    async def all_came() -> bool:
        for records in (await consumer.poll(100, 0.1)).values():
            got.extend(records)
        return len(got) >= count

    await until(all_came)
    return got


async def test_what_was_published_is_read_as_it_was(stream: Stream, consumer: Consumer) -> None:
    take_all(consumer, stream)
    sent = Outgoing(registry.USAGE, "acme-ü", b'{"a": 1}', {"traceparent": "00-aa-bb-01", "ce_type": "usage.recorded"})
    await publish(stream, sent)
    [record] = await read(consumer, 1)
    assert (record.topic, record.key, record.value, record.headers) == (sent.topic, sent.key, sent.value, sent.headers)
    assert record.partition == partition_of("acme-ü", stream.partitions)
    assert record.time.utcoffset() is not None


async def test_one_accounts_records_keep_their_order_and_their_partition(stream: Stream, consumer: Consumer) -> None:
    take_all(consumer, stream)
    producer = stream.producer()
    await producer.start()
    for first in range(0, 60, 20):
        await producer.publish([a_usage_event(str(i), f"account-{i % 3}") for i in range(first, first + 20)])
    await producer.stop()
    records = await read(consumer, 60)
    for account in ("account-0", "account-1", "account-2"):
        own = [r for r in records if r.key == account]
        assert len({r.partition for r in own}) == 1
        assert [r.offset for r in own] == sorted(r.offset for r in own)
        assert len(own) == 20


async def test_writers_at_the_same_time_leave_no_gap_and_lose_nothing(stream: Stream, consumer: Consumer) -> None:
    every = take_all(consumer, stream)
    producers = [stream.producer() for _ in range(4)]
    for producer in producers:
        await producer.start()
    await asyncio.gather(
        *(
            producer.publish([a_usage_event(f"{n}-{i}-{j}", f"account-{j}") for j in range(10)])
            for n, producer in enumerate(producers)
            for i in range(10)
        )
    )
    for producer in producers:
        await producer.stop()
    records = await read(consumer, 400)
    assert len(records) == 400
    for at in every:
        offsets = [r.offset for r in records if (r.topic, r.partition) == at]
        assert offsets == list(range(len(offsets)))


async def test_a_new_consumer_gets_nothing_before_it_is_told_where_to_read(stream: Stream, consumer: Consumer) -> None:
    await publish(stream, a_usage_event("1"))
    assert await consumer.poll(10, 0.2) == {}
    take_all(consumer, stream)
    assert len(await read(consumer, 1)) == 1


async def test_seeking_back_delivers_again(stream: Stream, consumer: Consumer) -> None:
    take_all(consumer, stream)
    await publish(stream, *(a_usage_event(str(i)) for i in range(5)))
    records = await read(consumer, 5)
    at = TopicPartition(records[0].topic, records[0].partition)
    consumer.seek({at: records[3].offset})
    assert [r.offset for r in await read(consumer, 2)] == [r.offset for r in records[3:]]


async def test_a_paused_partition_waits_and_the_others_go_on(stream: Stream, consumer: Consumer) -> None:
    take_all(consumer, stream)
    paused = TopicPartition(registry.USAGE, partition_of("northwind", stream.partitions))
    other = next(f"a{i}" for i in range(100) if partition_of(f"a{i}", stream.partitions) != paused.partition)
    consumer.pause([paused])
    await publish(stream, a_usage_event("1"), a_usage_event("2", other))
    assert [r.key for r in await read(consumer, 1)] == [other]
    assert await consumer.poll(10, 0.2) == {}
    consumer.resume([paused])
    assert [r.key for r in await read(consumer, 1)] == ["northwind"]


async def test_a_poll_never_gives_more_than_it_was_asked_for(stream: Stream, consumer: Consumer) -> None:
    take_all(consumer, stream)
    await publish(stream, *(a_usage_event(str(i), f"a{i}") for i in range(50)))
    got = 0

    async def all_came() -> bool:
        nonlocal got
        count = sum(len(records) for records in (await consumer.poll(7, 0.1)).values())
        assert count <= 7
        got += count
        return got == 50

    await until(all_came)


async def test_bounds_tell_what_a_partition_holds_and_read_at_reads_it_again(
    stream: Stream, consumer: Consumer
) -> None:
    [at] = [TopicPartition(registry.USAGE, partition_of("northwind", stream.partitions))]
    assert (await consumer.bounds([at]))[at].end == 0
    await publish(stream, a_usage_event("1"), a_usage_event("2"))
    bounds = (await consumer.bounds([at]))[at]
    assert (bounds.begin, bounds.end) == (0, 2)
    take_all(consumer, stream)
    records = await read(consumer, 2)
    assert await consumer.read_at(at, 1) == records[1]


async def test_a_publish_says_how_far_its_messages_reach(stream: Stream) -> None:
    producer = stream.producer()
    await producer.start()
    here, there = (TopicPartition(t, partition_of("northwind", stream.partitions)) for t in (registry.USAGE, TICKETS))
    other = next(n for n in range(stream.partitions) if n != there.partition)
    assert await producer.publish([a_usage_event("1"), a_usage_event("2")]) == {here: 2}
    assert await producer.publish([a_usage_event("3"), Outgoing(TICKETS, "northwind", b"{}")]) == {here: 3, there: 1}
    apart = [Outgoing(TICKETS, "", b"{}", {}, partition=n) for n in (other, there.partition, other)]
    assert await producer.publish(apart) == {TopicPartition(TICKETS, other): 2, there: 2}
    assert await producer.publish([]) == {}
    await producer.stop()


async def test_publishes_at_once_each_say_how_far_their_own_messages_reach(stream: Stream, consumer: Consumer) -> None:
    take_all(consumer, stream)
    producer = stream.producer()
    await producer.start()
    told = await asyncio.gather(*(producer.publish([a_usage_event(str(n))]) for n in range(20)))
    await producer.stop()
    records = await read(consumer, 20)
    found = {msgspec.json.decode(record.value)["id"]: record.offset + 1 for record in records}
    assert [end for reached in told for end in reached.values()] == [found[str(n)] for n in range(20)]


async def test_a_message_may_name_its_partition(stream: Stream, consumer: Consumer) -> None:
    take_all(consumer, stream)
    await publish(stream, Outgoing(TICKETS, "", b"{}", {}, partition=3))
    [record] = await read(consumer, 1)
    assert record.partition == 3


async def test_the_log_tells_its_identity_and_it_stays(stream: Stream, make_stream: MakeStream) -> None:
    again = make_stream()
    await again.start()
    assert stream.cluster
    assert again.cluster == stream.cluster
    await again.stop()


async def test_every_topic_has_the_same_number_of_partitions(stream: Stream) -> None:
    assert stream.partitions == 8
    await stream.check()


async def test_who_looks_on_sees_what_comes_from_then_on_and_takes_nothing_from_others(
    stream: Stream, consumer: Consumer
) -> None:
    await publish(stream, a_usage_event("before"))
    tail = stream.tail([registry.USAGE])
    await tail.start()
    assert await tail.read(0.1) == []
    sent = [a_usage_event(f"e{n}", f"account-{n % 5}") for n in range(40)]
    await publish(stream, *sent, Outgoing(registry.TICKETS, "acme", b"{}"))
    seen: list[Record] = []

    async def all_came() -> bool:
        seen.extend(await tail.read(0.5))
        return len(seen) >= len(sent)

    await until(all_came)
    assert sorted((one.key, one.value) for one in seen) == sorted((one.key, one.value) for one in sent)
    assert {one.topic for one in seen} == {registry.USAGE}
    await tail.stop()
    take_all(consumer, stream)
    assert len(await read(consumer, len(sent) + 2)) == len(sent) + 2
    assert set(await stream.readers()) <= {"contract"}

"""What Kafka's groups give besides: workers come and go, and each holds whole partition numbers."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.local.kafka import KafkaBroker
from shared.log.kafka import KafkaStream
from shared.log.kafka_consumer import KafkaConsumer
from shared.log.protocol import Consumer, TopicPartition
from shared.messages import registry
from tests.support.kafka import a_prefix, make_kafka_stream
from tests.support.stream import Noter, SetClock, a_usage_event, a_worker, running, seen, until

pytestmark = pytest.mark.kafka

TOPICS = (registry.USAGE, registry.TICKETS)


@pytest.fixture
async def stream(kafka_broker: KafkaBroker) -> AsyncIterator[KafkaStream]:
    made = make_kafka_stream(kafka_broker.bootstrap, a_prefix(), topics=TOPICS)
    await made.start()
    yield made
    await made.stop()


async def until_shared(consumers: list[Consumer], *sizes: int) -> None:
    async def shared() -> bool:
        await asyncio.gather(*(consumer.poll(1, 0.05) for consumer in consumers))
        return sorted(len(consumer.held()) for consumer in consumers) == sorted(sizes)

    await until(shared)


async def test_members_hold_whole_numbers_that_are_nobody_elses(stream: KafkaStream) -> None:
    consumers: list[Consumer] = [stream.consumer("group", TOPICS) for _ in range(3)]
    for number, sizes in enumerate([(8,), (4, 4), (3, 3, 2)], start=1):
        await consumers[number - 1].start()
        await until_shared(consumers[:number], *sizes)
    assert frozenset().union(*(consumer.held() for consumer in consumers)) == frozenset(range(8))
    await consumers[1].stop()
    await until_shared([consumers[0], consumers[2]], 4, 4)
    await consumers[0].stop()
    await until_shared(consumers[2:], 8)


async def test_a_rebalance_is_told_and_holds_everything_until_it_is_taken_again(stream: KafkaStream) -> None:
    first, second = stream.consumer("group", TOPICS), stream.consumer("group", TOPICS)
    await first.start()
    await until_shared([first], 8)
    every = [TopicPartition(topic, number) for topic in TOPICS for number in range(8)]
    first.seek(dict.fromkeys(every, 0))
    first.resume(every)
    before = first.generation()
    await second.start()
    await until_shared([first, second], 4, 4)
    assert first.generation() > before
    producer = stream.producer()
    await producer.start()
    await producer.publish([a_usage_event(str(i), f"a{i}") for i in range(40)])
    assert await first.poll(100, 0.3) == {}
    # What was lost meanwhile is passed over; what is held is delivered.
    first.seek(dict.fromkeys(every, 0))
    first.resume(every)
    found = await first.poll(100, 2.0)
    assert {at.partition for at in found} <= first.held()
    assert found


async def test_workers_that_come_and_go_lose_nothing_and_do_nothing_twice(
    stream: KafkaStream, engine: AsyncEngine
) -> None:
    producer = stream.producer()
    await producer.start()
    sent: list[str] = []

    async def publish_for_ever() -> None:
        while True:
            ids = [f"{len(sent) + i:06}" for i in range(20)]
            await producer.publish([a_usage_event(id, f"account-{int(id) % 40}") for id in ids])
            sent.extend(ids)
            await asyncio.sleep(0.01)

    workers = [a_worker(stream, engine, Noter(name), topics=TOPICS, owner=name) for name in ("one", "two", "three")]
    publishing = asyncio.create_task(publish_for_ever())
    async with running(workers[0]):
        await until(lambda: len(workers[0].owned()) == 8)
        async with running(workers[1]):
            await until(lambda: [len(w.owned()) for w in workers[:2]] == [4, 4])
            async with running(workers[2]):
                await until(lambda: sorted(len(w.owned()) for w in workers) == [2, 3, 3])
                assert len(frozenset().union(*(w.owned() for w in workers))) == 8
        await until(lambda: len(workers[0].owned()) == 8)
        publishing.cancel()
        await asyncio.gather(publishing, return_exceptions=True)

        async def all_came() -> bool:
            # To count them is not enough: the last publish, cut off after it was written, may have come before others.
            return set(sent) <= set(await seen(engine))

        await until(all_came)
        found = await seen(engine)
    assert set(sent) <= set(found)
    assert found == sorted(set(found), key=found.index), "something was handled twice"
    for account in range(40):
        own = [id for id in found if int(id) % 40 == account]
        assert own == sorted(own), "an account's events lost their order"


async def test_a_consumer_that_stalls_silently_is_replaced(kafka_broker: KafkaBroker, engine: AsyncEngine) -> None:
    made: list[KafkaConsumer] = []

    class Watched(KafkaStream):
        def consumer(self, group: str, topics: object) -> KafkaConsumer:
            made.append(super().consumer(group, TOPICS))
            return made[-1]

    stream = Watched(kafka_broker.bootstrap, topics=TOPICS, prefix=a_prefix(), session=2.0, heartbeat=0.2)
    await stream.start()
    producer = stream.producer()
    await producer.start()
    clock = SetClock()
    async with running(a_worker(stream, engine, Noter(), topics=TOPICS, clock=clock)):

        async def came(number: int) -> bool:
            clock.move(clock_step)
            return len(await seen(engine)) == number

        clock_step = timedelta(milliseconds=10)
        await producer.publish([a_usage_event("1")])
        await until(lambda: came(1))
        # aiokafka's fetching ends without a word; heartbeats go on.
        fetcher = made[0]._kafka._fetcher  # type: ignore[union-attr]
        for task in (fetcher._fetch_task, *fetcher._pending_tasks):
            task.cancel()
        await producer.publish([a_usage_event("2")])
        clock_step = timedelta(milliseconds=100)
        await until(lambda: came(2))
    assert len(made) == 2
    await stream.stop()

"""A broker that is killed and comes back: producers, consumers and workers go on by themselves."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.local.kafka import KafkaBroker
from shared.log.kafka import KafkaStream
from shared.log.protocol import BrokerUnavailable, Outgoing, TopicPartition, Unconfirmed
from shared.messages import registry
from tests.support.kafka import a_broker, a_prefix, make_kafka_stream
from tests.support.stream import Noter, a_usage_event, a_worker, running, seen, until

pytestmark = pytest.mark.kafka

TOPICS = (registry.USAGE, registry.TICKETS)


@pytest.fixture(scope="module")
def kafka_broker(kafka_broker: KafkaBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """A broker of these tests' own, because what was done to it can show a while after it answers again."""
    with a_broker(tmp_path_factory.mktemp("outage")) as broker:
        yield broker


@pytest.fixture
async def stream(kafka_broker: KafkaBroker) -> AsyncIterator[KafkaStream]:
    made = make_kafka_stream(kafka_broker.bootstrap, a_prefix(), topics=TOPICS)
    await made.start()
    yield made
    await made.stop()


async def test_a_killed_broker_comes_back_and_nobody_needs_to_be_told(
    stream: KafkaStream, kafka_broker: KafkaBroker, engine: AsyncEngine
) -> None:
    producer = stream.producer()
    await producer.start()
    consumer = stream.consumer("bystander", TOPICS)
    await consumer.start()
    every = [TopicPartition(topic, number) for topic in TOPICS for number in range(8)]
    read: list[tuple[int, int, str]] = []

    async def read_on() -> None:
        """A consumer of its own, which is never replaced."""
        generation = -1
        places = dict.fromkeys(every, 0)
        while True:
            for at, records in (await consumer.poll(100, 0.1)).items():
                read.extend((at.partition, record.offset, record.value.decode()) for record in records)
                places[at] = records[-1].offset + 1
            if consumer.generation() != generation:
                generation = consumer.generation()
                consumer.seek(places)
                consumer.resume(every)

    reading = asyncio.create_task(read_on())
    async with running(a_worker(stream, engine, Noter(), topics=TOPICS)):

        async def came(number: int) -> bool:
            return len(await seen(engine)) >= number and len(read) >= number

        await producer.publish([a_usage_event(f"{i:03}", f"a{i % 9}") for i in range(50)])
        await until(lambda: came(50))
        kafka_broker.kill()
        publishing = [
            asyncio.create_task(producer.publish([a_usage_event(f"{i:03}", f"a{i % 9}")])) for i in range(50, 100)
        ]
        with pytest.raises(BrokerUnavailable):
            await stream.check()
        assert not any(task.done() for task in publishing)
        await asyncio.to_thread(kafka_broker.start)
        await asyncio.gather(*publishing)
        await until(lambda: came(100), 30)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await stream.check()
    found = await seen(engine)
    assert sorted(found) == [f"{i:03}" for i in range(100)]
    for account in range(9):
        own = [id for id in found if int(id) % 9 == account]
        assert own == sorted(own)
    assert len(read) == len(set(read)) == 100
    for number in range(8):
        offsets = [offset for partition, offset, _ in read if partition == number]
        assert offsets == list(range(len(offsets)))


async def test_while_the_broker_is_gone_everything_ends_quickly(stream: KafkaStream, kafka_broker: KafkaBroker) -> None:
    producer = stream.producer()
    await producer.start()
    consumer = stream.consumer("group", TOPICS)
    await consumer.start()
    while not consumer.held():
        await consumer.poll(1, 0.05)
    kafka_broker.kill()
    try:
        publishing = asyncio.create_task(producer.publish([a_usage_event("1")]))
        await asyncio.sleep(0.2)
        async with asyncio.timeout(30):
            # Given up by its caller: what is unconfirmed fails, and a new producer sends it again.
            await producer.stop()
            with pytest.raises(Unconfirmed):
                await publishing
            with pytest.raises(Unconfirmed):
                await producer.publish([a_usage_event("1")])
            with pytest.raises(BrokerUnavailable):
                await consumer.bounds([TopicPartition(registry.USAGE, 0)])
            with pytest.raises(BrokerUnavailable):
                await stream.producer().start()
            with pytest.raises(BrokerUnavailable):
                await stream.consumer("other", TOPICS).start()
            await consumer.stop()
            with pytest.raises(BrokerUnavailable):
                await stream.check()
    finally:
        await asyncio.to_thread(kafka_broker.start)
    await until(lambda: answers(stream))


async def answers(stream: KafkaStream) -> bool:
    try:
        await stream.check()
    except BrokerUnavailable:
        return False
    return True


async def test_a_broker_that_hangs_holds_nobody_for_long(stream: KafkaStream, kafka_broker: KafkaBroker) -> None:
    producer = stream.producer()
    await producer.start()
    consumer = stream.consumer("group", TOPICS)
    await consumer.start()
    while not consumer.held():
        await consumer.poll(1, 0.05)
    assert kafka_broker.pid is not None
    os.kill(kafka_broker.pid, signal.SIGSTOP)
    try:
        publishing = asyncio.create_task(producer.publish([Outgoing(registry.USAGE, "a", b"{}")]))
        await asyncio.sleep(0.2)
        async with asyncio.timeout(30):
            with pytest.raises(BrokerUnavailable):
                await stream.check()
            await producer.stop()
            with pytest.raises(Unconfirmed):
                await publishing
            await consumer.stop()
    finally:
        os.kill(kafka_broker.pid, signal.SIGCONT)
    await until(lambda: answers(stream))

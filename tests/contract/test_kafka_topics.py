"""Topics on Kafka: made once, alike, with the same partitions, and records as the log took them."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from aiokafka.admin import AIOKafkaAdminClient  # type: ignore[import-untyped]
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType  # type: ignore[import-untyped]

from deploy.local.kafka import KafkaBroker, answers
from shared.log.kafka_producer import LARGEST
from shared.log.partitioner import partition_of
from shared.log.protocol import BrokerUnavailable, Outgoing, TopicPartition
from shared.messages import registry
from shared.settings import SettingsError
from tests.support.fenced import FencedBroker
from tests.support.kafka import a_prefix, make_kafka_stream
from tests.support.stream import a_usage_event, until

pytestmark = pytest.mark.kafka


async def test_topics_with_other_numbers_of_partitions_are_refused(kafka_broker: KafkaBroker) -> None:
    prefix = a_prefix()
    first = make_kafka_stream(kafka_broker.bootstrap, prefix, partitions=2, topics=[registry.USAGE])
    await first.start()
    await first.stop()
    second = make_kafka_stream(kafka_broker.bootstrap, prefix, partitions=3, topics=[registry.USAGE, registry.TICKETS])
    with pytest.raises(SettingsError, match=r"must have 3 partitions, but keepwell\.events\.usage has 2\."):
        await second.start()


async def test_a_cluster_that_is_not_there_is_unavailable() -> None:
    stream = make_kafka_stream("127.0.0.1:1", a_prefix())
    with pytest.raises(BrokerUnavailable):
        await stream.start()


async def test_a_cluster_that_has_not_let_its_broker_in_yet_is_waited_for(kafka_broker: KafkaBroker) -> None:
    async with FencedBroker(kafka_broker.bootstrap, times=2).running() as fenced:
        assert not await asyncio.to_thread(answers, int(fenced.bootstrap.rpartition(":")[2]))
        stream = make_kafka_stream(fenced.bootstrap, a_prefix(), topics=[registry.USAGE])
        await stream.start()
        assert fenced.times == 0
        await stream.check()
        await stream.stop()
        assert await asyncio.to_thread(answers, int(fenced.bootstrap.rpartition(":")[2]))


async def test_topics_keep_14_days_by_the_clock_of_the_log(kafka_broker: KafkaBroker) -> None:
    prefix = a_prefix()
    stream = make_kafka_stream(kafka_broker.bootstrap, prefix, topics=[registry.USAGE])
    await stream.start()
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_broker.bootstrap)
    await admin.start()
    [answer] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, prefix + registry.USAGE)])
    await admin.close()
    settings = {name: value for name, value, *_ in answer.resources[0][4]}
    assert int(settings["retention.ms"]) == timedelta(days=14).total_seconds() * 1000
    assert settings["message.timestamp.type"] == "LogAppendTime"
    producer = stream.producer()
    await producer.start()
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    await producer.publish([Outgoing(registry.USAGE, "a", b"1"), Outgoing(registry.USAGE, "a", b"2")])
    consumer = stream.consumer("group", [registry.USAGE])
    await consumer.start()
    record = await consumer.read_at(TopicPartition(registry.USAGE, partition_of("a", 8)), 1)
    assert record is not None
    assert record.value == b"2"
    assert before <= record.time <= datetime.now(UTC)
    await stream.stop()


async def test_a_message_of_one_mebibyte_travels_and_a_longer_one_is_refused(kafka_broker: KafkaBroker) -> None:
    stream = make_kafka_stream(kafka_broker.bootstrap, a_prefix(), partitions=1, topics=[registry.USAGE])
    await stream.start()
    producer = stream.producer()
    await producer.start()
    large = Outgoing(registry.USAGE, "a", b"x" * LARGEST)
    await producer.publish([a_usage_event("1"), large, a_usage_event("2")])
    with pytest.raises(ValueError, match="too long"):
        await producer.publish([Outgoing(registry.USAGE, "a", b"x" * (LARGEST + 1))])
    consumer = stream.consumer("group", [registry.USAGE])
    await consumer.start()
    record = await consumer.read_at(TopicPartition(registry.USAGE, 0), 1)
    assert record is not None
    assert record.value == large.value
    assert await consumer.read_at(TopicPartition(registry.USAGE, 0), 3) is None
    await stream.stop()


async def test_an_offset_that_the_log_does_not_have_is_held_until_somebody_looks(kafka_broker: KafkaBroker) -> None:
    stream = make_kafka_stream(kafka_broker.bootstrap, a_prefix(), partitions=1, topics=[registry.USAGE])
    await stream.start()
    producer = stream.producer()
    await producer.start()
    await producer.publish([a_usage_event("1")])
    consumer = stream.consumer("group", [registry.USAGE])
    await consumer.start()
    while not consumer.held():
        await consumer.poll(1, 0.05)
    at = TopicPartition(registry.USAGE, 0)
    taken = consumer.generation()
    consumer.seek({at: 7})
    consumer.resume([at])

    async def told() -> bool:
        assert await consumer.poll(10, 0.1) == {}
        return consumer.generation() > taken

    await until(told)
    assert await consumer.poll(10, 0.2) == {}
    consumer.seek({at: 0})
    consumer.resume([at])
    assert len((await consumer.poll(10, 2.0))[at]) == 1
    await stream.stop()

"""Kafka is told how far a service has committed, so that its own tools see the lag, and is never asked for it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from aiokafka.admin import AIOKafkaAdminClient  # type: ignore[import-untyped]
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.local.kafka import KafkaBroker
from shared.figures import Figures
from shared.log.partitioner import partition_of
from shared.log.protocol import BrokerUnavailable, Stream, TopicPartition
from shared.messages import registry
from tests.support.hooked import HookedStream
from tests.support.kafka import a_prefix, make_kafka_stream
from tests.support.stream import Noter, a_usage_event, a_worker, publish, running, seen, until

pytestmark = pytest.mark.kafka
AT = TopicPartition(registry.USAGE, partition_of("northwind", 8))


@pytest.fixture
def prefix() -> str:
    return a_prefix()


@pytest.fixture
async def stream(kafka_broker: KafkaBroker, prefix: str) -> AsyncIterator[Stream]:
    made = make_kafka_stream(kafka_broker.bootstrap, prefix)
    await made.start()
    yield made
    await made.stop()


async def committed(broker: KafkaBroker, prefix: str) -> dict[TopicPartition, int]:
    """The group's offsets, as Kafka's own tools see them."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    try:
        found = await admin.list_consumer_group_offsets(f"{prefix}keepwell.scoring")
    finally:
        await admin.close()
    return {TopicPartition(p.topic.removeprefix(prefix), p.partition): at.offset for p, at in found.items()}


async def all_seen(engine: AsyncEngine, number: int) -> bool:
    return len(await seen(engine)) >= number


async def test_what_was_committed_is_committed_to_the_group_too_and_never_read_back(
    stream: Stream, kafka_broker: KafkaBroker, prefix: str, engine: AsyncEngine
) -> None:
    await publish(stream, *(a_usage_event(str(i)) for i in range(3)))
    async with running(a_worker(stream, engine, Noter())):
        await until(lambda: all_seen(engine, 3), seconds=60)

        async def told() -> bool:
            return (await committed(kafka_broker, prefix)).get(AT) == 3

        # By itself, every few seconds.
        await until(told, seconds=30)
        await publish(stream, a_usage_event("3"))
        await until(lambda: all_seen(engine, 4))
    # And when it ends.
    assert (await committed(kafka_broker, prefix))[AT] == 4
    async with engine.begin() as c:
        await c.execute(text("DELETE FROM offsets"))
    async with running(a_worker(stream, engine, Noter("again"))):
        await until(lambda: all_seen(engine, 8), seconds=60)


async def test_what_waits_unread_is_told_with_its_age_though_nobody_reads(stream: Stream, engine: AsyncEngine) -> None:
    await publish(stream, a_usage_event("1"))
    async with running(a_worker(stream, engine, Noter())):
        await until(lambda: all_seen(engine, 1), seconds=60)
    assert await stream.readers() == {"scoring": None}
    await publish(stream, a_usage_event("2"))
    oldest = (await stream.readers())["scoring"]
    assert oldest is not None
    assert datetime.now(UTC) - oldest < timedelta(minutes=1)


async def test_a_commit_that_the_broker_refuses_or_does_not_answer_is_counted_and_holds_nothing_up(
    stream: Stream, engine: AsyncEngine
) -> None:
    hooked, figures = HookedStream(stream), Figures("scoring")

    async def refuses() -> None:
        raise BrokerUnavailable("a rebalance is under way")

    async def never_answers() -> None:
        await asyncio.Event().wait()

    hooked.before_commit = refuses
    worker = a_worker(hooked, engine, Noter(), figures=figures)
    async with running(worker):
        await publish(stream, a_usage_event("1"))
        await until(lambda: all_seen(engine, 1), seconds=60)
        await worker.commit()
        hooked.before_commit = never_answers
        await worker.commit()
        await publish(stream, a_usage_event("2"))
        await until(lambda: all_seen(engine, 2))
        assert figures.all["keepwell_commit_failures_total"]() >= 2  # type: ignore[operator]
        hooked.before_commit = refuses


async def test_a_consumer_that_holds_nothing_commits_nothing(
    stream: Stream, kafka_broker: KafkaBroker, prefix: str
) -> None:
    consumer = stream.consumer("keepwell.scoring", [registry.USAGE])
    await consumer.start()
    # It joins; nothing is its own yet.
    await consumer.commit({AT: 7})
    assert await committed(kafka_broker, prefix) == {}
    await consumer.stop()

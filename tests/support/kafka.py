"""A real Kafka for the tests that are marked `kafka`: one broker a session; each test has its own topics and groups."""

import itertools
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.local.jars import KafkaMissing, class_path
from deploy.local.kafka import KafkaBroker
from shared.log.kafka import KafkaStream
from shared.messages import registry

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def kafka_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """The broker of this test session. Without Java or Maven its tests are skipped, unless Kafka is required."""
    try:
        class_path()
    except KafkaMissing as missing:
        if os.environ.get("KEEPWELL_REQUIRE_KAFKA") == "1":
            pytest.fail(f"Kafka is required, but: {missing}")
        pytest.skip(f"No Kafka here: {missing}")
    with a_broker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@contextmanager
def a_broker(home: Path) -> Iterator[KafkaBroker]:
    """A broker that runs until the end of the block."""
    broker = KafkaBroker(home, settings={"log.index.size.max.bytes": "65536"})
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


def a_prefix() -> str:
    """What stands before a test's topics and groups, so that tests share a broker and nothing else."""
    return f"test-{next(_numbers)}."


def make_kafka_stream(
    bootstrap: str, topic_prefix: str, partitions: int = 8, topics: Sequence[str] = registry.TOPICS
) -> KafkaStream:
    """A stream, not started, whose groups notice soon who comes and goes. The same prefix is the same log."""
    return KafkaStream(bootstrap, partitions, topics, topic_prefix, session=2.0, heartbeat=0.2)

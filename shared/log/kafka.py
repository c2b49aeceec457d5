"""The Kafka home of the stream, for more than one machine: topics from the registry, producers, consumers, probes."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar

from aiokafka.admin import AIOKafkaAdminClient, NewTopic  # type: ignore[import-untyped]
from aiokafka.client import AIOKafkaClient  # type: ignore[import-untyped]
from aiokafka.errors import (  # type: ignore[import-untyped]
    KafkaError,
    MetadataEmptyBrokerList,
    NoError,
    TopicAlreadyExistsError,
    for_code,
)
from aiokafka.protocol.metadata import MetadataRequest  # type: ignore[import-untyped]

from shared.log.kafka_consumer import KafkaConsumer
from shared.log.kafka_producer import LARGEST, KafkaProducer
from shared.log.kafka_reader import KafkaReader
from shared.log.kafka_tail import KafkaTail
from shared.log.protocol import GROUP, BrokerUnavailable, TopicPartition
from shared.messages import registry
from shared.settings import SERVICES, SettingsError

_LOG = logging.getLogger(__name__)
_Made = TypeVar("_Made", KafkaProducer, KafkaConsumer, KafkaTail)
_DAY_MS = 24 * 60 * 60 * 1000
_GONE = (KafkaError, OSError, TimeoutError)
_LOOK_AGAIN = 0.05

TOPIC_SETTINGS: Mapping[str, str] = {
    "cleanup.policy": "delete",
    "retention.ms": str(registry.RETENTION_DAYS * _DAY_MS),
    # Retention drops whole segments, and the newest record of a segment decides.
    "segment.ms": str(_DAY_MS),
    # A record's time is when the log took it, not what the sender's clock said.
    "message.timestamp.type": "LogAppendTime",
    "max.message.bytes": str(2 * LARGEST),
}


class KafkaStream:
    """A cluster, reached at `bootstrap` (`host:port,host:port`).

    `replication` is of topics that are created; -1 is the cluster's default. `prefix` stands before the names of topics
    and groups, for clusters that are shared. `session` and `heartbeat` are seconds: how soon a dead worker is missed.
    """

    kind = "kafka"

    def __init__(
        self,
        bootstrap: str,
        partitions: int = registry.DEFAULT_PARTITIONS,
        topics: Sequence[str] = registry.TOPICS,
        prefix: str = "",
        replication: int = -1,
        session: float = 10.0,
        heartbeat: float = 3.0,
    ) -> None:
        self._bootstrap = bootstrap
        self._partitions = partitions
        self._topics = tuple(topics)
        self._prefix = prefix
        self._replication = replication
        self._session = session
        self._heartbeat = heartbeat
        self._client: AIOKafkaClient | None = None
        self._cluster = ""
        self._reader = KafkaReader(bootstrap, topics, partitions, prefix)
        self._made: list[KafkaProducer | KafkaConsumer | KafkaTail] = []

    async def start(self) -> None:
        """Connect, create what topics are missing, and check that all have the same number of partitions."""
        try:
            async with asyncio.timeout(30):
                counts = await self._counts_when_let_in()
                if missing := [topic for topic in self._topics if topic not in counts]:
                    await self._create(missing)
                while any(topic not in counts for topic in self._topics):
                    await asyncio.sleep(_LOOK_AGAIN)
                    counts = await self._counts_when_let_in()
        except _GONE as error:
            await self.stop()
            raise BrokerUnavailable(f"Kafka at {self._bootstrap}: {type(error).__name__} {error}") from error
        wrong = [f"{topic} has {count}" for topic, count in sorted(counts.items()) if count != self._partitions]
        if wrong:
            await self.stop()
            raise SettingsError(
                f"Every topic must have {self._partitions} partitions, but {', '.join(wrong)}. "
                "Set KEEPWELL_PARTITIONS to the number that the topics were made with: it is fixed at the first start."
            )

    async def stop(self) -> None:
        """Close everything that it made."""
        made, self._made = self._made, []
        for one in made:
            await one.stop()
        await self._reader.stop()
        await self._disconnect(self._client)

    @property
    def partitions(self) -> int:
        """How many partitions every topic has."""
        return self._partitions

    @property
    def cluster(self) -> str:
        """The cluster's id. Kafka's topics have ids of their own, which this client can't see."""
        return self._cluster

    def producer(self) -> KafkaProducer:
        """A new producer, not started."""
        return self._noted(KafkaProducer(self._bootstrap, self._partitions, self._prefix))

    def consumer(self, group: str, topics: Sequence[str]) -> KafkaConsumer:
        """A new consumer in a group, not started."""
        return self._noted(
            KafkaConsumer(
                self._bootstrap,
                self._prefix + group,
                topics,
                self._prefix,
                self._reader,
                session=self._session,
                heartbeat=self._heartbeat,
            )
        )

    def tail(self, topics: Sequence[str]) -> KafkaTail:
        """One who looks on, not started."""
        return self._noted(KafkaTail(self._bootstrap, topics, self._partitions, self._prefix))

    async def trim(self) -> None:
        """Nothing to do: the brokers keep to the topics' retention."""

    async def readers(self) -> dict[str, datetime | None]:
        """The services whose groups have committed, each with the time of its oldest unread record."""
        oldest: dict[str, datetime | None] = {}
        for service in SERVICES:
            places = await self._committed(service)
            bounds = await self._reader.bounds(list(places))
            unread = [at for at, place in places.items() if place < bounds[at].end]
            found = [await self._reader.read_at(at, max(places[at], bounds[at].begin)) for at in unread]
            if places:
                oldest[service] = min((record.time for record in found if record is not None), default=None)
        return oldest

    async def _committed(self, service: str) -> dict[TopicPartition, int]:
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap, request_timeout_ms=2_000)
        try:
            async with asyncio.timeout(5):
                await admin.start()
                committed = await admin.list_consumer_group_offsets(f"{self._prefix}{GROUP}{service}")
        except _GONE as error:
            raise BrokerUnavailable(f"Kafka at {self._bootstrap} does not tell what was committed.") from error
        finally:
            with suppress(*_GONE):
                await admin.close()
        return {
            TopicPartition(place.topic.removeprefix(self._prefix), place.partition): committed[place].offset
            for place in committed
        }

    async def forget(self, reader: str) -> bool:
        """Groups are the cluster's own: `kafka-consumer-groups --delete --group GROUP`."""
        del reader
        return False

    async def check(self) -> None:
        """Ask whether every partition has a leader. Raises `BrokerUnavailable` within 2 s."""
        try:
            async with asyncio.timeout(2):
                answer = await self._metadata()
        except _GONE as error:
            raise BrokerUnavailable(f"Kafka at {self._bootstrap} does not answer.") from error
        leaderless = sum(leader < 0 for _, _, _, partitions in answer.topics for _, _, leader, *_ in partitions)
        if leaderless:
            raise BrokerUnavailable(f"{leaderless} partitions have no leader at {self._bootstrap}.")

    def _noted(self, made: _Made) -> _Made:
        self._made = [one for one in self._made if not one.ended]
        self._made.append(made)
        return made

    async def _counts_when_let_in(self) -> dict[str, int]:
        """The counts, from a cluster that may still be starting, or was away for longer than its brokers' sessions.

        Its brokers answer, but name none until their controller has let one in: a matter of milliseconds to seconds.
        """
        while True:
            try:
                return await self._counts()
            except MetadataEmptyBrokerList:
                await asyncio.sleep(_LOOK_AGAIN)

    async def _counts(self) -> dict[str, int]:
        """How many partitions each of our topics has, without those that are not there yet."""
        answer = await self._metadata()
        self._cluster = answer.cluster_id
        return {
            name.removeprefix(self._prefix): len(partitions)
            for code, name, _, partitions in answer.topics
            if for_code(code) is NoError and partitions
        }

    async def _metadata(self) -> Any:
        """What the cluster says of our topics. A client that failed is thrown away: brokers may have moved."""
        client = self._client
        try:
            if client is None:
                client = AIOKafkaClient(
                    bootstrap_servers=self._bootstrap, client_id="keepwell", request_timeout_ms=10_000
                )
                await client.bootstrap()
                if not client.cluster.brokers():
                    raise MetadataEmptyBrokerList("The cluster names no broker yet.")
                if self._client is None:
                    self._client = client
            # Not by the admin client: its question would have Kafka create the topics with settings of its own.
            request = MetadataRequest([self._prefix + t for t in self._topics], allow_auto_topic_creation=False)
            return await client.send(client.get_random_node(), request)
        except BaseException:
            await self._disconnect(client)
            raise
        finally:
            if client is not self._client:
                await self._disconnect(client)

    async def _disconnect(self, client: AIOKafkaClient | None) -> None:
        if client is self._client:
            self._client = None
        if client is not None:
            with suppress(*_GONE):
                async with asyncio.timeout(1):
                    await client.close()

    async def _create(self, topics: Sequence[str]) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap, request_timeout_ms=10_000)
        # Without the empty assignments aiokafka refuses -1, the cluster's default.
        assigned: dict[int, list[int]] | None = {} if self._replication < 0 else None
        new = [
            NewTopic(self._prefix + topic, self._partitions, self._replication, assigned, dict(TOPIC_SETTINGS))
            for topic in topics
        ]
        try:
            await admin.start()
            answer = await admin.create_topics(new)
        finally:
            await admin.close()
        for topic, code, *message in answer.topic_errors:
            # Another service may have been first.
            if (kind := for_code(code)) not in (NoError, TopicAlreadyExistsError):
                raise kind(f"{topic} can't be created: {message[0] if message else ''}")
        _LOG.info("Created the topics %s.", ", ".join(topics))

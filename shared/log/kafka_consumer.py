"""Reads whole partition numbers from Kafka as a member of a group.

Offsets live in PostgreSQL. Kafka is told them, too, for its own tools and autoscalers, and never asked for them.
"""

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener  # type: ignore[import-untyped]
from aiokafka import TopicPartition as Place
from aiokafka.coordinator.assignors.range import RangePartitionAssignor  # type: ignore[import-untyped]
from aiokafka.errors import (  # type: ignore[import-untyped]
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)

from shared.log.kafka_reader import KafkaReader, to_record
from shared.log.protocol import Bounds, BrokerUnavailable, Record, TopicPartition

_LOG = logging.getLogger(__name__)
_GONE = (KafkaError, OSError, TimeoutError)
_REBALANCE = 60.0
"""Seconds that a rebalance waits for members; above the worst batch."""
_PIECE, _ANSWER = 2 * 2**20, 16 * 2**20
"""Bytes that one answer to a fetch holds, of a partition and in all: some thousand events of each while a worker is
behind, which make one batch, and yet a bounded part of its memory."""
_GRACE = 0.25
_LONGEST_JOIN = _REBALANCE + 30


class KafkaConsumer:
    """One member of a group.

    A rebalance takes all partitions away and gives some back, at offset 0 and paused, so that nothing is read before
    the loop has taken them. The range assignor alone gives the same numbers of every topic to one member.
    """

    def __init__(
        self,
        bootstrap: str,
        group: str,
        topics: Sequence[str],
        prefix: str,
        reader: KafkaReader,
        *,
        session: float,
        heartbeat: float,
    ) -> None:
        self._bootstrap = bootstrap
        self._group = group
        self._topics = tuple(topics)
        self._prefix = prefix
        self._reader = reader
        self._session = session
        self._heartbeat = heartbeat
        self._kafka: AIOKafkaConsumer | None = None
        self._assigned: frozenset[Place] = frozenset()
        self._held: frozenset[int] = frozenset()
        self._generation = 0
        self._joining_since: float | None = None
        self._polling: asyncio.Timeout | None = None
        self.ended = False

    async def start(self) -> None:
        """Connect and begin to join; partitions come later. Raises `BrokerUnavailable`."""
        kafka = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            group_id=self._group,
            partition_assignment_strategy=(RangePartitionAssignor,),
            auto_offset_reset="none",
            enable_auto_commit=False,
            session_timeout_ms=int(self._session * 1000),
            heartbeat_interval_ms=int(self._heartbeat * 1000),
            rebalance_timeout_ms=int(_REBALANCE * 1000),
            metadata_max_age_ms=30_000,
            # How long a partition that was just resumed may have to wait for a request that is under way without it.
            fetch_max_wait_ms=250,
            fetch_max_bytes=_ANSWER,
            max_partition_fetch_bytes=_PIECE,
        )
        self._kafka = kafka
        try:
            async with asyncio.timeout(10):
                await kafka.start()
        except _GONE as error:
            await self.stop()
            raise BrokerUnavailable(f"Kafka at {self._bootstrap}: {type(error).__name__} {error}") from error
        self._joining_since = time.monotonic()
        # Only now, so that start doesn't wait for the other members.
        kafka.subscribe([self._prefix + topic for topic in self._topics], listener=_Listener(self))

    async def stop(self) -> None:
        """Leave the group, and give up after 3 s: then the group misses this member when its session ends."""
        kafka, self._kafka, self.ended = self._kafka, None, True
        self.revoked()
        if kafka is None:
            return
        leaving = asyncio.create_task(kafka.stop())
        await asyncio.wait({leaving}, timeout=3)
        if not leaving.done():
            leaving.cancel()
            await asyncio.wait({leaving}, timeout=1)
        if leaving.done() and not leaving.cancelled():
            leaving.exception()
        await _tear_down(kafka)

    def held(self) -> frozenset[int]:
        """The numbers held in every topic. While topics appear one by one, the assignor may give parts of a number."""
        return self._held

    def generation(self) -> int:
        """Grows whenever partitions are taken away or given."""
        return self._generation

    async def poll(self, max_records: int, timeout: float) -> dict[TopicPartition, list[Record]]:
        """Records of partitions that are not paused. Raises `BrokerUnavailable` when a new consumer is needed."""
        kafka = self._live()
        try:
            # During a rebalance aiokafka waits without a limit; cut off, it has handed out nothing.
            async with asyncio.timeout(timeout + _GRACE) as self._polling:
                found = await kafka.getmany(timeout_ms=int(timeout * 1000), max_records=max_records)
        except TimeoutError:
            self._watch_join()
            return {}
        except (OffsetOutOfRangeError, NoOffsetForPartitionError) as error:
            # Whoever takes the partitions again compares their offsets with the log, and says what is wrong.
            _LOG.warning("An offset is not in the log: %s", error)
            self._hold(kafka)
            return {}
        except KafkaError as error:
            raise BrokerUnavailable(f"The consumer has failed: {type(error).__name__} {error}") from error
        finally:
            self._polling = None
        self._watch_join()
        return {
            at: [to_record(at.topic, record) for record in records]
            for at, records in ((self._at(place), records) for place, records in found.items())
        }

    def seek(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Read on from these offsets. Here and below, what a rebalance took away meanwhile is passed over."""
        kafka = self._live()
        for at, offset in offsets.items():
            for place in self._mine([at]):
                kafka.seek(place, offset)

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        """Deliver nothing from these; keep the place."""
        self._live().pause(*self._mine(partitions))

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        """Deliver again."""
        self._live().resume(*self._mine(partitions))

    async def commit(self, places: Mapping[TopicPartition, int]) -> None:
        """Commit to the group what is still held; nothing while it rebalances. Raises `BrokerUnavailable`."""
        offsets = {place: offset for at, offset in places.items() for place in self._mine([at])}
        if not offsets or self._joining_since is not None:
            return
        try:
            await self._live().commit(offsets)
        except _GONE as error:
            raise BrokerUnavailable(f"Kafka took no offsets: {type(error).__name__} {error}") from error

    async def bounds(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, Bounds]:
        """What these hold now. Raises `BrokerUnavailable`."""
        return await self._reader.bounds(partitions)

    async def read_at(self, partition: TopicPartition, offset: int) -> Record | None:
        """The record at an offset, or None. Raises `BrokerUnavailable`."""
        return await self._reader.read_at(partition, offset)

    # Told by the rebalance. Synchronous and short: no heartbeat runs meanwhile, and records are handed out as soon as
    # a partition has a place to read from.

    def revoked(self) -> None:
        """A rebalance begins: nothing is held until it ends."""
        self._assigned, self._held = frozenset(), frozenset()
        self._generation += 1
        self._joining_since = time.monotonic()

    def assigned(self, places: Iterable[Place]) -> None:
        """A rebalance has ended: hold these, paused, until the loop has taken them."""
        if self._kafka is None:
            return
        self._assigned = frozenset(places)
        numbers = [{place.partition for place in self._assigned if self._at(place).topic == t} for t in self._topics]
        self._held = frozenset(set.intersection(*numbers))
        self._joining_since = None
        self._hold(self._kafka)
        # Whoever polls has partitions to take.
        if self._polling is not None and not self._polling.expired():
            self._polling.reschedule(asyncio.get_running_loop().time())

    def _hold(self, kafka: AIOKafkaConsumer) -> None:
        for place in self._assigned:
            kafka.seek(place, 0)
        kafka.pause(*self._assigned)
        self._generation += 1

    def _watch_join(self) -> None:
        """A client whose brokers have all moved joins for ever; a new one asks the bootstrap servers again."""
        if self._joining_since is not None and time.monotonic() - self._joining_since > _LONGEST_JOIN:
            raise BrokerUnavailable(f"The group {self._group} gave no partitions for {_LONGEST_JOIN:.0f} s.")

    def _live(self) -> AIOKafkaConsumer:
        if self._kafka is None:
            raise BrokerUnavailable("The consumer is not started.")
        return self._kafka

    def _mine(self, partitions: Iterable[TopicPartition]) -> list[Place]:
        places = (Place(self._prefix + topic, number) for topic, number in partitions)
        return [place for place in places if place in self._assigned]

    def _at(self, place: Place) -> TopicPartition:
        return TopicPartition(place.topic.removeprefix(self._prefix), place.partition)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """aiokafka logs and swallows what these raise."""

    def __init__(self, consumer: KafkaConsumer) -> None:
        self._consumer = consumer

    def on_partitions_revoked(self, revoked: Iterable[Place]) -> None:
        del revoked
        self._consumer.revoked()

    def on_partitions_assigned(self, assigned: Iterable[Place]) -> None:
        self._consumer.assigned(assigned)


async def _tear_down(kafka: AIOKafkaConsumer) -> None:
    """End what `AIOKafkaConsumer.stop` leaves behind when it fails or hangs; does nothing after a good one.

    It reaches into aiokafka 0.14, whose own stop waits for answers, and raises `CancelledError` during an outage.
    """
    parts: list[Any] = [kafka._coordinator, kafka._fetcher]
    names = ("_coordination_task", "_heartbeat_task", "_commit_refresh_task", "_fetch_task")
    tasks = {task for part in parts for name in names if (task := getattr(part, name, None)) is not None}
    pending = {task for task in tasks if not task.done()}
    for task in pending:
        task.cancel()
    if pending:
        await asyncio.wait(pending, timeout=1)
    with suppress(*_GONE):
        async with asyncio.timeout(1):
            await kafka._client.close()

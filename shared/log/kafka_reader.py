"""Looks things up in Kafka's log beside the group's consumer, whose connection may be busy waiting for new records."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from aiokafka import AIOKafkaConsumer  # type: ignore[import-untyped]
from aiokafka import TopicPartition as Place
from aiokafka.errors import KafkaError, OffsetOutOfRangeError  # type: ignore[import-untyped]

from shared.log.protocol import Bounds, BrokerUnavailable, Record, TopicPartition

_PATIENCE = 5.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class KafkaReader:
    """Bounds of partitions, and single records. It belongs to no group, and connects when it is first asked."""

    def __init__(self, bootstrap: str, topics: Sequence[str], partitions: int, prefix: str) -> None:
        self._bootstrap = bootstrap
        self._places = [Place(prefix + topic, number) for topic in topics for number in range(partitions)]
        self._prefix = prefix
        self._kafka: AIOKafkaConsumer | None = None
        self._connecting = asyncio.Lock()
        self._turn = asyncio.Lock()

    async def bounds(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, Bounds]:
        """What these hold now. Raises `BrokerUnavailable`."""
        if not partitions:
            return {}
        places = {Place(self._prefix + topic, number): TopicPartition(topic, number) for topic, number in partitions}
        async with self._connected() as kafka:
            begins, ends = await asyncio.gather(kafka.beginning_offsets(list(places)), kafka.end_offsets(list(places)))
        return {at: Bounds(begins[place], ends[place]) for place, at in places.items()}

    async def read_at(self, partition: TopicPartition, offset: int) -> Record | None:
        """The record at an offset, or None where the log has none. Raises `BrokerUnavailable`."""
        bounds = (await self.bounds([partition]))[partition]
        if not bounds.begin <= offset < bounds.end:
            return None
        place = Place(self._prefix + partition.topic, partition.partition)
        async with self._turn, self._connected() as kafka:
            kafka.seek(place, offset)
            kafka.resume(place)
            try:
                while not (found := await kafka.getmany(place, timeout_ms=1000, max_records=1)):
                    pass
            except OffsetOutOfRangeError:
                return None
            finally:
                kafka.pause(place)
                # Drops the rest of the batch; while it waits, aiokafka holds back what is asked for next.
                kafka.seek(place, 0)
        record = found[place][0]
        return to_record(partition.topic, record) if record.offset == offset else None

    async def stop(self) -> None:
        """Close the connection; never raises."""
        await self._drop(self._kafka)

    async def _drop(self, kafka: AIOKafkaConsumer | None) -> None:
        if self._kafka is kafka:
            self._kafka = None
        with suppress(KafkaError, OSError, TimeoutError):
            async with asyncio.timeout(2):
                if kafka is not None:
                    await kafka.stop()

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[AIOKafkaConsumer]:
        """A connected client. One that failed is thrown away: brokers may have moved."""
        kafka: AIOKafkaConsumer | None = None
        try:
            async with asyncio.timeout(_PATIENCE):
                async with self._connecting:
                    kafka = self._kafka = self._kafka or await self._connect()
                yield kafka
        except (KafkaError, OSError, TimeoutError) as error:
            await self._drop(kafka)
            raise BrokerUnavailable(f"Kafka at {self._bootstrap}: {type(error).__name__} {error}") from error

    async def _connect(self) -> AIOKafkaConsumer:
        kafka = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            auto_offset_reset="none",
            enable_auto_commit=False,
            consumer_timeout_ms=60_000,
            max_partition_fetch_bytes=4096,
        )
        try:
            await kafka.start()
        except BaseException:
            await self._drop(kafka)
            raise
        # All partitions from the start, paused: assigning anew would have it forget the other topics' leaders.
        kafka.assign(self._places)
        for place in self._places:
            kafka.seek(place, 0)
        kafka.pause(*self._places)
        return kafka


def to_record(topic: str, record: Any) -> Record:
    """A record as Keepwell has it, from aiokafka's; what isn't UTF-8 in a foreign key or header is replaced."""
    key, headers = record.key, record.headers
    return Record(
        topic,
        record.partition,
        record.offset,
        _instant(record.timestamp),
        str(key, "utf-8", "replace") if key else "",
        record.value or b"",
        _headers(headers) if headers else {},
    )


# What is published together carries the same headers, and was taken by the log at the same time.


@lru_cache(maxsize=256)
def _headers(raw: tuple[tuple[str, bytes | None], ...]) -> dict[str, str]:
    return {name: value.decode(errors="replace") for name, value in raw if value is not None}


@lru_cache(maxsize=256)
def _instant(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)

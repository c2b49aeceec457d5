"""Looks on at the end of Kafka's log."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from aiokafka import AIOKafkaConsumer  # type: ignore[import-untyped]
from aiokafka import TopicPartition as Place
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]

from shared.log.kafka_reader import to_record
from shared.log.protocol import BrokerUnavailable, Record

_PATIENCE = 5.0
_MOST = 1_000


class KafkaTail:
    """What comes from now on. It belongs to no group, so nothing of it is known to the cluster."""

    def __init__(self, bootstrap: str, topics: Sequence[str], partitions: int, prefix: str) -> None:
        self._bootstrap, self._prefix = bootstrap, prefix
        self._places = [Place(prefix + topic, number) for topic in topics for number in range(partitions)]
        self._kafka: AIOKafkaConsumer | None = None
        self.ended = False

    async def start(self) -> None:
        """Begin at the ends, as they are now. Raises `BrokerUnavailable`."""
        self._kafka = kafka = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            auto_offset_reset="latest",
            enable_auto_commit=False,
            fetch_max_wait_ms=250,
        )
        try:
            async with asyncio.timeout(_PATIENCE):
                await kafka.start()
                kafka.assign(self._places)
                await kafka.seek_to_end(*self._places)
        except (KafkaError, OSError, TimeoutError) as error:
            await self.stop()
            raise BrokerUnavailable(f"Kafka at {self._bootstrap}: {type(error).__name__} {error}") from error

    async def stop(self) -> None:
        """Close the connection; never raises."""
        self.ended = True
        kafka, self._kafka = self._kafka, None
        with suppress(KafkaError, OSError, TimeoutError):
            async with asyncio.timeout(2):
                if kafka is not None:
                    await kafka.stop()

    async def read(self, timeout: float) -> list[Record]:
        """What came, or nothing after `timeout` seconds. Raises `BrokerUnavailable`."""
        if self._kafka is None:
            raise BrokerUnavailable("This reader is not started.")
        try:
            found = await self._kafka.getmany(timeout_ms=int(timeout * 1000), max_records=_MOST)
        except (KafkaError, OSError) as error:
            raise BrokerUnavailable(f"Kafka at {self._bootstrap}: {type(error).__name__} {error}") from error
        return [to_record(place.topic.removeprefix(self._prefix), one) for place, many in found.items() for one in many]

"""Publishes to Kafka, and gives up as a whole: what follows a failed batch could be written out of order."""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]

from shared.log.partitioner import partition_of
from shared.log.protocol import BrokerUnavailable, Outgoing, Places, TopicPartition, Unconfirmed

LARGEST = 1024 * 1024
"""The longest value of a message, in bytes."""
_BATCH = 256 * 1024
_NOT_SAID = -1
_GONE = (KafkaError, OSError, TimeoutError)


class KafkaProducer:
    """An idempotent producer that waits for all replicas (`acks=all`).

    After the first failure every publish fails: the caller makes a new producer and sends again from where it was
    confirmed. A batch that can be retried is retried for ever, so the caller keeps its own clock.
    """

    def __init__(self, bootstrap: str, partitions: int, prefix: str) -> None:
        self._bootstrap = bootstrap
        self._partitions = partitions
        self._prefix = prefix
        self._kafka: AIOKafkaProducer | None = None
        self._failure: BaseException | None = None
        self._waiting: set[asyncio.Timeout] = set()
        self.ended = False

    async def start(self) -> None:
        """Connect. Raises `BrokerUnavailable`."""
        kafka = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=_BATCH,
            max_request_size=2 * LARGEST,
            request_timeout_ms=30_000,
            metadata_max_age_ms=30_000,
        )
        try:
            # Without a limit it would ask for its producer id for ever.
            async with asyncio.timeout(10):
                await kafka.start()
        except BaseException as error:
            await _abandon(kafka)
            if isinstance(error, _GONE):
                raise BrokerUnavailable(f"Kafka at {self._bootstrap}: {error}") from error
            raise
        self._kafka = kafka

    async def stop(self) -> None:
        """Close at once. What is unconfirmed is given up, and fails, so that a new producer can send it in order."""
        kafka, self._kafka, self.ended = self._kafka, None, True
        for patience in self._waiting:
            if not patience.expired():
                patience.reschedule(asyncio.get_running_loop().time())
        if kafka is not None:
            await _abandon(kafka)

    async def publish(self, messages: Sequence[Outgoing]) -> Places:
        """Return when the broker has confirmed every message. Raises `Unconfirmed`."""
        places = [self._place(message) for message in messages]
        if self._kafka is None or self._failure is not None:
            raise Unconfirmed(f"This producer has ended ({self._failure or 'not started'}); make a new one.")
        patience = asyncio.timeout(None)
        try:
            async with patience:
                self._waiting.add(patience)
                return await self._publish(self._kafka, messages, places)
        except _GONE as error:
            self._failure = error
            raise Unconfirmed(f"Kafka did not confirm: {type(error).__name__} {error}") from error
        finally:
            self._waiting.discard(patience)

    async def _publish(self, kafka: AIOKafkaProducer, messages: Sequence[Outgoing], places: Sequence[int]) -> Places:
        confirmations: list[asyncio.Future[Any]] = []
        try:
            # One by one, and not with `send_batch`: where several publish at once, that starves until it times out.
            for m, place in zip(messages, places, strict=True):
                headers = [(name, value.encode()) for name, value in m.headers.items()]
                topic = self._prefix + m.topic
                confirmations.append(await kafka.send(topic, m.value, m.key.encode(), place, headers=headers))
            return reached(messages, places, await asyncio.gather(*confirmations))
        finally:
            for confirmation in confirmations:
                confirmation.cancel()

    def _place(self, message: Outgoing) -> int:
        if len(message.value) > LARGEST:
            raise ValueError(f"A message of {len(message.value)} bytes is too long; {LARGEST} is the most.")
        partition = partition_of(message.key, self._partitions) if message.partition is None else message.partition
        if not 0 <= partition < self._partitions:
            raise ValueError(f"There is no partition {partition}; there are {self._partitions}.")
        return partition


def reached(messages: Sequence[Outgoing], places: Sequence[int], taken: Sequence[Any]) -> Places:
    """How far these reach: what lies last in a partition is what was sent there last.

    A broker that takes a batch for one that it has already may not know where that lies. It says so by a log that
    begins at -1; what aiokafka makes of the offsets is then no offset of anything.
    """
    last = {(m.topic, place): confirmed for m, place, confirmed in zip(messages, places, taken, strict=True)}
    if any(confirmed.log_start_offset == _NOT_SAID for confirmed in last.values()):
        return {}
    return {TopicPartition(*at): confirmed.offset + 1 for at, confirmed in last.items()}


async def _abandon(kafka: AIOKafkaProducer) -> None:
    """Close without the flush of `AIOKafkaProducer.stop`, which waits for a broker that is gone, for ever.

    It reaches into aiokafka 0.14: once its sender has ended, nothing more is sent.
    """
    kafka._closed = True
    sender = kafka._sender.sender_task
    if sender is not None:
        sender.cancel()
        await asyncio.wait({sender}, timeout=1)
        if not sender.done():
            # It waits for the answer to its last request; the second time it doesn't.
            sender.cancel()
            await asyncio.wait({sender}, timeout=1)
    try:
        async with asyncio.timeout(1):
            await kafka.client.close()
    except _GONE:
        pass

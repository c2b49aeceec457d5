"""A real stream on whose consumers a test can act at a chosen moment: while ends are looked up, or before a poll."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime

from shared.log.protocol import Bounds, Consumer, Producer, Record, Stream, Tail, TopicPartition

_AT_MOST = 0.02
"""Seconds that a poll waits, so that a clock which the test has moved is seen at once."""

Act = Callable[[], Awaitable[None]]
ActOn = Callable[[Sequence[TopicPartition]], Awaitable[None]]


async def nothing(*_: object) -> None:
    """What happens where a test has not asked for more."""


class HookedStream:
    """Hands everything on to a real stream. One consumer at a time."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.kind = stream.kind
        self.before_poll: Act = nothing
        self.after_poll: Act = nothing
        """After records were read, and before the loop has them."""
        self.before_look: ActOn = nothing
        """Before the ends of partitions are looked up."""
        self.after_look: ActOn = nothing
        """After the ends were looked up, and before the loop has them."""
        self.before_commit: Act = nothing
        """Before the log is told how far was read."""
        self.rebalances = 0
        """How many rebalances there were beyond those of the real stream."""
        self.polled: list[Record] = []
        """Every record that was handed to the loop."""

    async def start(self) -> None:
        await self._stream.start()

    async def stop(self) -> None:
        await self._stream.stop()

    @property
    def partitions(self) -> int:
        return self._stream.partitions

    @property
    def cluster(self) -> str:
        return self._stream.cluster

    def producer(self) -> Producer:
        return self._stream.producer()

    def consumer(self, group: str, topics: Sequence[str]) -> Consumer:
        return _HookedConsumer(self, self._stream.consumer(group, topics))

    def tail(self, topics: Sequence[str]) -> Tail:
        return self._stream.tail(topics)

    async def trim(self) -> None:
        await self._stream.trim()

    async def readers(self) -> dict[str, datetime | None]:
        return await self._stream.readers()

    async def forget(self, reader: str) -> bool:
        return await self._stream.forget(reader)

    async def check(self) -> None:
        await self._stream.check()


class _HookedConsumer:
    def __init__(self, hooks: HookedStream, consumer: Consumer) -> None:
        self._hooks = hooks
        self._consumer = consumer

    async def start(self) -> None:
        await self._consumer.start()

    async def stop(self) -> None:
        await self._consumer.stop()

    def held(self) -> frozenset[int]:
        return self._consumer.held()

    def generation(self) -> int:
        return self._consumer.generation() + self._hooks.rebalances

    async def poll(self, max_records: int, timeout: float) -> dict[TopicPartition, list[Record]]:
        await self._hooks.before_poll()
        found = await self._consumer.poll(max_records, min(timeout, _AT_MOST))
        if found:
            await self._hooks.after_poll()
        self._hooks.polled += [record for records in found.values() for record in records]
        return found

    def seek(self, offsets: Mapping[TopicPartition, int]) -> None:
        self._consumer.seek(offsets)

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        self._consumer.pause(partitions)

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        self._consumer.resume(partitions)

    async def bounds(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, Bounds]:
        await self._hooks.before_look(partitions)
        found = await self._consumer.bounds(partitions)
        await self._hooks.after_look(partitions)
        return found

    async def commit(self, places: Mapping[TopicPartition, int]) -> None:
        await self._hooks.before_commit()
        await self._consumer.commit(places)

    async def read_at(self, partition: TopicPartition, offset: int) -> Record | None:
        return await self._consumer.read_at(partition, offset)

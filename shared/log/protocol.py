"""The protocol that both homes of the stream keep: publish, and consume batches by partition.

A partition is Kafka's murmur2 of the account id in both, and offsets travel with records.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

import msgspec


class TopicPartition(NamedTuple):
    """One partition of one topic."""

    topic: str
    partition: int


Places = Mapping[TopicPartition, int]
"""How far something reaches: of each partition that it is in, the offset after its last record."""


class Outgoing(msgspec.Struct, frozen=True, gc=False):
    """A message to publish. `key` is the account id; `partition` is set only by what belongs to no account.

    There are many of these, and of records: so they are structs, which take a tenth of the time to make that a frozen
    dataclass takes, and which the garbage collector passes over, as nothing in them can lead back to them.
    """

    topic: str
    key: str
    value: bytes
    headers: Mapping[str, str] = {}
    partition: int | None = None


class Record(msgspec.Struct, frozen=True, gc=False):
    """A message as it was read; `time` is when the log took it, to the millisecond.

    Records that were sent together may share one `headers`: it is read, and never written.
    """

    topic: str
    partition: int
    offset: int
    time: datetime
    key: str
    value: bytes
    headers: Mapping[str, str] = {}


class Unconfirmed(Exception):
    """The broker did not confirm a publish: it may or may not be in the log."""


class BrokerUnavailable(Exception):
    """The broker can't be reached; try again later."""


class LogMismatch(Exception):
    """The log is not the one that our offsets speak of; the message says so and names the command that mends it."""


GROUP = "keepwell."
"""What stands before a service's name in that of its group."""


def reader_of(group: str) -> str:
    """The service whose group this is."""
    return group.removeprefix(GROUP)


class Producer(Protocol):
    """Publishes. Order is kept per partition among the messages of one producer."""

    async def start(self) -> None:
        """Connect. Raises `BrokerUnavailable`."""

    async def stop(self) -> None:
        """Close; never raises."""

    async def publish(self, messages: Sequence[Outgoing]) -> Places:
        """Return when the broker has confirmed every message, with how far they reach.

        That is empty where the broker took them and can't say where. Raises `Unconfirmed` when it could not confirm.
        """


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a partition holds: from `begin` up to, without, `end`."""

    begin: int
    end: int


class Consumer(Protocol):
    """Reads whole partition numbers of all its topics.

    New partitions are held paused until the loop has taken them: sought to their committed offsets and resumed.
    """

    async def start(self) -> None:
        """Join. Raises `BrokerUnavailable`."""

    async def stop(self) -> None:
        """Leave; never raises."""

    def held(self) -> frozenset[int]:
        """The partition numbers that this worker holds in every topic, as of the last rebalance."""

    def generation(self) -> int:
        """A number that grows with every rebalance in which this worker got or lost a partition."""

    async def poll(self, max_records: int, timeout: float) -> dict[TopicPartition, list[Record]]:
        """Records of partitions that are not paused, or nothing after `timeout` seconds. Keeps the membership alive."""

    def seek(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Read on from these offsets."""

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        """Deliver nothing from these; keep the place."""

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        """Deliver again."""

    async def commit(self, places: Mapping[TopicPartition, int]) -> None:
        """Tell the log how far was read *and* committed. It is never read back; places may lag, and never run ahead.

        Locally retention keeps what comes after; Kafka's own tools and autoscalers see it. Raises `BrokerUnavailable`.
        """

    async def bounds(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, Bounds]:
        """What these hold now. Raises `BrokerUnavailable`."""

    async def read_at(self, partition: TopicPartition, offset: int) -> Record | None:
        """The record at an offset, or None where retention has taken it or it never was."""


class Tail(Protocol):
    """Reads what comes from now on, of whole topics, for whoever looks on: it belongs to no group, owns nothing, and
    keeps no place. What came while it was not there it never sees."""

    async def start(self) -> None:
        """Begin at the ends. Raises `BrokerUnavailable`."""

    async def stop(self) -> None:
        """Close; never raises."""

    async def read(self, timeout: float) -> list[Record]:
        """What came, or nothing after `timeout` seconds. Raises `BrokerUnavailable`."""


class Stream(Protocol):
    """One home of the stream."""

    kind: str
    """`local` or `kafka`."""

    async def start(self) -> None:
        """Connect, and check that every topic has the same number of partitions, creating what is missing."""

    async def stop(self) -> None:
        """Close everything that it made."""

    @property
    def partitions(self) -> int:
        """How many partitions every topic has."""

    @property
    def cluster(self) -> str:
        """The id of the cluster (or of the local log), which travels with offsets."""

    def producer(self) -> Producer:
        """A new producer, not started."""

    def consumer(self, group: str, topics: Sequence[str]) -> Consumer:
        """A new consumer in a group, not started."""

    def tail(self, topics: Sequence[str]) -> Tail:
        """One who looks on, not started."""

    async def trim(self) -> None:
        """Take away what is older than the topics keep, where the home doesn't do so by itself."""

    async def readers(self) -> dict[str, datetime | None]:
        """The services that read, each with the time of the oldest record that it has not read, as last committed."""

    async def forget(self, reader: str) -> bool:
        """Keep nothing for a service that is gone for good. False where it is reading, or the home keeps no readers."""

    async def check(self) -> None:
        """A quick question to the broker. Raises `BrokerUnavailable` within 2 s."""

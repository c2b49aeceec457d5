"""The local home of the stream: a durable log in PostgreSQL, for one machine and one worker a service.

A partition's counter row, locked by the writer in (topic, partition) order, keeps offsets without gaps: a reader never
skips a row that commits late. NOTIFY wakes readers; a worker holds its service's session advisory lock.
"""

import asyncio
import zlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import msgspec

from shared.log import statements as sql
from shared.log.local_producer import CHANNEL, GONE, LocalProducer
from shared.log.local_tail import LocalTail
from shared.log.protocol import (
    Bounds,
    BrokerUnavailable,
    Record,
    TopicPartition,
    reader_of,
)
from shared.messages import registry
from shared.pg import bulk
from shared.settings import SettingsError

MARKS_KEPT = timedelta(hours=1)


def _lock_of(reader: str) -> int:
    """The number of the advisory lock that a service's one worker holds."""
    return zlib.crc32(f"keepwell:keepwell.{reader}".encode())


def _record(row: Any) -> Record:
    return Record(
        topic=row["topic"],
        partition=row["partition"],
        offset=row["offset"],
        time=row["time"],
        key=row["key"],
        value=row["value"],
        headers=msgspec.json.decode(row["headers"]) if row["headers"] != "{}" else {},
    )


async def _as_it_is(_session: object) -> None:
    """Give a session back as it is. No statement leaves anything behind there, and asyncpg's own way asks the server
    after each of them to undo nothing."""


class LocalConsumer:
    """Reads all partitions while it holds its group's advisory lock."""

    def __init__(self, stream: "LocalStream", group: str, topics: Sequence[str]) -> None:
        self._stream = stream
        self._topics = tuple(topics)
        self._reader = reader_of(group)
        self._session: asyncpg.Connection[Any] | None = None
        self._woken = asyncio.Event()
        self._generation = 0
        self._places: dict[TopicPartition, int] = {}
        self._paused: set[TopicPartition] = set()
        self._turn = 0
        self._read_all = False
        """Everything was read that was there; whatever comes is notified."""

    async def start(self) -> None:
        """Listen, and hold the partitions as soon as the group's lock is free."""
        await self._join()

    async def stop(self) -> None:
        """Give the lock back."""
        session, self._session = self._session, None
        if session is not None:
            with suppress(*GONE):
                await session.close(timeout=2)

    def held(self) -> frozenset[int]:
        """All partitions while the lock is held, else none."""
        alive = self._session is not None and not self._session.is_closed()
        return frozenset(range(self._stream.partitions)) if alive else frozenset()

    def generation(self) -> int:
        """Grows each time the lock is won."""
        return self._generation

    async def _join(self) -> None:
        try:
            session = await self._stream.connect()
        except GONE as error:
            raise BrokerUnavailable("The local log can't be reached.") from error
        try:
            if await session.fetchval("SELECT pg_try_advisory_lock($1)", _lock_of(self._reader)):
                every = self._stream.every(self._topics)
                # Before it first reads: from then on nothing goes that it has not read.
                await self._stream.fetch(sql.REGISTER, **self._noted(dict.fromkeys(every, 0)))
                # What the service read once and reads no more is kept for it no more.
                await self._stream.fetch(sql.UNREGISTER_OTHERS, service=self._reader, topics=list(self._topics))
                await session.add_listener(CHANNEL, self._notified)
                session.add_termination_listener(self._ended)
                self._session = session
                self._generation += 1
                self._places = dict.fromkeys(every, 0)
                self._paused = set(every)
        except GONE as error:
            raise BrokerUnavailable("The local log can't be reached.") from error
        finally:
            # A session that nobody has would keep the lock from everyone.
            if self._session is not session:
                session.terminate()

    def _notified(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        if any(topic in self._topics for topic in str(payload).split(",")):
            self._woken.set()

    def _ended(self, _connection: object) -> None:
        # Whoever waits for news from this session would wait in vain.
        self._woken.set()

    async def poll(self, max_records: int, timeout: float) -> dict[TopicPartition, list[Record]]:
        """Read on; partitions take turns to be first. Raises `BrokerUnavailable`."""
        if not self.held():
            await self._join()
            if not self.held():
                await asyncio.sleep(min(timeout, 1.0))
                return {}
        if self._read_all:
            with suppress(asyncio.TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._woken.wait()
        self._woken.clear()
        found = await self._read(max_records)
        self._read_all = sum(len(records) for records in found.values()) < max_records
        return found

    async def _read(self, max_records: int) -> dict[TopicPartition, list[Record]]:
        ready = [tp for tp in self._places if tp not in self._paused]
        if not ready:
            return {}
        self._turn = (self._turn + 1) % len(ready)
        ready = ready[self._turn :] + ready[: self._turn]
        parameters = bulk.arrays(("topic", "partition", "offset"), [(*at, self._places[at]) for at in ready], "asked")
        rows = await self._stream.fetch(sql.READ, **parameters, most=max_records)
        found: dict[TopicPartition, list[Record]] = {}
        for row in rows:
            at = TopicPartition(row["topic"], row["partition"])
            found.setdefault(at, []).append(_record(row))
        for at, records in found.items():
            self._places[at] = records[-1].offset + 1
        return found

    def seek(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Read on from these offsets."""
        self._places.update(offsets)
        self._read_all = False

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        """Deliver nothing from these."""
        self._paused.update(partitions)

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        """Deliver again."""
        self._paused.difference_update(partitions)
        self._read_all = False

    async def bounds(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, Bounds]:
        """What these hold now."""
        rows = await self._stream.fetch(sql.BOUNDS, **bulk.arrays(("topic", "partition"), partitions, name="asked"))
        return {TopicPartition(r["topic"], r["partition"]): Bounds(r["begin"], r["next"]) for r in rows}

    async def commit(self, places: Mapping[TopicPartition, int]) -> None:
        """Note how far the service has committed, so that retention leaves what comes after."""
        if self.held():
            await self._stream.fetch(sql.NOTE, **self._noted(places))

    def _noted(self, places: Mapping[TopicPartition, int]) -> dict[str, object]:
        rows = [(*at, place) for at, place in places.items()]
        return {**bulk.arrays(("topic", "partition", "next"), rows), "service": self._reader}

    async def read_at(self, partition: TopicPartition, offset: int) -> Record | None:
        """The record at an offset, or None where it was trimmed."""
        rows = await self._stream.fetch(sql.READ_ONE, topic=partition.topic, number=partition.partition, at=offset)
        return _record(rows[0]) if rows else None


class LocalStream:
    """The log of one database. `settings` are the session settings of the service that uses it."""

    kind = "local"

    def __init__(
        self,
        url: str,
        settings: Mapping[str, str],
        partitions: int = registry.DEFAULT_PARTITIONS,
        topics: Sequence[str] = registry.TOPICS,
    ) -> None:
        self._url = url
        self._settings = dict(settings)
        self._wanted = partitions
        self._topics = tuple(topics)
        self._pool: asyncpg.Pool[Any] | None = None
        self._cluster = ""

    async def start(self) -> None:
        """Connect, create what topics are missing, and check that all have the same number of partitions."""
        try:
            self._pool = await asyncpg.create_pool(
                self._url,
                min_size=1,
                max_size=4,
                timeout=5,
                command_timeout=30,
                server_settings=self._settings,
                reset=_as_it_is,
            )
            new = bulk.arrays(("topic", "partition"), self.every(self._topics), name="new")
            await self._pool.execute(sql.CREATE.sql, *sql.CREATE.arguments(new))
            found = await self._pool.fetch(sql.COUNTS.sql)
            self._cluster = await self._pool.fetchval(sql.CLUSTER.sql)
        except GONE as error:
            await self.stop()
            raise BrokerUnavailable("The local log can't be reached, or its tables are not there.") from error
        wrong = sorted(
            f"{row['topic']} has {row['n']}"
            for row in found
            if row["topic"] in self._topics and row["n"] != self._wanted
        )
        if wrong:
            raise SettingsError(
                f"Every topic must have {self._wanted} partitions, but {', '.join(wrong)}. "
                "Set KEEPWELL_PARTITIONS to the number that the log was made with: it is fixed at the first start."
            )

    async def stop(self) -> None:
        """Close the pool."""
        pool, self._pool = self._pool, None
        if pool is not None:
            with suppress(*GONE):
                async with asyncio.timeout(5):
                    await pool.close()

    @property
    def partitions(self) -> int:
        """How many partitions every topic has."""
        return self._wanted

    @property
    def cluster(self) -> str:
        """The log's own id, made when its tables were."""
        return self._cluster

    def producer(self) -> LocalProducer:
        """A producer on the stream's pool."""
        return LocalProducer(self._live(), self._wanted)

    def consumer(self, group: str, topics: Sequence[str]) -> LocalConsumer:
        """A consumer, not started."""
        return LocalConsumer(self, group, topics)

    def tail(self, topics: Sequence[str]) -> LocalTail:
        """One who looks on, not started."""
        return LocalTail(self, topics, _record)

    async def check(self) -> None:
        """One quick question."""
        try:
            async with asyncio.timeout(2):
                await self._live().fetchval("SELECT 1")
        except GONE as error:
            raise BrokerUnavailable("The local log can't be reached.") from error

    async def trim(self) -> None:
        """Take away what every reader has read and is older than 14 days, and marks older than an hour."""
        await self.fetch(sql.TRIM, term=timedelta(days=registry.RETENTION_DAYS))
        await self.fetch(sql.TRIM_MARKS, term=MARKS_KEPT)

    async def readers(self) -> dict[str, datetime | None]:
        """The services that read, each with the time of the oldest record that it has not read."""
        return {row["service"]: row["oldest"] for row in await self.fetch(sql.OLDEST)}

    async def forget(self, reader: str) -> bool:
        """Let nothing be kept for a service any more. False where it is reading; it would only be noted again."""
        try:
            async with self._live().acquire() as session, session.transaction():
                if not await session.fetchval("SELECT pg_try_advisory_xact_lock($1)", _lock_of(reader)):
                    return False
                await session.execute(sql.FORGET.sql, reader)
        except GONE as error:
            raise BrokerUnavailable("The local log can't be reached.") from error
        return True

    async def fetch(self, statement: sql.Statement, **parameters: object) -> list[Any]:
        """Rows from the pool. Raises `BrokerUnavailable`."""
        try:
            return list(await self._live().fetch(statement.sql, *statement.arguments(parameters)))
        except GONE as error:
            raise BrokerUnavailable("The local log can't be reached.") from error

    def every(self, topics: Sequence[str]) -> list[TopicPartition]:
        """Every partition of these topics."""
        return [TopicPartition(topic, number) for topic in topics for number in range(self._wanted)]

    async def connect(self) -> "asyncpg.Connection[Any]":
        """A connection of one's own, to listen and hold a lock on."""
        return await asyncpg.connect(self._url, timeout=5, server_settings=self._settings)

    def _live(self) -> "asyncpg.Pool[Any]":
        if self._pool is None:
            raise BrokerUnavailable("The local log is not started.")
        return self._pool

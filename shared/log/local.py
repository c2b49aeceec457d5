"""The local home of the stream: a durable log in PostgreSQL, for one machine and one worker a service.

A partition's counter row, locked by the writer in (topic, partition) order, keeps offsets without gaps: a reader never
skips a row that commits late. NOTIFY wakes readers; a worker holds its service's session advisory lock.
"""

import asyncio
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

import asyncpg
import msgspec

from shared.log.partitioner import partition_of
from shared.log.protocol import (
    Bounds,
    BrokerUnavailable,
    Outgoing,
    Record,
    TopicPartition,
    Unconfirmed,
)
from shared.messages import registry
from shared.settings import SettingsError

MARKS_KEPT = timedelta(hours=1)
_CHANNEL = "keepwell_log"
# The internal error is asyncpg's own, when a connection dies at a moment that it is not prepared for.
_GONE = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, asyncio.TimeoutError)
_FIELDS = 'r.topic, r.partition, r."offset", r.time, r.key, r.value, r.headers'

_APPEND = """
    WITH wanted AS (
        SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[]) AS w(topic, partition, n)
    ), locked AS (
        SELECT c.topic, c.partition FROM log.counters c JOIN wanted w USING (topic, partition)
        ORDER BY c.topic, c.partition FOR NO KEY UPDATE OF c
    ), moved AS (
        UPDATE log.counters c SET "next" = c."next" + w.n
        FROM wanted w JOIN locked l USING (topic, partition)
        WHERE c.topic = w.topic AND c.partition = w.partition
        RETURNING c.topic, c.partition, c."next" - w.n AS base
    ), appended AS (
        INSERT INTO log.records (topic, partition, "offset", time, mark, key, value, headers)
        SELECT m.topic, m.partition, b.base + m.place, date_trunc('milliseconds', clock_timestamp()), m.mark,
               m.key, m.value, m.headers::jsonb
        FROM unnest($4::text[], $5::int[], $6::bigint[], $7::bool[], $8::text[], $9::bytea[], $10::text[])
             AS m(topic, partition, place, mark, key, value, headers)
        JOIN moved b USING (topic, partition)
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM appended) AS appended, pg_notify($11, $12)
"""
_READ = f"""
    SELECT {_FIELDS}
    FROM unnest($1::text[], $2::int[], $3::bigint[]) WITH ORDINALITY AS w(topic, partition, place, turn)
    CROSS JOIN LATERAL (
        SELECT * FROM log.records r
        WHERE r.topic = w.topic AND r.partition = w.partition AND r."offset" >= w.place
        ORDER BY r."offset" LIMIT $4
    ) r
    ORDER BY w.turn, r."offset" LIMIT $4
"""  # noqa: S608
_READ_ONE = f'SELECT {_FIELDS} FROM log.records r WHERE topic = $1 AND partition = $2 AND "offset" = $3'  # noqa: S608
_BOUNDS = """
    SELECT c.topic, c.partition, c."begin", c."next" FROM unnest($1::text[], $2::int[]) AS w(topic, partition)
    JOIN log.counters c USING (topic, partition)
"""
_CREATE = """
    INSERT INTO log.counters (topic, partition)
    SELECT t, p FROM unnest($1::text[]) AS t CROSS JOIN generate_series(0, $2 - 1) AS p
    WHERE NOT EXISTS (SELECT 1 FROM log.counters c WHERE c.topic = t)
    ON CONFLICT DO NOTHING
"""
# The counters are locked in the writers' order, and only when the records are gone: no writer waits for that.
_TRIM = """
    WITH gone AS (
        DELETE FROM log.records WHERE time < now() - $1::interval RETURNING topic, partition, "offset"
    ), ends AS (
        SELECT topic, partition, max("offset") + 1 AS begin FROM gone GROUP BY topic, partition
    ), locked AS (
        SELECT c.topic, c.partition, e.begin FROM log.counters c JOIN ends e USING (topic, partition)
        ORDER BY c.topic, c.partition FOR NO KEY UPDATE OF c
    )
    UPDATE log.counters c SET "begin" = l.begin FROM locked l WHERE c.topic = l.topic AND c.partition = l.partition
"""
# The newest record stays whatever it is: without it no reader would ever reach the end.
_TRIM_MARKS = """
    DELETE FROM log.records r USING log.counters c
    WHERE r.mark AND r.time < now() - $1::interval
    AND c.topic = r.topic AND c.partition = r.partition AND r."offset" < c."next" - 1
"""


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


class LocalProducer:
    """Appends in one statement, and so in one transaction: all of a publish is in the log, or none."""

    def __init__(self, pool: "asyncpg.Pool[Any]", partitions: int) -> None:
        self._pool = pool
        self._partitions = partitions

    async def start(self) -> None:
        """Nothing to do: the pool is the stream's."""

    async def stop(self) -> None:
        """Nothing to do: the pool is the stream's."""

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Append messages, in order; returns when PostgreSQL has committed them. Raises `Unconfirmed`."""
        if not messages:
            return
        places: Counter[tuple[str, int]] = Counter()
        partitions, place = [], []
        for m in messages:
            partition = partition_of(m.key, self._partitions) if m.partition is None else m.partition
            partitions.append(partition)
            place.append(places[m.topic, partition])
            places[m.topic, partition] += 1
        try:
            row = await self._pool.fetchrow(
                _APPEND,
                [topic for topic, _ in places],
                [partition for _, partition in places],
                list(places.values()),
                [m.topic for m in messages],
                partitions,
                place,
                [m.headers.get("ce_type") == "partition.mark" for m in messages],
                [m.key for m in messages],
                [m.value for m in messages],
                [msgspec.json.encode(dict(m.headers)).decode() if m.headers else "{}" for m in messages],
                _CHANNEL,
                ",".join(sorted({m.topic for m in messages})),
            )
        except _GONE as error:
            raise Unconfirmed(f"The local log did not confirm: {type(error).__name__}.") from error
        if row is None or row["appended"] != len(messages):
            raise Unconfirmed("The local log has no such topic or partition.")


class LocalConsumer:
    """Reads all partitions while it holds its group's advisory lock."""

    def __init__(self, stream: "LocalStream", group: str, topics: Sequence[str]) -> None:
        self._stream = stream
        self._topics = tuple(topics)
        self._lock = zlib.crc32(f"keepwell:{group}".encode())
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
            with suppress(*_GONE):
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
        except _GONE as error:
            raise BrokerUnavailable("The local log can't be reached.") from error
        try:
            if await session.fetchval("SELECT pg_try_advisory_lock($1)", self._lock):
                await session.add_listener(_CHANNEL, self._notified)
                session.add_termination_listener(self._ended)
                self._session = session
                self._generation += 1
                every = [TopicPartition(t, p) for t in self._topics for p in range(self._stream.partitions)]
                self._places = dict.fromkeys(every, 0)
                self._paused = set(every)
        except _GONE as error:
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
                await asyncio.wait_for(self._woken.wait(), timeout)
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
        places = [self._places[tp] for tp in ready]
        topics, partitions = [tp.topic for tp in ready], [tp.partition for tp in ready]
        rows = await self._stream.fetch(_READ, topics, partitions, places, max_records)
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
        rows = await self._stream.fetch(_BOUNDS, [tp.topic for tp in partitions], [tp.partition for tp in partitions])
        return {TopicPartition(r["topic"], r["partition"]): Bounds(r["begin"], r["next"]) for r in rows}

    async def read_at(self, partition: TopicPartition, offset: int) -> Record | None:
        """The record at an offset, or None where it was trimmed."""
        rows = await self._stream.fetch(_READ_ONE, partition.topic, partition.partition, offset)
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
                self._url, min_size=1, max_size=4, timeout=5, command_timeout=30, server_settings=self._settings
            )
            await self._pool.execute(_CREATE, list(self._topics), self._wanted)
            found = await self._pool.fetch(
                "SELECT topic, count(*) AS n FROM log.counters WHERE topic = ANY($1) GROUP BY topic", list(self._topics)
            )
            self._cluster = await self._pool.fetchval("SELECT cluster FROM log.identity")
        except _GONE as error:
            await self.stop()
            raise BrokerUnavailable("The local log can't be reached, or its tables are not there.") from error
        wrong = sorted(f"{row['topic']} has {row['n']}" for row in found if row["n"] != self._wanted)
        if wrong:
            raise SettingsError(
                f"Every topic must have {self._wanted} partitions, but {', '.join(wrong)}. "
                "Set KEEPWELL_PARTITIONS to the number that the log was made with: it is fixed at the first start."
            )

    async def stop(self) -> None:
        """Close the pool."""
        pool, self._pool = self._pool, None
        if pool is not None:
            with suppress(*_GONE):
                await asyncio.wait_for(pool.close(), 5)

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

    async def check(self) -> None:
        """One quick question."""
        try:
            await asyncio.wait_for(self._live().fetchval("SELECT 1"), 2)
        except _GONE as error:
            raise BrokerUnavailable("The local log can't be reached.") from error

    async def trim(self) -> None:
        """Take away what is older than 14 days, and marks older than an hour."""
        await self.fetch(_TRIM, timedelta(days=registry.RETENTION_DAYS))
        await self.fetch(_TRIM_MARKS, MARKS_KEPT)

    async def fetch(self, query: str, *arguments: object) -> list[Any]:
        """Rows from the pool. Raises `BrokerUnavailable`."""
        try:
            return list(await self._live().fetch(query, *arguments))
        except _GONE as error:
            raise BrokerUnavailable("The local log can't be reached.") from error

    async def connect(self) -> "asyncpg.Connection[Any]":
        """A connection of one's own, to listen and hold a lock on."""
        return await asyncpg.connect(self._url, timeout=5, server_settings=self._settings)

    def _live(self) -> "asyncpg.Pool[Any]":
        if self._pool is None:
            raise BrokerUnavailable("The local log is not started.")
        return self._pool

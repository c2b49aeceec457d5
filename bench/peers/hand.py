"""What the parts alone need, by hand: aiokafka and msgspec, with a dictionary, or with one transaction a batch.

`count` counts by account in a dictionary, and stores nothing. `job` is the limit for our own design: digests of known
ids in one packed row a batch, accounts' states, offsets and an outbox in one PostgreSQL transaction; then the outbox is
published and emptied. It knows one type of event and one measure of each kind, and nobody can ask it anything.
"""

import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import asyncpg
import msgspec
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition  # type: ignore[import-untyped]
from aiokafka.admin import AIOKafkaAdminClient, NewTopic  # type: ignore[import-untyped]

from bench.peers.job import State, fold
from bench.peers.meter import Meter

_A_BATCH = 2_000
_TABLES = """
CREATE SCHEMA hand;
CREATE TABLE hand.claims (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, digests bytea NOT NULL);
CREATE TABLE hand.states (account text PRIMARY KEY, state bytea NOT NULL);
CREATE TABLE hand.offsets (partition integer PRIMARY KEY, next bigint NOT NULL);
CREATE TABLE hand.outbox (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account text, value bytea NOT NULL);
"""
_STATES = (
    "INSERT INTO hand.states SELECT * FROM unnest($1::text[], $2::bytea[])"
    " ON CONFLICT (account) DO UPDATE SET state = excluded.state"
)
_OFFSET = "INSERT INTO hand.offsets VALUES ($1, $2) ON CONFLICT (partition) DO UPDATE SET next = excluded.next"
_OUTBOX = "INSERT INTO hand.outbox (account, value) SELECT * FROM unnest($1::text[], $2::bytea[])"


class _Usage(msgspec.Struct):
    feature: str
    user_id: str
    quantity: int = 1


class _Event(msgspec.Struct):
    id: str
    source: str
    subject: str
    time: str
    data: _Usage


_decode = msgspec.json.Decoder(_Event).decode


class Count:
    """Counts by account."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._counts: dict[str, int] = {}

    async def batch(self, _: int, records: Sequence[Any]) -> None:
        """In memory alone."""
        for record in records:
            account = _decode(record.value).subject
            self._counts[account] = self._counts.get(account, 0) + 1
        self._meter.events += len(records)


class Job:
    """Our job over one connection; states are kept decoded, as the owner of all partitions may."""

    def __init__(self, meter: Meter, c: "asyncpg.Connection[Any]", producer: AIOKafkaProducer, topic: str) -> None:
        self._meter, self._c, self._producer, self._topic = meter, c, producer, topic
        self._known: set[bytes] = set()
        self._states: dict[str, State] = {}
        self._today = datetime.now(UTC).date().toordinal()

    async def batch(self, partition: int, records: Sequence[Any]) -> None:
        """One transaction, then the relay's share."""
        digests, changed = list[bytes](), dict[str, float | None]()
        for record in records:
            event = _decode(record.value)
            digest = blake2b(f"{event.source}\0{event.id}\0{event.subject}".encode(), digest_size=16).digest()
            if digest in self._known:
                continue
            self._known.add(digest)
            digests.append(digest)
            plain = {"time": event.time, "data": msgspec.structs.asdict(event.data)}
            score = fold(self._states.setdefault(event.subject, {}), plain, self._today)
            changed[event.subject] = changed.get(event.subject) if score is None else score
        told = [(one, msgspec.json.encode({"account": one, "score": s})) for one, s in changed.items() if s is not None]
        async with self._c.transaction():
            await self._c.execute("INSERT INTO hand.claims (digests) VALUES ($1)", b"".join(digests))
            states = [msgspec.msgpack.encode(self._states[account]) for account in changed]
            await self._c.execute(_STATES, list(changed), states)
            await self._c.execute(_OFFSET, partition, records[-1].offset + 1)
            await self._c.execute(_OUTBOX, [account for account, _ in told], [value for _, value in told])
        self._meter.events += len(records)
        self._meter.counted += len(digests)
        sent = [await self._producer.send(self._topic, value, account.encode()) for account, value in told]
        await asyncio.gather(*sent)
        await self._c.execute("DELETE FROM hand.outbox")


async def main(bootstrap: str, topic: str, events: int, scores: str, url: str) -> None:
    """Drain the topic and end; without the URL of a database, count alone."""
    meter, producer = Meter(), AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    c = await asyncpg.connect(url) if url else None
    if c is not None:
        await c.execute(_TABLES)
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        await admin.create_topics([NewTopic(scores, len(await producer.partitions_for(topic)), 1)])
        await admin.close()
    does = Count(meter) if c is None else Job(meter, c, producer, scores)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    consumer.assign([TopicPartition(topic, at) for at in await producer.partitions_for(topic)])
    while meter.events < events:
        found = await consumer.getmany(timeout_ms=250, max_records=8 * _A_BATCH)
        if not meter.events:
            meter.begin()
        for at, records in found.items():
            for first in range(0, len(records), _A_BATCH):
                await does.batch(at.partition, records[first : first + _A_BATCH])
    meter.end()
    await consumer.stop()
    await producer.stop()
    if c is not None:
        await c.close()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], sys.argv[5]))

"""Writers to the local log never wait for each other in a circle; those that wait for one another go together."""

import asyncio

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.log.local import LocalStream
from shared.log.protocol import Outgoing, Places, TopicPartition
from shared.messages import registry
from shared.pg.pool import session_settings
from tests.support.logins import as_service
from tests.support.stream import publish, until

_LOCK = "SELECT 1 FROM log.counters WHERE topic = :topic AND partition = :partition FOR NO KEY UPDATE"


def a_message(topic: str, partition: int) -> Outgoing:
    return Outgoing(topic, "", b"{}", partition=partition)


async def is_free(engine: AsyncEngine, topic: str, partition: int) -> bool:
    async with engine.connect() as c:
        at = {"topic": topic, "partition": partition}
        return (await c.execute(text(f"{_LOCK} SKIP LOCKED"), at)).first() is not None


async def someone_waits(engine: AsyncEngine) -> bool:
    async with engine.connect() as c:
        return bool((await c.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted"))).scalar_one())


async def test_a_publish_takes_partitions_in_one_order_whatever_the_order_of_its_messages(
    database_url: str, engine: AsyncEngine
) -> None:
    first, *later = [(registry.ACCOUNTS, 0), (registry.ACCOUNTS, 1), (registry.USAGE, 0)]
    log = LocalStream(as_service(database_url, "scoring"), session_settings("scoring"), 8)
    await log.start()
    try:
        # Its row now lies behind the others: whoever goes by the table's own order comes to it last, too.
        await publish(log, a_message(*first))
        async with engine.connect() as c:
            await c.execute(text(_LOCK), dict(zip(("topic", "partition"), first, strict=True)))
            writing = asyncio.create_task(publish(log, *(a_message(*at) for at in (*reversed(later), first))))
            await until(lambda: someone_waits(engine))
            # While it waits for the first it has none of the later ones, for which another may wait.
            assert [at for at in later if not await is_free(engine, *at)] == []
            await c.rollback()
        await writing
    finally:
        await log.stop()


async def transactions(engine: AsyncEngine) -> int:
    async with engine.connect() as c:
        return int((await c.execute(text("SELECT count(DISTINCT xmin::text) FROM log.records"))).scalar_one())


async def test_publishes_that_wait_go_in_one_transaction_without_whoever_gave_up(
    database_url: str, engine: AsyncEngine
) -> None:
    at = TopicPartition(registry.USAGE, 0)
    log = LocalStream(as_service(database_url, "scoring"), session_settings("scoring"), 8)
    await log.start()
    try:
        producer = log.producer()

        def publishing(messages: int) -> "asyncio.Task[Places]":
            return asyncio.create_task(producer.publish([a_message(*at)] * messages))

        async with engine.connect() as c:
            await c.execute(text(_LOCK), {"topic": at.topic, "partition": at.partition})
            under_way = [publishing(1), publishing(1)]
            await until(lambda: someone_waits(engine))
            waiting = [publishing(2), publishing(9), publishing(3)]
            await asyncio.sleep(0)
            waiting.pop(1).cancel()
            await c.rollback()
        *_, first, second = ends = [places[at] for places in await asyncio.gather(*under_way, *waiting)]
        assert (second - first, max(ends)) == (3, 7)
        assert await transactions(engine) == 3
    finally:
        await log.stop()

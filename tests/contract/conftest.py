"""Both homes of the stream, each over a fresh database."""

from collections.abc import AsyncIterator, Callable

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from shared.log.local import LocalStream
from shared.log.protocol import Stream
from shared.pg.pool import async_url, make_engine, session_settings
from tests.support.kafka import a_prefix, make_kafka_stream
from tests.support.stream import SEEN_TABLE, OddStream


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """A service's engine, on its schema as migrations make it, with a table for what was seen."""
    owner = create_async_engine(async_url(database_url))
    async with owner.begin() as c:
        await c.execute(text("SET LOCAL ROLE keepwell_scoring"))
        for statement in SEEN_TABLE:
            await c.execute(text(statement))
    await owner.dispose()
    made = make_engine(database_url, "scoring")
    yield made
    await made.dispose()


@pytest.fixture(params=["local", pytest.param("kafka", marks=pytest.mark.kafka)])
def make_stream(request: pytest.FixtureRequest) -> Callable[[], Stream]:
    """Makes streams over one and the same log, in either home."""
    if request.param == "local":
        database_url = request.getfixturevalue("database_url")
        return lambda: LocalStream(database_url, session_settings("scoring"), 8)
    bootstrap, prefix = request.getfixturevalue("kafka_broker").bootstrap, a_prefix()
    return lambda: make_kafka_stream(bootstrap, prefix)


@pytest.fixture
async def stream(make_stream: Callable[[], Stream]) -> AsyncIterator[Stream]:
    """One of them, started."""
    made = make_stream()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def odd_stream(database_url: str) -> AsyncIterator[OddStream]:
    """A local one that can be made to behave oddly, started."""
    made = OddStream(database_url)
    await made.start()
    yield made
    await made.stop()

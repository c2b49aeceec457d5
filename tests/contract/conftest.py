"""Both homes of the stream, each over a fresh database."""

from collections.abc import AsyncIterator, Callable

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.log.local import LocalStream
from shared.log.protocol import Stream
from shared.pg.pool import make_engine, session_settings
from tests.support.kafka import a_prefix, make_kafka_stream
from tests.support.logins import as_owner, as_service
from tests.support.stream import SEEN_TABLE, OddStream


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """A service's engine, on a migrated database that has a table for what was seen besides."""
    await as_owner(database_url, *SEEN_TABLE)
    made = make_engine(as_service(database_url, "scoring"), "scoring")
    yield made
    await made.dispose()


@pytest.fixture(params=["local", pytest.param("kafka", marks=pytest.mark.kafka)])
def make_stream(request: pytest.FixtureRequest) -> Callable[[], Stream]:
    """Makes streams over one and the same log, in either home."""
    if request.param == "local":
        database_url = request.getfixturevalue("database_url")
        return lambda: LocalStream(as_service(database_url, "scoring"), session_settings("scoring"), 8)
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

"""A real PostgreSQL for the tests, from the wheel, with a migrated database of its own for each test that asks."""

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from deploy.local.postgres import NAME, Postgres
from deploy.migrations.run import migrate

# What is lost when the machine dies is lost with the test; a killed server still recovers.
_FOR_TESTS = {"fsync": "off", "full_page_writes": "off", "max_connections": "120"}
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """The server of this test session. Its database `keepwell` is migrated, and only ever copied."""
    home = tmp_path_factory.mktemp("postgres")
    server = Postgres(home, _FOR_TESTS)
    with (home / "postgres.log").open("ab") as log:
        running = server.start(log)
        try:
            # In a thread, because pytest-asyncio minds its own event loop in this one.
            with ThreadPoolExecutor(1) as thread:
                thread.submit(migrate, running.url).result()
            yield server
        finally:
            running.stop()


@pytest.fixture
def database_url(postgres: Postgres) -> Iterator[str]:
    """The URL of a migrated, empty database that is this test's own."""
    name = f"test_{next(_numbers)}"
    postgres.query(f"CREATE DATABASE {name} TEMPLATE {NAME}", database="postgres")
    yield f"{postgres.url.rpartition('/')[0]}/{name}"
    postgres.query(f"DROP DATABASE {name} WITH (FORCE)", database="postgres")

"""A real PostgreSQL for the tests, from the wheel, with a migrated database of its own for each test that asks."""

import itertools
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from shutil import disk_usage
from tempfile import TemporaryDirectory

import pytest

from deploy.local.postgres import NAME, Postgres
from deploy.local.server import ServerError
from deploy.migrations.run import migrate
from tests.support.logins import PASSWORDS

# What is lost when the machine dies is lost with the test; a killed server still recovers.
_FOR_TESTS = {"fsync": "off", "full_page_writes": "off", "max_connections": "120"}

_MEMORY = Path("/dev/shm")
_ROOM = 4 * 2**30


class Databases:
    """Databases like the migrated one. The next is copied while a test works with the last, so that none waits."""

    def __init__(self, server: Postgres, copier: Executor) -> None:
        self._server, self._copier = server, copier
        self._numbers = itertools.count(1)
        self._next = self._copier.submit(self._copy)

    def take(self) -> str:
        """The name of an empty one, nobody else's."""
        try:
            taken = self._next.result()
        except ServerError:
            # Tests of lost connections end whatever waits on the server.
            taken = self._copy()
        self._next = self._copier.submit(self._copy)
        return taken

    def give_back(self, name: str) -> None:
        """End its connections, and forget it."""
        self._copier.submit(self._server.query, f"DROP DATABASE {name} WITH (FORCE)", database="postgres")

    def _copy(self) -> str:
        name = f"test_{next(self._numbers)}"
        # Files are copied as they are: half as long as writing a log of it all, which is there for large databases.
        self._server.query(f"CREATE DATABASE {name} TEMPLATE {NAME} STRATEGY file_copy", database="postgres")
        return name


@contextmanager
def a_quick_folder(folders: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in memory where there is room for it: there a database is copied in a tenth of the time."""
    if not _MEMORY.is_dir() or disk_usage(_MEMORY).free < _ROOM:
        yield folders.mktemp("postgres")
        return
    with TemporaryDirectory(dir=_MEMORY, prefix="keepwell-tests-") as made:
        yield Path(made)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """The server of this test session. Its database `keepwell` is migrated, and only ever copied."""
    with a_quick_folder(tmp_path_factory) as home, (home / "postgres.log").open("ab") as log:
        server = Postgres(home, _FOR_TESTS)
        running = server.start(log)
        try:
            # In a thread, because pytest-asyncio minds its own event loop in this one.
            with ThreadPoolExecutor(1) as thread:
                thread.submit(migrate, running.url, PASSWORDS).result()
            yield server
        finally:
            running.stop()


@pytest.fixture(scope="session")
def databases(postgres: Postgres) -> Iterator[Databases]:
    """Fresh databases, as many as are asked for."""
    with ThreadPoolExecutor(1) as copier:
        yield Databases(postgres, copier)


@pytest.fixture
def database_url(postgres: Postgres, databases: Databases) -> Iterator[str]:
    """The URL of a migrated, empty database that is this test's own."""
    name = databases.take()
    yield f"{postgres.url.rpartition('/')[0]}/{name}"
    databases.give_back(name)

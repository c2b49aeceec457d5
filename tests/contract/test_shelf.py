"""What is put on a shelf is got from it: the database, and the fake that other tests use."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from shared.documents.shelf import Shelf, Version
from shared.documents.store import Store
from shared.pg.uow import UnitOfWork
from tests.support.scoring import DAY, NOW, scoring_engine
from tests.support.shelf import FakeShelf, NoDatabase

KINDS = ("catalogue", "scorecards")


class Bench:
    """A shelf, and how to begin a transaction."""

    def __init__(self, shelf: Shelf, uow: Any) -> None:
        self.shelf, self._uow = shelf, uow

    def begin(self) -> AbstractAsyncContextManager[Any]:
        """A transaction."""
        begun: AbstractAsyncContextManager[Any] = self._uow.begin()
        return begun

    async def put(self, *versions: Version) -> None:
        """As one change."""
        async with self.begin() as c:
            await self.shelf.lock(c)
            await self.shelf.add(c, versions)


@pytest.fixture(params=["fake", "postgres"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    if request.param == "fake":
        yield Bench(FakeShelf(KINDS), NoDatabase())
    else:
        async with scoring_engine(request.getfixturevalue("database_url")) as engine:
            yield Bench(Store("scoring", KINDS), UnitOfWork(engine))


def a_version(number: int, id: str = "a", text: bytes | None = b"1", kind: str = "scorecards") -> Version:
    return Version(kind, id, number, text, "application/yaml", "ada", NOW + number * DAY, shipped=False)


async def test_the_latest_of_each_is_what_counts(bench: Bench) -> None:
    await bench.put(a_version(1), a_version(1, "b"), a_version(1, "main", kind="catalogue"), a_version(1, kind="other"))
    await bench.put(a_version(2, text=None))
    async with bench.begin() as c:
        found = await bench.shelf.current(c)
        assert set(found) == {("catalogue", "main"), ("scorecards", "a"), ("scorecards", "b")}
        assert found["scorecards", "a"] == a_version(2, text=None)
        assert await bench.shelf.revision(c) == 2


async def test_versions_are_told_from_the_newest_on(bench: Bench) -> None:
    for number in (1, 2, 3):
        await bench.put(a_version(number))
    async with bench.begin() as c:
        newest = await bench.shelf.history(c, ("scorecards", "a"), limit=2)
        rest = await bench.shelf.history(c, ("scorecards", "a"), before=2)
        assert [one.version for one in (*newest, *rest)] == [3, 2, 1]
        assert await bench.shelf.one(c, ("scorecards", "a"), 2) == a_version(2)
        assert await bench.shelf.one(c, ("scorecards", "a"), 4) is None


async def test_an_empty_shelf_has_never_changed(bench: Bench) -> None:
    async with bench.begin() as c:
        assert (await bench.shelf.current(c), await bench.shelf.revision(c)) == ({}, 0)

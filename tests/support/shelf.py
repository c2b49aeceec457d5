"""Documents kept in memory, for tests of what is done with them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from shared.documents.shelf import Key, Version
from shared.pg.uow import UnitOfWork


class FakeShelf:
    """Keeps what is put there, and rolls nothing back."""

    def __init__(self, kinds: Sequence[str]) -> None:
        self.kinds = kinds
        self.put: list[Version] = []
        self._revision = 0

    async def lock(self, c: Any) -> None:
        """Nobody else is there."""

    async def revision(self, c: Any) -> int:
        """How often something was put."""
        return self._revision

    async def current(self, c: Any) -> dict[Key, Version]:
        """The latest version of each."""
        latest = sorted(self.put, key=lambda one: one.version)
        return {one.key: one for one in latest if one.kind in self.kinds}

    async def add(self, c: Any, versions: Sequence[Version]) -> None:
        """Put them there."""
        self.put += versions
        self._revision += 1

    async def history(self, c: Any, key: Key, before: int | None = None, limit: int | None = None) -> list[Version]:
        """The versions of a document, the newest first."""
        found = [one for one in self.put if one.key == key and (before is None or one.version < before)]
        return sorted(found, key=lambda one: -one.version)[:limit]

    async def one(self, c: Any, key: Key, version: int) -> Version | None:
        """One version."""
        return next((one for one in self.put if (one.key, one.version) == (key, version)), None)


class NoDatabase(UnitOfWork):
    """A unit of work over nothing."""

    def __init__(self) -> None:
        return None

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Any]:
        """A transaction that does nothing."""
        yield None

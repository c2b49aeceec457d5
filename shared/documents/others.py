"""The documents of a service, and those of others that it reads them beside."""

from collections.abc import Sequence
from typing import Any

from shared.documents.shelf import Key, Shelf, Version


class WithOthers:
    """A service's own documents, which alone it changes, and what other services keep that they may name.

    It has changed when any of them has. While nothing of its own was ever put there, nothing is in force.
    """

    def __init__(self, own: Shelf, others: Sequence[Shelf]) -> None:
        self._own, self._others, self.kinds = own, others, own.kinds

    async def lock(self, c: Any) -> None:
        """Let nobody else change an own document until the transaction ends."""
        await self._own.lock(c)

    async def revision(self, c: Any) -> int:
        """How often any of these documents have changed: each number only grows, so their sum is another each time."""
        own = await self._own.revision(c)
        return own and own + sum([await one.revision(c) for one in self._others])

    async def current(self, c: Any) -> dict[Key, Version]:
        """The latest version of each, of the deleted ones and of others' too."""
        found = dict[Key, Version]()
        for shelf in (*self._others, self._own):
            found |= await shelf.current(c)
        return found

    async def add(self, c: Any, versions: Sequence[Version]) -> None:
        """Put further versions of own documents there. Lock first."""
        await self._own.add(c, versions)

    async def history(self, c: Any, key: Key, before: int | None = None, limit: int | None = None) -> list[Version]:
        """The versions of a document, the newest first: those before a number, and at most so many."""
        return await self._of(key).history(c, key, before, limit)

    async def one(self, c: Any, key: Key, version: int) -> Version | None:
        """One version."""
        return await self._of(key).one(c, key, version)

    def _of(self, key: Key) -> Shelf:
        return next((one for one in self._others if key[0] in one.kinds), self._own)

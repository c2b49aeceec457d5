"""The documents in force, read: those of the database, as far as this release can read them."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any, Generic, TypeVar

from shared.conditions import Refused
from shared.documents.shelf import Key, Shelf, Texts, name_of, to_ship
from shared.pg.uow import UnitOfWork

_LOG = logging.getLogger(__name__)
S = TypeVar("S")


class InForce(Generic[S]):
    """What a service goes by: `now`, at first as it ships, and after `refresh` as the database has it.

    It begins with `first`, else with what ships. `read` makes one whole of all texts, and raises `Refused` where it
    can't. What is put there was read before; but another release may have put it. What can't be read leaves the last
    in force, with an alarm.
    """

    def __init__(self, shelf: Shelf, shipped: Texts, read: Callable[[Texts], S], first: S | None = None) -> None:
        self.shelf, self._shipped, self.read = shelf, shipped, read
        self.now = read(shipped) if first is None else first
        self._texts = shipped
        self._revision: int | None = None
        self._unfit: list[str] = []
        self._unread: list[str] = []

    @property
    def alarms(self) -> list[str]:
        """What of this release does not fit what was edited, and what can't be read of what is in force."""
        return [*self._unfit, *self._unread]

    def ships(self, key: Key, text: bytes | None) -> bool:
        """Whether a text is what this release ships: who puts that back has it follow releases again."""
        return text is not None and self._shipped.get(key) == text

    async def begin(self, uow: UnitOfWork, now: datetime) -> None:
        """Ship, and read what is in force then."""
        async with uow.begin() as c:
            await self.ship(c, now)
        async with uow.begin() as c:
            await self.refresh(c)

    async def ship(self, c: Any, now: datetime) -> None:
        """Replace what nobody edited by what this release ships, where that can stand beside what was edited."""
        await self.shelf.lock(c)
        current = await self.shelf.current(c)
        added = to_ship(self._shipped, current, now)
        for key, one in current.items():
            if not one.shipped and self._shipped.get(key, one.text) != one.text:
                _LOG.warning("%s stays as %s put it, and not as it lies in a file here.", name_of(key), one.author)
        after = {key: one.text for key, one in current.items()} | {one.key: one.text for one in added}
        if not added:
            return
        try:
            self.read({key: text for key, text in after.items() if text is not None})
        except Refused as error:
            self._unfit = [f"What ships here does not fit what was edited, so the last stays in force. {error}"]
            _LOG.error("%s", *self._unfit)
        else:
            await self.shelf.add(c, added)

    async def refresh(self, c: Any) -> S:
        """Read what is in force, where that has changed since. Returns it."""
        revision = await self.shelf.revision(c)
        if revision in (0, self._revision):
            return self.now
        current = await self.shelf.current(c)
        texts = {key: one.text for key, one in current.items() if one.text is not None}
        alarms = list[str]()
        try:
            found = self.now if texts == self._texts else self.read(texts)
        except Refused as error:
            alarms = [f"The documents in force can't all be read, so the last that can stay in force. {error}"]
            found = self.now if self._revision is not None else await self._last_readable(c, texts, error)
        if self._revision is None or revision > self._revision:
            self.now, self._revision, self._unread = found, revision, alarms
            self._texts = self._texts if alarms else texts
            for alarm in alarms:
                _LOG.error("%s", alarm)
        return self.now

    async def _last_readable(self, c: Any, texts: dict[Key, bytes], error: Refused) -> S:
        """All, but that each that can't be read is as it was last when it could; in the end as this release ships."""
        older = dict[Key, list[bytes]]()
        while True:
            named = {problem.file for problem in error.problems}
            wrong = [key for key in texts if name_of(key) in named]
            for key in wrong:
                if key not in older:
                    before = (one.text for one in (await self.shelf.history(c, key))[1:])
                    older[key] = [text for text in before if text is not None]
                if not older[key]:
                    return self.now
                texts[key] = older[key].pop(0)
            if not wrong:
                return self.now
            try:
                return self.read(texts)
            except Refused as again:
                error = again

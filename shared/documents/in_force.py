"""The documents in force, read: those of the database, as far as this release can read them."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

from shared.conditions import Refused
from shared.documents.shelf import Key, Shelf, Texts, Version, name_of, to_ship
from shared.pg.uow import UnitOfWork

_LOG = logging.getLogger(__name__)
S = TypeVar("S")
_MOST_BACK: Final = 5
"""Versions of others' documents that are tried, where the latest can't stand beside the own ones."""


class InForce(Generic[S]):
    """What a service goes by: `now`, at first as it ships, and after `refresh` as the database has it.

    It begins with `first`, else with what ships; where that `is_whole` not, `first` was not read of all that ships.
    `read` makes one whole of all texts, and raises `Refused` where it can't. What is put there was read before; but
    another release may have put it. What can't be read leaves the last in force, with an alarm.

    What ships may hold texts of other services' kinds, too: each counts until its own service has put one.
    """

    def __init__(
        self,
        shelf: Shelf,
        shipped: Texts,
        read: Callable[[Texts], S],
        first: S | None = None,
        *,
        is_whole: bool = True,
    ) -> None:
        self.shelf, self._shipped, self.read = shelf, shipped, read
        self.now = read(shipped) if first is None else first
        self.versions: Mapping[Key, int] = {}
        """The versions of the documents that `now` was read of; those that can't be told have none."""
        self._texts = shipped if is_whole else None
        """What `now` was read of; None: of no texts that are in force together."""
        self._revision: int | None = None
        self._unfit: list[str] = []
        self._unread: list[str] = []
        self._began: datetime | None = None

    @property
    def alarms(self) -> list[str]:
        """What of this release does not fit what was edited, and what can't be read of what is in force."""
        return [*self._unfit, *self._unread]

    def ships(self, key: Key, text: bytes | None) -> bool:
        """Whether a text is what this release ships: who puts that back has it follow releases again."""
        return text is not None and self._shipped.get(key) == text

    def texts(self, current: Mapping[Key, Version]) -> dict[Key, bytes]:
        """The texts that count, of the latest versions."""
        others = {key: text for key, text in self._shipped.items() if key[0] not in self.shelf.kinds}
        latest = {key: one.text for key, one in current.items()}
        return {key: text for key, text in (others | latest).items() if text is not None}

    async def begin(self, uow: UnitOfWork, now: datetime) -> None:
        """Ship, and read what is in force then."""
        self._began = now
        async with uow.begin() as c:
            await self.ship(c, now)
        async with uow.begin() as c:
            await self.refresh(c)

    async def ship(self, c: Any, now: datetime) -> None:
        """Replace what nobody edited by what this release ships, where that can stand beside what was edited."""
        await self.shelf.lock(c)
        current, kinds = await self.shelf.current(c), self.shelf.kinds
        own = {key: one for key, one in current.items() if key[0] in kinds}
        added = to_ship({key: text for key, text in self._shipped.items() if key[0] in kinds}, own, now)
        for key, one in own.items():
            if not one.shipped and self._shipped.get(key, one.text) != one.text:
                _LOG.warning("%s stays as %s put it, and not as it lies in a file here.", name_of(key), one.author)
        self._unfit = []
        if not added:
            return
        try:
            await asyncio.to_thread(self.read, self.texts(current | {one.key: one for one in added}))
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
        if self._unfit and self._began is not None:
            # It may fit by now: others may have shipped, or somebody has mended what it is to stand beside.
            await self.ship(c, self._began)
            revision = await self.shelf.revision(c)
        current = await self.shelf.current(c)
        texts = self.texts(current)
        alarms = list[str]()
        try:
            found = self.now if texts == self._texts else await asyncio.to_thread(self.read, texts)
        except Refused as error:
            alarms = [f"The documents in force can't all be read, so the last that can stay in force. {error}"]
            found = self.now if self._revision is not None else await self._last_readable(c, texts, error)
        if self._revision is None or revision > self._revision:
            if found is not self.now or not alarms:
                self._texts = None if alarms else texts
            self.now, self._revision, self._unread = found, revision, alarms
            self.versions = {} if alarms else {key: current[key].version for key in texts if key in current}
            for alarm in alarms:
                _LOG.error("%s", alarm)
        return self.now

    async def _last_readable(self, c: Any, texts: dict[Key, bytes], error: Refused) -> S:
        """All, but that each that can't be read is as it was last when it could; in the end as this release ships.

        Own texts were read beside what others had then: so an older one of theirs is tried first.
        """
        others = [key for key in texts if key[0] not in self.shelf.kinds]
        older_ones = [(key, one.text) for key in others for one in (await self.shelf.history(c, key))[1:]]
        for key, text in older_ones[:_MOST_BACK]:
            if text is not None and (found := await self._readable({**texts, key: text})) is not None:
                return found
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
                return await asyncio.to_thread(self.read, texts)
            except Refused as again:
                error = again

    async def _readable(self, texts: Texts) -> S | None:
        try:
            return await asyncio.to_thread(self.read, texts)
        except Refused:
            return None

"""Keeps an eye on roads that are broken: tells ops, notices when one works again, and says so in the status."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from services.notifier.core import breaks
from services.notifier.core.breaks import WHOLE, Break, Place
from services.notifier.store import breaks as store
from services.notifier.store.clock import set_right
from shared.clock import Clock
from shared.pauses import pause
from shared.pg.uow import UnitOfWork

_LOG: Final = logging.getLogger(__name__)
_EVERY: Final = 5.0
_A_MINUTE: Final = timedelta(minutes=1)


class Watch:
    """One a process. `channels` are those for ops, the first first; a process that sends nothing tells them nothing."""

    def __init__(self, uow: UnitOfWork, clock: Clock, channels: Sequence[str] = (), *, tells: bool = True) -> None:
        self._uow = uow
        self._clock = clock
        self._channels = channels
        self._tells = tells
        self._broken: dict[Place, Break] = {}
        self._works: dict[Place, datetime] = {}
        """By which broken roads something has arrived since the last look, and when."""
        self._set_right_at: datetime | None = None
        self._ending = asyncio.Event()

    def arrived(self, transport: str, target: str, at: datetime) -> None:
        """Something has come through by a road."""
        for place in ((transport, target), (transport, WHOLE)):
            if place in self._broken:
                self._works[place] = at

    @property
    def alarms(self) -> list[str]:
        """What is broken, in words."""
        return breaks.alarms(self._broken.values())

    async def run(self) -> None:
        """Look every 5 s until stopped; what can't be looked up now is later."""
        while not self._ending.is_set():
            try:
                await self.look()
            except (SQLAlchemyError, OSError, TimeoutError) as error:
                _LOG.warning("Whether roads are broken is looked up later (%s).", type(error).__name__)
            await pause(_EVERY, unless=self._ending)

    def stop(self) -> None:
        """Look no more."""
        self._ending.set()

    async def _set_right(self) -> None:
        """Once a minute, let nothing wait for an instant that was written by a clock ahead."""
        now = self._clock.now()
        if self._tells and not (self._set_right_at is not None and now - _A_MINUTE < self._set_right_at <= now):
            self._set_right_at = now
            found = await self._uow.once(*set_right(now))
            if found:
                _LOG.warning("%s deliveries waited for instants of a clock that was ahead.", len(found))

    async def look(self) -> None:
        """Learn what is broken, and tell what there is to tell."""
        found = (Break._make(row) for row in await self._uow.once(*store.load()))
        known, self._broken = self._broken, {one.place: one for one in found}
        for one in self._broken.values():
            if one.place not in known:
                _LOG.error("Messages by %s don't arrive: %s.", one.name, one.reason)
        await self._set_right()
        works, self._works = self._works, {}
        untold = self._channels and any(one.told_at is None for one in self._broken.values())
        if not self._tells or not (works or untold):
            return
        now = self._clock.now()
        try:
            async with self._uow.begin() as c:
                mended = await store.mend(c, works, self._channels, self._broken, now) if works else []
                if self._channels:
                    await store.tell(c, self._channels, self._broken, now)
        except BaseException:
            # It may be long until the next arrives there.
            self._works = works | self._works
            raise
        for one in mended:
            _LOG.warning("Messages by %s arrive again.", one.name)
            self._broken.pop(one.place, None)

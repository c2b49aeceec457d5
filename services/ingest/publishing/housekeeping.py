"""What one process of ingest does beside intake: it relays the outbox, lets go what waited, and ends imports."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from services.ingest import queries
from services.ingest.publishing.releasing import Releasing
from services.ingest.store import imports
from shared.clock import Clock
from shared.pg.uow import UnitOfWork
from shared.worker.relay import Relay

_log = logging.getLogger("keepwell.ingest")
EVERY: Final = 1.0
"""Seconds. Other processes stage messages, too, and can't wake this one's relay."""


class Housekeeping:
    """Runs in the one process that holds ingest's lease."""

    def __init__(self, uow: UnitOfWork, clock: Clock, relay: Relay, releasing: Releasing) -> None:
        self._uow, self._clock, self._relay, self._releasing = uow, clock, relay, releasing

    async def run(self) -> None:
        """Work until cancelled, or until something fails that waiting doesn't mend."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._relay.run())
            group.create_task(self._releasing.run())
            group.create_task(self._look_again())

    async def _look_again(self) -> None:
        while True:
            try:
                await self.look()
            except (SQLAlchemyError, OSError, TimeoutError) as error:
                _log.warning("the database does not answer", extra={"error": type(error).__name__})
            await asyncio.sleep(EVERY)

    async def look(self) -> None:
        """Wake who has work, end imports that were silent for an hour, finish those that are ending."""
        since = self._clock.now() - imports.SILENCE
        unsent, unreleased, unended = await queries.work(self._uow)
        silent: Sequence[str] = ()
        ending: Sequence[str] = ()
        if unended:
            async with self._uow.begin() as c:
                silent, ending = await imports.silent(c, since), await imports.ending(c)
        if unsent:
            self._relay.wake()
        if unreleased:
            self._releasing.wake()
        for id in silent:
            if await self._releasing.end_import(id, "silence", silent_since=since):
                _log.warning("import ended: nothing was sent for an hour", extra={"import_id": id})
        for id in ending:
            await self._releasing.finish_import(id)

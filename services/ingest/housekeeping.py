"""What one process of ingest does beside the door: it relays the outbox and ends imports."""

import asyncio
import logging
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from services.ingest import import_store, store
from services.ingest.door import Door
from shared.clock import Clock
from shared.db.relay import Relay
from shared.db.uow import UnitOfWork
from shared.metrics import Metrics

_log = logging.getLogger("keepwell.ingest")
EVERY: Final = 1.0
"""Seconds. Other processes stage messages, too, and can't wake this one's relay."""
GAUGES_EVERY: Final = 15
"""Looks. Counting rows costs more than asking whether there are any."""


class Housekeeping:
    """Runs in the one process that holds ingest's lease."""

    def __init__(self, *, uow: UnitOfWork, relay: Relay, door: Door, clock: Clock, metrics: Metrics) -> None:
        self._uow, self._relay, self._door, self._clock, self._metrics = uow, relay, door, clock, metrics
        self._looks = 0

    async def run(self) -> None:
        """Work until cancelled, or until something fails that waiting doesn't mend."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._relay.run())
            group.create_task(self._look_again())

    async def _look_again(self) -> None:
        while True:
            try:
                await self.look()
            except (SQLAlchemyError, OSError, TimeoutError) as error:
                _log.warning("the database does not answer", extra={"error": type(error).__name__})
            await asyncio.sleep(EVERY)

    async def look(self) -> None:
        """Wake the relay if it has work, end imports that were silent for an hour, finish those that are ending."""
        now = self._clock.now()
        async with self._uow.begin() as c:
            unsent, unended = await store.work(c)
            silent = await import_store.silent(c, now) if unended else []
            ending = await import_store.ending(c) if unended else []
            counts = await store.counts(c) if self._looks % GAUGES_EVERY == 0 else None
        self._looks += 1
        if unsent:
            self._relay.wake()
        if counts is not None:
            self._metrics.outbox.set(counts.outbox)
            self._metrics.events_waiting.set(counts.waiting)
        for id in silent:
            _log.warning("import ended: nothing was sent for an hour", extra={"import_id": id})
            await self._door.end_import(id, "silence", act_on_found=False)
        for id in ending:
            await self._door.finish_import(id)

"""What each key sent, by day: counted in memory, and written every few seconds and when the process ends.

A crash loses these seconds of counts, and no event.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from services.ingest.store import usage
from services.ingest.store.usage import NO_TYPE, Counts
from shared.clock import Clock
from shared.figures import Figures
from shared.pg.uow import UnitOfWork

_LOG = logging.getLogger("keepwell.ingest")
_EVERY: Final = 5.0


class Usage:
    """Counts by key, in this process."""

    def __init__(self, uow: UnitOfWork, clock: Clock, figures: Figures) -> None:
        self._uow, self._clock = uow, clock
        self._counts: defaultdict[tuple[str, date, str], Counts] = defaultdict(Counts)
        self._events = figures.count("keepwell_key_events_total", "Events taken, by the key that sent them.", "key")
        self._limited = figures.count("keepwell_key_limited_total", "Requests that a limit kept out, by key.", "key")

    def receive(self, key: str, bytes: int) -> None:
        """Count a request of so many bytes."""
        counts = self._of(key)
        counts.requests, counts.bytes = counts.requests + 1, counts.bytes + bytes

    def limit(self, key: str) -> None:
        """Count a request that a limit kept out."""
        counts = self._of(key)
        counts.requests, counts.limited = counts.requests + 1, counts.limited + 1
        self._limited.add(1, key)

    def refuse(self, key: str, records: int) -> None:
        """Count records or events that were refused."""
        if records:
            self._of(key).refused += records

    def take(self, key: str, by_type: Mapping[str, int]) -> None:
        """Count events that were taken."""
        for type, number in by_type.items():
            self._of(key, type).events += number
        if by_type:
            self._events.add(sum(by_type.values()), key)

    def _of(self, key: str, type: str = NO_TYPE) -> Counts:
        return self._counts[key, self._clock.now().date(), type]

    async def run(self, ending: asyncio.Event) -> None:
        """Write now and then, until the process ends."""
        while not ending.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(_EVERY):
                    await ending.wait()
            await self.write()

    async def write(self) -> None:
        """Write what was counted since; what can't be written is kept for the next time."""
        counted, self._counts = self._counts, defaultdict(Counts)
        if not counted:
            return
        try:
            async with self._uow.begin() as c:
                await usage.add(c, counted)
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            _LOG.warning("the keys' usage is written later", extra={"error": type(error).__name__})
            for of, counts in counted.items():
                self._counts[of].add(counts)

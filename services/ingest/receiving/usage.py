"""What each key sent, by day: counted in memory, and written every few seconds and when the process ends.

A crash loses these seconds of counts, and no event.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from services.ingest.store import usage
from services.ingest.store.usage import NO_TYPE, Counts
from shared.clock import Clock
from shared.figures import Figures
from shared.pauses import pause
from shared.pg.uow import UnitOfWork

_LOG = logging.getLogger("keepwell.ingest")
_EVERY: Final = 5.0


class Usage:
    """Counts by key, in this process."""

    def __init__(self, uow: UnitOfWork, clock: Clock, figures: Figures) -> None:
        self._uow, self._clock = uow, clock
        self._counts: defaultdict[tuple[str, str], Counts] = defaultdict(Counts)
        """By key and type, since they were written last."""
        self._unwritten: dict[tuple[str, date, str], Counts] = {}
        """What could not be written, by day as well."""
        self._events = figures.count("keepwell_key_events_total", "Events taken, by the key that sent them.", "key")
        self._limited = figures.count("keepwell_key_limited_total", "Requests that a limit kept out, by key.", "key")

    def receive(self, key: str, bytes: int) -> None:
        """Count a request of so many bytes."""
        counts = self._counts[key, NO_TYPE]
        counts.requests, counts.bytes = counts.requests + 1, counts.bytes + bytes

    def limit(self, key: str) -> None:
        """Count a request that a limit kept out."""
        counts = self._counts[key, NO_TYPE]
        counts.requests, counts.limited = counts.requests + 1, counts.limited + 1
        self._limited.add(1, key)

    def refuse(self, key: str, records: int) -> None:
        """Count records or events that were refused."""
        if records:
            self._counts[key, NO_TYPE].refused += records

    def take(self, key: str, by_type: Mapping[str, int]) -> None:
        """Count events that were taken."""
        for type, number in by_type.items():
            self._counts[key, type].events += number
        if by_type:
            self._events.add(sum(by_type.values()), key)

    async def run(self, ending: asyncio.Event) -> None:
        """Write now and then, until the process ends."""
        while not ending.is_set():
            await pause(_EVERY, unless=ending)
            await self.write()

    async def write(self) -> None:
        """Write what was counted since; what can't be written is kept for the next time.

        It counts for the day on which it is written: at midnight some seconds go to the next.
        """
        today = self._clock.now().date()
        for (key, kind), counts in self._counts.items():
            self._unwritten.setdefault((key, today, kind), Counts()).add(counts)
        self._counts.clear()
        if not self._unwritten:
            return
        try:
            async with asyncio.timeout(_EVERY), self._uow.begin() as c:
                await usage.add(c, self._unwritten)
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            _LOG.warning("the keys' usage is written later", extra={"error": type(error).__name__})
        else:
            self._unwritten = {}

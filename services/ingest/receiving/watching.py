"""Notes some of what comes in, for whoever mends a sender, off the request's road.

A request only puts what is noted into memory; once a second all of it is written in one transaction. Processes share
the rows, so it doesn't matter which of them somebody looks at.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from services.ingest.core.checking import Answer
from services.ingest.core.senders import Sender
from services.ingest.core.sent import Record
from services.ingest.core.watched import Noted, Sampling, chosen, fate_of, seen
from services.ingest.store import recent
from shared.clock import Clock
from shared.pauses import pause
from shared.pg.uow import UnitOfWork

_LOG = logging.getLogger("keepwell.ingest")
EVERY: Final = 1.0
"""Seconds between two writings."""
_MOST: Final = 1_000
"""Records that wait to be written while the database doesn't answer; then the oldest go."""


class Watching:
    """What came in lately, of one process."""

    def __init__(self, uow: UnitOfWork, clock: Clock) -> None:
        self._uow, self._clock = uow, clock
        self._sampling = Sampling()
        self._noted = deque[Noted](maxlen=_MOST)
        self._ending = asyncio.Event()

    def events(self, raws: Sequence[msgspec.Raw], sender: Sender, door: str, answer: Answer) -> None:
        """Note events that are ours already."""
        if (room := self._room(sender, len(raws))) > 0:
            for place in chosen(len(raws), room, answer):
                self._note(sender, door, "", bytes(raws[place]), place, None, answer)

    def records(self, records: Sequence[Record], sender: Sender, door: str, mapping: str, answer: Answer) -> None:
        """Note what a dialect has read, by a mapping of this name."""
        if (room := self._room(sender, len(records))) > 0:
            for place in chosen(len(records), room, answer):
                self._note(sender, door, mapping, records[place].sent, place, records[place], answer)

    def _room(self, sender: Sender, count: int) -> int:
        return self._sampling.room(sender, count, int(self._clock.now().timestamp()))

    def _note(
        self, sender: Sender, door: str, mapping: str, sent: bytes, place: int, record: Record | None, answer: Answer
    ) -> None:
        fate = fate_of(place, record, answer)
        said, skipped = None if record is None else record.said, self._sampling.skipped(sender)
        self._noted.append(Noted(self._clock.now(), sender, door, mapping, sent, said, *fate, skipped))

    async def run(self) -> None:
        """Write every second until stopped."""
        while not self._ending.is_set():
            await pause(EVERY, unless=self._ending)
            await self.write()

    def stop(self) -> None:
        """Write what is there, and end."""
        self._ending.set()

    async def write(self) -> None:
        """Write what was noted. What can't be written is let go: it is of this moment."""
        noted = list(self._noted)
        if not noted:
            return
        self._noted.clear()
        try:
            # Beside the requests: large records take a while to be read.
            rows = await asyncio.to_thread(lambda: [row for one in noted if (row := seen(one)) is not None])
            async with self._uow.begin() as c:
                await recent.note(c, rows)
        except Exception as error:
            passing = isinstance(error, SQLAlchemyError | OSError | TimeoutError)
            words = "What came in lately is not shown (%s)."
            _LOG.warning(words, type(error).__name__, exc_info=None if passing else error)

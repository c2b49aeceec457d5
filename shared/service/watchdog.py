"""Ends a process that is alive and stuck, so that whoever runs it starts it again.

Two things can stand. The worker's loop, while everything else goes on: then /healthz says so. Or the event loop itself:
then nothing is answered any more, and a thread ends the process.
"""

import asyncio
import logging
import os
import sys
import threading
import traceback
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Protocol

from shared.clock import Clock
from shared.web.app import Check, failed_checks

_LOG = logging.getLogger(__name__)
STANDS = timedelta(seconds=60)
_BEAT = 1.0
_PATIENCE = 6


class Loop(Protocol):
    """What gets on, or stands."""

    turned_at: datetime | None


class WorkerHealth:
    """Whether the worker's loop stands though what it needs answers."""

    def __init__(self, worker: Loop, checks: Mapping[str, Check], clock: Clock) -> None:
        self._worker, self._checks, self._clock = worker, checks, clock
        self._gone_at: datetime | None = None

    async def stuck(self) -> str | None:
        """Why the process should be started again, or None.

        Where database or broker is away the worker waits, as it should; it has a minute from when they are back.
        """
        turned_at, now = self._worker.turned_at, self._clock.now()
        if turned_at is None or now - turned_at < STANDS:
            return None
        if await failed_checks(self._checks):
            self._gone_at = self._clock.now()
        if self._gone_at is not None and now - self._gone_at < STANDS:
            return None
        return f"The worker has stood still for {(now - turned_at).seconds} s."

    async def mind(self, give_up: Callable[[str], None] | None = None, every: float = 10.0) -> None:
        """End the process when it was stuck six times in a row: where nobody asks /healthz, as under compose.

        Who does ask, asks three times, and comes first.
        """
        found: list[str] = []
        while len(found) < _PATIENCE:
            await asyncio.sleep(every)
            reason = await self.stuck()
            found = [*found, reason] if reason is not None else []
        (give_up or _give_up)(found[-1])


def _give_up(words: str) -> None:
    _LOG.critical(words)
    for handler in logging.getLogger().handlers:
        handler.flush()
    os._exit(os.EX_SOFTWARE)


@asynccontextmanager
async def watched(
    beats: int = int(STANDS.total_seconds() / _BEAT), beat: float = _BEAT, give_up: Callable[[str], None] = _give_up
) -> AsyncIterator[None]:
    """During the block, end the process when the event loop has missed so many beats in a row.

    Beats are counted by the thread that waits for them: a machine that slept, or a process that stood, misses one.
    """
    loop, over, alive = asyncio.get_running_loop(), threading.Event(), threading.Event()
    main = threading.get_ident()

    def watch() -> None:
        missed = 0
        while not over.wait(beat):
            missed = 0 if alive.is_set() else missed + 1
            if missed >= beats:
                stack = traceback.format_stack(sys._current_frames().get(main))
                give_up(f"The event loop has stood still for {beats * beat:.0f} s in:\n{''.join(stack[-8:])}")
                return
            alive.clear()
            loop.call_soon_threadsafe(alive.set)

    thread = threading.Thread(target=watch, name="watchdog", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        await asyncio.to_thread(thread.join)

"""Has jobs computed, some at once, each in a child process."""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from shared.clock import Clock
from shared.jobs import store
from shared.messages.tracing import RandomBytes
from shared.pg.uow import UnitOfWork

_LOG = logging.getLogger(__name__)
_AT_ONCE: Final = 1
"""How many children a process has at once: others wait."""
_MOST: Final = 10
_LONGEST: Final = timedelta(hours=1)
"""What takes longer has got stuck: others wait."""
Compute = Callable[[str], Awaitable[bool]]
"""Computes a job by its id. Returns whether it came to an end of its own."""


class Busy(Exception):
    """So many jobs wait that one more would wait for long."""


class Jobs:
    """One process's."""

    def __init__(
        self, uow: UnitOfWork, clock: Clock, random: RandomBytes, compute: Compute, longest: timedelta = _LONGEST
    ) -> None:
        self._uow, self._clock, self._random, self._compute = uow, clock, random, compute
        self._longest = longest.total_seconds()
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._running: set[asyncio.Task[None]] = set()

    async def ask(self, wanted: store.Wanted) -> str:
        """Note what is wanted, and begin. Returns the id to ask for it by; raises `Busy` where many wait."""
        if len(self._running) >= _MOST:
            raise Busy
        id = self._random(16).hex()
        async with self._uow.begin() as c:
            await store.ask(c, id, wanted, self._clock.now())
        task = asyncio.create_task(self._run(id))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return id

    async def _run(self, id: str) -> None:
        ended = False
        async with self._room:
            try:
                async with asyncio.timeout(self._longest):
                    ended = await self._compute(id)
            except OSError as error:
                # It took too long, or the machine has no room for one more process.
                _LOG.error("The job %s could not be computed (%s).", id, type(error).__name__)
        if not ended:
            _LOG.error("The job %s was cut off.", id)
            async with self._uow.begin() as c:
                await store.fail(c, id, store.CUT_OFF, self._clock.now())

    async def ended(self) -> None:
        """Wait until nothing runs."""
        await asyncio.gather(*self._running, return_exceptions=True)

    async def close(self) -> None:
        """End what runs."""
        for task in self._running:
            task.cancel()
        await self.ended()


def in_a_child(module: str) -> Compute:
    """Compute with `python -m MODULE ID`, in a process that ends with this one: it gets a pipe that closes."""

    async def compute(id: str) -> bool:
        child = await asyncio.create_subprocess_exec(sys.executable, "-m", module, id, stdin=asyncio.subprocess.PIPE)
        try:
            return await child.wait() == 0
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()

    return compute

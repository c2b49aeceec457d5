"""How all that send go on: a round after the other, between them nothing until there is something to do."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError

from shared.pauses import pause

LOST: Final = (SQLAlchemyError, OSError, TimeoutError)
"""What passes by itself: the database is away, or was."""
_PAUSES: Final = (0.1, 0.5, 2.0, 5.0)


class Rounds:
    """Goes on until it is stopped. A round says for how many seconds there is nothing to do if nothing wakes it."""

    def __init__(self, lost: Callable[[str], None]) -> None:
        self._lost = lost
        """Is told what a round was lost to, which is then made again, after a pause."""
        self._work = asyncio.Event()
        self._stopping = False

    def wake(self) -> None:
        """There is something to do."""
        self._work.set()

    def stop(self) -> None:
        """Make no other round."""
        self._stopping = True
        self._work.set()

    async def run(self, once: Callable[[], Awaitable[float]]) -> None:
        """Go on with these."""
        failures = 0
        while not self._stopping:
            try:
                seconds = await once()
                failures = 0
            except LOST as error:
                self._lost(type(error).__name__)
                await asyncio.sleep(_PAUSES[min(failures, len(_PAUSES) - 1)])
                failures += 1
                continue
            await pause(seconds, unless=self._work)
            self._work.clear()


async def wound_down(running: Collection[asyncio.Task[Any]], grace: float) -> None:
    """Wait for what is under way, for so many seconds, and cut off the rest."""
    if running:
        _, cut_off = await asyncio.wait(running, timeout=grace)
        for task in cut_off:
            task.cancel()
        await asyncio.gather(*cut_off, return_exceptions=True)

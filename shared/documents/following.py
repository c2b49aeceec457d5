"""What others change is looked up now and then, by whoever goes by it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError

from shared.pauses import pause
from shared.pg.uow import UnitOfWork

_LOG = logging.getLogger(__name__)
_EVERY: Final = 2.0


class Following:
    """Calls `refresh`, in a transaction, every so many seconds until stopped."""

    def __init__(self, refresh: Callable[[Any], Awaitable[Any]], *, every: float = _EVERY) -> None:
        self._refresh, self._every = refresh, every
        self._ending = asyncio.Event()

    async def run(self, uow: UnitOfWork) -> None:
        """Go on until stopped; what can't be looked up now is later."""
        while not self._ending.is_set():
            await pause(self._every, unless=self._ending)
            try:
                async with uow.begin() as c:
                    await self._refresh(c)
            except Exception as error:
                passing = isinstance(error, SQLAlchemyError | OSError | TimeoutError)
                words = "Whether documents have changed is looked up later (%s)."
                _LOG.warning(words, type(error).__name__, exc_info=None if passing else error)

    def stop(self) -> None:
        """Look no more."""
        self._ending.set()

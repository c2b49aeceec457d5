"""Says how far a trial is, at most once a second."""

from datetime import timedelta
from typing import Any, Final

import msgspec

from shared.clock import Clock
from shared.jobs import store
from shared.pg.uow import UnitOfWork

_TOLD_EVERY: Final = timedelta(seconds=1)


class Progress:
    """Of one job."""

    def __init__(self, uow: UnitOfWork, clock: Clock, id: str, total: int) -> None:
        self._uow, self._clock, self._id, self._total = uow, clock, id, total
        self._told = clock.now() - _TOLD_EVERY

    async def tell(self, done: int) -> None:
        """So many accounts are done."""
        now = self._clock.now()
        if now - self._told >= _TOLD_EVERY:
            self._told = now
            async with self._uow.begin() as c:
                await store.tell(c, self._id, min(done, self._total), self._total, None, now)

    async def end(self, work: str, result: msgspec.Struct) -> None:
        """What came of it, and of what work it is."""
        told: dict[str, Any] = {**msgspec.to_builtins(result), "work": work}
        async with self._uow.begin() as c:
            await store.end(c, self._id, self._total, self._total, told, self._clock.now())

"""Keeps what was refused, as it was sent, so that people see it and can have it taken when what was wrong is mended."""

from collections.abc import Iterable

from services.ingest.core.checking import Refusal
from services.ingest.core.refusals import kept
from services.ingest.core.senders import Sender
from services.ingest.store import refused
from shared.clock import Clock
from shared.figures import Figures
from shared.pg.uow import UnitOfWork


class Refusing:
    """Keeps it before the answer goes out: who was told of a refusal finds it in the list."""

    def __init__(self, uow: UnitOfWork, clock: Clock, figures: Figures) -> None:
        self._uow, self._clock = uow, clock
        says = "Records refused that there was no room to keep, beyond a key's daily bound."
        self._left_out = figures.count("keepwell_refused_left_out_total", says)

    async def keep(self, found: Iterable[tuple[bytes, Refusal]], sender: Sender, door: str) -> None:
        """Keep records of one sender with why each was refused. What a test key sends leaves no trace."""
        records = {one.id: one for one in (kept(record, why, sender, door) for record, why in found)}
        if not records or sender.test:
            return
        now = self._clock.now()
        [key] = {one.key for one in records.values()}
        async with self._uow.begin() as c:
            left_out = await refused.keep(c, records, key, now.date(), now)
        if left_out:
            self._left_out.add(left_out)

"""Sends again what was refused: by the same door, as the same key, from when it was first received."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Row

from services.ingest.core import stripe
from services.ingest.core.reading import Unreadable
from services.ingest.core.senders import Sender
from services.ingest.core.sent import Record
from services.ingest.receiving import rereading
from services.ingest.receiving.reception import Reception
from services.ingest.store import refused
from shared.clock import Clock
from shared.pg.uow import UnitOfWork


@dataclass(frozen=True, slots=True)
class Again:
    """A record that was refused again, and why."""

    id: str
    code: str
    reason: str


@dataclass(slots=True)
class Replayed:
    """What became of records."""

    taken: list[str]
    refused: list[Again]


Find = Callable[[str], Awaitable[Sender | None]]


class Replaying:
    """What is taken now is kept no longer; what is refused again stays, with today's reason."""

    def __init__(self, reception: Reception, uow: UnitOfWork, clock: Clock) -> None:
        self._reception, self._uow, self._clock = reception, uow, clock

    async def replay(self, rows: Sequence[Row[Any]], find: Find) -> Replayed:
        """Send rows of `refused` again, the oldest first. `find` tells who sends by the name of a key.

        Raises `Unconfirmed` when the broker doesn't confirm.
        """
        why: dict[str, tuple[str, str]] = {}
        by_door: dict[tuple[str, str], list[Row[Any]]] = {}
        for row in sorted(rows, key=lambda row: (row.at, row.id)):
            by_door.setdefault((row.key, row.door), []).append(row)
        for (key, door), part in by_door.items():
            why |= await self._by(door, part, Sender(key) if door in rereading.VENDORS else await find(key))
        taken = [row.id for row in rows if row.id not in why]
        again = [Again(id, *reason) for id, reason in why.items()]
        async with self._uow.begin() as c:
            await refused.remove(c, taken)
            await refused.again(c, again, self._clock.now())
        return Replayed(taken, again)

    async def _by(self, door: str, rows: Sequence[Row[Any]], sender: Sender | None) -> dict[str, tuple[str, str]]:
        """Send rows of one key and door; why each was refused that was."""
        if sender is None:
            return {row.id: ("unknown_key", f"There is no key {row.key!r} any more.") for row in rows}
        why: dict[str, tuple[str, str]] = {}
        found: list[tuple[str, Any]] = []
        for row in rows:
            try:
                found += [(row.id, one) for one in self._read(row, door, sender)]
            except (Unreadable, stripe.Unusable) as error:
                why[row.id] = (getattr(error, "code", "unusable"), str(error))
        ours = [one for _, one in found if isinstance(one, msgspec.Raw)]
        if ours:
            answer = await self._reception.events(ours, sender, door, keep_refused=False)
        else:
            answer = await self._reception.records([one for _, one in found], sender, door, keep_refused=False)
        return why | {found[one.index][0]: (one.code, one.message) for one in answer.refused}

    def _read(self, row: Row[Any], door: str, sender: Sender) -> Sequence[msgspec.Raw | Record]:
        """What a row comes to, from when it was first received. Raises `Unreadable` or `Unusable`."""
        record = bytes(row.bytes)
        if row.size > len(record):
            raise Unreadable("too_large", "Only the beginning of it was kept: send it again from where it came.")
        if (read := rereading.DIALECTS.get(door)) is None:
            return rereading.events_of(record, door, row.at)
        return [_dated(one, row.at) for one in read(record, self._reception.mapping(sender), row.at)]


def _dated(record: Record, at: datetime) -> Record:
    said = (one if one.time is not None else msgspec.structs.replace(one, time=at) for one in record.said)
    return msgspec.structs.replace(record, said=tuple(said))

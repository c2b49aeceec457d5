"""Reads what came in lately once more, by the mappings in force and by a draft."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Row

from services.ingest.core.mapping import Mapping as Understood
from services.ingest.core.previewing import Tally
from services.ingest.core.reading import Unreadable
from services.ingest.core.sent import Record
from services.ingest.files import Mappings
from services.ingest.store import recent
from shared.clock import Clock
from shared.documents.shelf import Key
from shared.jobs import store
from shared.pg.uow import UnitOfWork

Reread = Callable[[bytes, Understood, datetime], Sequence[Record]]
"""Reads one record as it was sent, by a mapping, as of when it was received."""
AGAINST: Final = "against"
"""The option that names the mapping beside which the one in force is looked at."""
_BySource = Mapping[str, Understood]


class Looking:
    """One preview: of a draft beside what is in force; or, without one, of what is in force beside another mapping."""

    def __init__(self, uow: UnitOfWork, clock: Clock, id: str, dialects: Mapping[str, Reread]) -> None:
        self._uow, self._clock, self._id, self._dialects = uow, clock, id, dialects

    async def run(self, wanted: store.Wanted, mappings: Mappings, versions: Mapping[Key, int]) -> None:
        """Look, and keep what comes of it."""
        before, after = _sides(wanted, mappings, versions)
        tally = Tally()
        async with self._uow.begin() as c:
            rows = [row for test in (False, True) for row in await recent.latest(c, _wanted(test), None, recent.KEPT)]
        for row in rows:
            self._add(tally, row, before, after, wanted.document)
        result = dict(msgspec.to_builtins(tally.result))
        async with self._uow.begin() as c:
            await store.end(c, self._id, tally.records, tally.records, result, self._clock.now())

    def _add(self, tally: Tally, row: Row[Any], before: _BySource, after: _BySource, id: str) -> None:
        old, new = (side.get(row.source) or side[""] for side in (before, after))
        if row.door not in self._dialects or (old == new and id not in (old.id, new.id)):
            return
        if row.size > len(row.sent):
            tally.cut += 1
            return
        read = (self._read(row, one) for one in (old, new))
        tally.add(bytes(row.sent), row.at, row.source, " ".join(filter(None, (row.kind, row.name))), *read)

    def _read(self, row: Row[Any], mapping: Understood) -> Sequence[Record]:
        try:
            return self._dialects[row.door](bytes(row.sent), mapping, row.at)
        except Unreadable as error:
            return [Record(sent=b"", refused=(error.code, str(error)))]


def _wanted(test: bool) -> recent.Wanted:
    return recent.Wanted(test=test)


def _sides(wanted: store.Wanted, mappings: Mappings, versions: Mapping[Key, int]) -> tuple[_BySource, _BySource]:
    """How each source is understood on either side. Raises `Refused` where the draft fits no more."""
    now = mappings.understood(versions)
    if wanted.draft is not None:
        # Named as what is in force, so that only what is understood otherwise differs.
        return now, mappings.with_draft(wanted.draft)[1].understood(versions)
    named = mappings.files.get(str(wanted.options.get(AGAINST)))
    other = next((now[source] for source in named.for_sources), now[""]) if named is not None else now[""]
    return {source: other if one.id == wanted.document else one for source, one in now.items()}, now

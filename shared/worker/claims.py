"""Which events were counted already: each is claimed once, in the transaction that counts it.

Claims are kept in bulk, one row a batch and day (packed 16-byte digests of source, id and account), filed by the UTC
day of the event's own time and looked for on that day and both neighbours. They stay 50 days, those of history 415.

Rows are the truth, and memory only saves reading them. A day is remembered *exactly*, as the set of its digests, or by
a filter with the digests that came after it was made; where the filter says "perhaps", the day's rows decide. So
whatever is dropped from memory, and whenever, no answer changes: that is what lets a setting bound it.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from hashlib import blake2b

from sqlalchemy import and_, bindparam, column, delete, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.messages.envelope import Event
from shared.pg import bulk
from shared.worker import tables as t
from shared.worker.bloom import Bloom
from shared.worker.claimed import HELD, TAIL, Day

KEPT = timedelta(days=50)
KEPT_HISTORY = timedelta(days=415)
MEMORY = 64 * 2**20
_SIZE = 16
_DAY = timedelta(days=1)

_INSERT = bulk.Insert(t.claims, ("day", "history", "digests"), same=("partition",))
_asked = bulk.given(t.claims.c.day, column("after", t.claims.c.id.type))
_ROWS = select(t.claims.c.day, t.claims.c.id, t.claims.c.digests).join(
    _asked,
    and_(
        t.claims.c.partition == bindparam("partition"), t.claims.c.day == _asked.c.day, t.claims.c.id > _asked.c.after
    ),
)
_FILTERS = select(t.claim_filters).where(
    t.claim_filters.c.partition == bindparam("partition"), bulk.among(t.claim_filters.c.day, "days")
)
_KEEP_FILTERS = bulk.Insert(
    t.claim_filters, ("day", "through", "bits"), same=("partition",), update=("through", "bits")
)
_TRIM = delete(t.claims).where(
    or_(and_(t.claims.c.day < bindparam("day"), ~t.claims.c.history), t.claims.c.day < bindparam("history_day"))
)
_TRIM_FILTERS = delete(t.claim_filters).where(t.claim_filters.c.day < bindparam("history_day"))


@dataclass(slots=True)
class _Rows:
    """Rows of a day: their digests, packed as they are, and the last one's id."""

    last: int
    packed: list[bytes] = field(default_factory=list)

    def __len__(self) -> int:
        return sum(map(len, self.packed)) // _SIZE

    def digests(self) -> Iterable[bytes]:
        """One by one."""
        return (packed[i : i + _SIZE] for packed in self.packed for i in range(0, len(packed), _SIZE))


_begun = blake2b(digest_size=_SIZE)
"""A digest of nothing yet. To copy it takes half as long as to begin one."""


def digest_of(source: str, id: str, account: str) -> bytes:
    """16 bytes for what makes two events the same one; the lengths keep its parts apart."""
    digest = _begun.copy()
    digest.update(f"{len(source)}:{len(id)}:{source}{id}{account}".encode())
    return digest.digest()


@dataclass(slots=True)
class _Seen:
    """What events of one day are looked for among, in one batch, and those that are new."""

    sets: Sequence[set[bytes]]
    known: set[bytes]
    """That of the day itself, which grows."""
    live: list[bytes] = field(default_factory=list)
    history: list[bytes] = field(default_factory=list)

    @classmethod
    def on(cls, day: date, days: Mapping[date, Day], certain: Mapping[date, set[bytes]]) -> "_Seen":
        """For events of this day, of what is known of it and its neighbours; `certain` is what rows have."""
        near = _around(day)
        rows = (certain[one] for one in near if one in certain)
        recent = (days[one].recent for one in near if days[one].recent)
        return cls([*(days[one].known for one in near), *recent, *rows], days[day].known)

    def new(self) -> Iterable[tuple[bool, bytes]]:
        """The digests that are new, packed: whether they are history's, and they."""
        return (False, b"".join(self.live)), (True, b"".join(self.history))


def _around(day: date) -> tuple[date, date, date]:
    return day - _DAY, day, day + _DAY


class Claims:
    """A worker's claims, with its memory of them: at most `memory` bytes over all partitions, between two batches."""

    def __init__(self, memory: int = MEMORY) -> None:
        self._memory = memory
        self._days: OrderedDict[tuple[int, date], Day] = OrderedDict()
        """The one that was used last comes last."""
        self._busy: set[int] = set()
        """Partitions whose claims are being looked at: what is known of them may only grow."""

    def forget(self, partition: int) -> None:
        """Drop what is remembered: a commit failed, or another worker may have written."""
        for at in [at for at in self._days if at[0] == partition]:
            del self._days[at]

    def held(self) -> int:
        """Bytes in memory."""
        return sum(day.held() for day in self._days.values())

    async def claim(self, c: AsyncConnection, partition: int, events: Sequence[Event], now: datetime) -> list[bool]:
        """Claim events. Returns, for each, whether this is the first time that it is seen."""
        self._busy.add(partition)
        try:
            return await self._claim(c, partition, events, now)
        finally:
            self._busy.discard(partition)
            self._fit()

    async def _claim(self, c: AsyncConnection, partition: int, events: Sequence[Event], now: datetime) -> list[bool]:
        today = now.date()
        for at in [at for at, day in self._days.items() if day.is_exact and at[1] < today - _DAY]:
            # A closed day of which there is much gets a filter, that stays. What there is little of is as good so.
            if len(self._days[at].known) > TAIL:
                del self._days[at]
        of = [e.time.date() for e in events]
        digests = [digest_of(e.source, e.id, e.subject) for e in events]
        days = await self._load(c, partition, {near for day in set(of) for near in _around(day)}, today)
        certain = await self._read_hits(c, partition, days, of, digests)
        seen = {day: _Seen.on(day, days, certain) for day in set(of)}
        fresh: list[bool] = []
        for event, day, digest in zip(events, of, digests, strict=True):
            among = seen[day]
            for known in among.sets:
                if digest in known:
                    fresh.append(False)
                    break
            else:
                fresh.append(True)
                among.known.add(digest)
                (among.live if event.history is None else among.history).append(digest)
        new = ((day, history, packed) for day, of_day in seen.items() for history, packed in of_day.new() if packed)
        await bulk.later(c, _INSERT.of(new, partition=partition))
        return fresh

    def _fit(self) -> None:
        """Keep to the bound: what was not used for longest goes.

        An exact day goes in two steps, first to a filter, of a sixteenth of its size. Were it dropped at once, a day
        that doesn't fit would be read anew with every batch, and the worker be slowest where there is most to do.
        Nothing of a partition whose claims are being looked at changes: what was found there must still be so.
        """
        held = self.held()
        for at, day in list(self._days.items()) * 2:
            if held <= self._memory:
                return
            if at in self._days and at[0] not in self._busy:
                held -= day.held()
                if day.filter is None and len(day.known) > TAIL:
                    day.turn()
                    held += day.held()
                else:
                    del self._days[at]

    async def _load(self, c: AsyncConnection, partition: int, wanted: Iterable[date], today: date) -> dict[date, Day]:
        """These days, from memory or as filters and rows have them; filters that are missing or old are made."""
        missing = []
        for day in wanted:
            known = self._days.get((partition, day))
            if known is None or not known.settle():
                missing.append(day)
            else:
                self._days.move_to_end((partition, day))
        days = {day: self._days[partition, day] for day in wanted if day not in missing}
        if missing:
            loaded = await self._from_rows(c, partition, missing, today)
            days |= loaded
            self._days.update({(partition, day): known for day, known in loaded.items()})
        return days

    async def _from_rows(
        self, c: AsyncConnection, partition: int, missing: Sequence[date], today: date
    ) -> dict[date, Day]:
        # What has grown out of its filter's room gets one with room again, as an open day does: more will come. Their
        # filters are not kept as rows.
        grown = {day: self._days[partition, day] for day in missing if (partition, day) in self._days}
        after = dict.fromkeys(missing, 0)
        filters: dict[date, Bloom] = {}
        kept = [day for day in missing if day not in grown]
        for row in await c.execute(_FILTERS, {"partition": partition, "days": kept}) if kept else ():
            filters[row.day], after[row.day] = Bloom(bytearray(row.bits)), row.through
        tails = await self._rows(c, partition, after)
        fit = (day for day in missing if day not in filters and day not in grown and self._may_hold(tails[day]))
        loaded = {day: Day(known=set(tails[day].digests())) for day in fit if day >= today - _DAY}
        make = [d for d in missing if d not in loaded and len(tails[d]) > (TAIL if d in filters else 0)]
        tails |= await self._rows(c, partition, {day: 0 for day in make if day in filters})
        growing = [day for day in make if day in grown or day >= today - _DAY]
        for day in growing:
            recent = grown[day].known if day in grown else set()
            loaded[day] = Day(filter=Bloom.growing(tails[day].digests(), len(tails[day])), recent=recent)
        closed = {d: Bloom.of(tails[d].digests(), len(tails[d])) for d in make if d not in loaded}
        loaded |= {day: Day(filter=filter) for day, filter in closed.items()}
        rest = (day for day in missing if day not in loaded)
        loaded |= {day: Day(known=set(tails[day].digests()), filter=filters.get(day)) for day in rest}
        made = [(day, tails[day].last, filter.tobytes()) for day, filter in closed.items()]
        await _KEEP_FILTERS(c, made, partition=partition)
        return loaded

    def _may_hold(self, rows: _Rows) -> bool:
        """Whether an open day may be held exactly: not one that would push out most of what else is remembered."""
        return len(rows) <= TAIL or len(rows) * 2 * HELD <= self._memory // 4

    @staticmethod
    async def _rows(c: AsyncConnection, partition: int, after: Mapping[date, int]) -> dict[date, _Rows]:
        found = {day: _Rows(last) for day, last in after.items()}
        if after:
            # What this transaction has claimed itself may have been dropped from memory since.
            await bulk.written(c)
            parameters = {"partition": partition, **bulk.arrays(("day", "after"), after.items())}
            for day, id, packed in await c.execute(_ROWS, parameters):
                rows = found[day]
                rows.packed.append(packed)
                rows.last = max(rows.last, id)
        return found

    async def _read_hits(
        self,
        c: AsyncConnection,
        partition: int,
        days: Mapping[date, Day],
        of: Sequence[date],
        digests: Sequence[bytes],
    ) -> dict[date, set[bytes]]:
        """Those of the digests that are in the rows of the days whose filter says "perhaps" to one of them."""
        perhaps: dict[date, set[bytes]] = defaultdict(set)
        filters = {day: kept.filter for day, kept in days.items() if kept.filter is not None}
        for day, digest in zip(of, digests, strict=True) if filters else ():
            for near in _around(day):
                if (filter := filters.get(near)) is not None and digest in filter and digest not in days[near].recent:
                    perhaps[near].add(digest)
        rows = await self._rows(c, partition, dict.fromkeys(perhaps, 0))
        return {day: perhaps[day].intersection(found.digests()) for day, found in rows.items()}


async def trim(c: AsyncConnection, now: datetime) -> None:
    """Forget claims that are older than their term: 50 days, 415 for history."""
    days = {"day": (now - KEPT).date(), "history_day": (now - KEPT_HISTORY).date()}
    await c.execute(_TRIM, days)
    await c.execute(_TRIM_FILTERS, {"history_day": days["history_day"]})

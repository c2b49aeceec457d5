"""Which events were counted already: each is claimed once, in the transaction that counts it.

Claims are kept in bulk, one row a batch and day (packed 16-byte digests of source and id), filed by the UTC day of the
event's own time and looked for on that day and both neighbours. Today's and yesterday's are held exactly; a closed day
has a stored filter, and only a hit reads the day's rows. They stay 50 days, those of history 415.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from hashlib import blake2b

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.messages.envelope import Event
from shared.worker.bloom import Bloom

KEPT = timedelta(days=50)
KEPT_HISTORY = timedelta(days=415)
_SIZE = 16
_DAY = timedelta(days=1)
_TAIL = 4096
"""How many digests a closed day may gather beside its filter before the filter is made anew."""
_MOST_DAYS = 256

_INSERT = text(
    """
    INSERT INTO claims (partition, day, digests, history)
    SELECT :partition, c.day, c.digests, c.history
    FROM unnest(CAST(:days AS date[]), CAST(:digests AS bytea[]), CAST(:history AS bool[])) AS c(day, digests, history)
    """
)
_ROWS = text(
    """
    SELECT c.day, c.id, c.digests FROM unnest(CAST(:days AS date[]), CAST(:after AS bigint[])) AS d(day, after)
    JOIN claims c ON c.partition = :partition AND c.day = d.day AND c.id > d.after
    """
)
_FILTERS = text(
    "SELECT day, through, bits FROM claim_filters WHERE partition = :partition AND day = ANY(CAST(:days AS date[]))"
)
_KEEP_FILTERS = text(
    """
    INSERT INTO claim_filters (partition, day, through, bits)
    SELECT :partition, f.day, f.through, f.bits
    FROM unnest(CAST(:days AS date[]), CAST(:throughs AS bigint[]), CAST(:bits AS bytea[])) AS f(day, through, bits)
    ON CONFLICT (partition, day) DO UPDATE SET through = excluded.through, bits = excluded.bits
    """
)
_TRIM = text("DELETE FROM claims WHERE day < :day AND NOT history OR day < :history_day")
_TRIM_FILTERS = text("DELETE FROM claim_filters WHERE day < :history_day")


@dataclass(slots=True)
class _Day:
    """What is known of a day: exactly (no filter), or a filter with the digests that came after it was made."""

    known: set[bytes] = field(default_factory=set)
    closed: Bloom | None = None

    def perhaps(self, digest: bytes) -> bool:
        return digest in self.known or (self.closed is not None and digest in self.closed)


def digest_of(source: str, id: str) -> bytes:
    """16 bytes for an event's source and id; the length of the source keeps the two apart."""
    return blake2b(f"{len(source)}:{source}{id}".encode(), digest_size=_SIZE).digest()


def _unpack(packed: bytes) -> list[bytes]:
    return [packed[i : i + _SIZE] for i in range(0, len(packed), _SIZE)]


def _around(day: date) -> tuple[date, date, date]:
    return day - _DAY, day, day + _DAY


class Claims:
    """A worker's claims, with its memory of them by partition."""

    def __init__(self) -> None:
        self._days: dict[int, dict[date, _Day]] = defaultdict(dict)

    def forget(self, partition: int) -> None:
        """Drop what is remembered: a commit failed, or another worker may have written."""
        self._days.pop(partition, None)

    async def claim(self, c: AsyncConnection, partition: int, events: Sequence[Event], now: datetime) -> list[bool]:
        """Claim events. Returns, for each, whether this is the first time that it is seen."""
        today = now.date()
        remembered = self._days[partition]
        self._close(remembered, today)
        of = [e.time.date() for e in events]
        await self._load(c, partition, {near for day in set(of) for near in _around(day)}, today)
        digests = [digest_of(e.source, e.id) for e in events]
        certain = await self._read_hits(c, partition, of, digests)
        fresh: list[bool] = []
        new: dict[tuple[date, bool], list[bytes]] = defaultdict(list)
        for event, day, digest in zip(events, of, digests, strict=True):
            first = not any(digest in remembered[near].known or digest in certain[near] for near in _around(day))
            fresh.append(first)
            if first:
                remembered[day].known.add(digest)
                new[day, event.history is not None].append(digest)
        if new:
            await c.execute(
                _INSERT,
                {
                    "partition": partition,
                    "days": [day for day, _ in new],
                    "digests": [b"".join(packed) for packed in new.values()],
                    "history": [history for _, history in new],
                },
            )
        return fresh

    @staticmethod
    def _close(remembered: dict[date, _Day], today: date) -> None:
        """Drop days that closed since, and days beyond the bound; they are loaded again as filters when asked for."""
        for day in [d for d, held in remembered.items() if held.closed is None and d < today - _DAY]:
            del remembered[day]
        for day in sorted(remembered)[: max(0, len(remembered) - _MOST_DAYS)]:
            del remembered[day]

    async def _load(self, c: AsyncConnection, partition: int, wanted: Iterable[date], today: date) -> None:
        remembered = self._days[partition]
        missing = [
            day
            for day in wanted
            if day not in remembered or (remembered[day].closed is not None and len(remembered[day].known) > _TAIL)
        ]
        if not missing:
            return
        after = dict.fromkeys(missing, 0)
        filters: dict[date, Bloom] = {}
        for row in await c.execute(_FILTERS, {"partition": partition, "days": missing}):
            filters[row.day] = Bloom(bytearray(row.bits))
            after[row.day] = row.through
        tails, last = await self._rows(c, partition, after)
        rebuild = [d for d in missing if d < today - _DAY and (d not in filters or len(tails[d]) > _TAIL) and tails[d]]
        again = {day: 0 for day in rebuild if day in filters}
        if again:
            tails.update((await self._rows(c, partition, again))[0])
        for day in missing:
            if day in rebuild:
                remembered[day] = _Day(closed=Bloom.of(tails[day], len(tails[day])))
            else:
                remembered[day] = _Day(known=tails[day], closed=filters.get(day))
        if rebuild:
            await c.execute(
                _KEEP_FILTERS,
                {
                    "partition": partition,
                    "days": rebuild,
                    "throughs": [last[day] for day in rebuild],
                    "bits": [closed.tobytes() for day in rebuild if (closed := remembered[day].closed) is not None],
                },
            )

    @staticmethod
    async def _rows(
        c: AsyncConnection, partition: int, after: dict[date, int]
    ) -> tuple[dict[date, set[bytes]], dict[date, int]]:
        found: dict[date, set[bytes]] = {day: set() for day in after}
        last = dict(after)
        parameters = {"partition": partition, "days": list(after), "after": list(after.values())}
        for row in await c.execute(_ROWS, parameters):
            found[row.day].update(_unpack(row.digests))
            last[row.day] = max(last[row.day], row.id)
        return found, last

    async def _read_hits(
        self, c: AsyncConnection, partition: int, of: Sequence[date], digests: Sequence[bytes]
    ) -> dict[date, set[bytes]]:
        """The rows of the closed days whose filter says "perhaps" to one of the digests."""
        remembered = self._days[partition]
        hit = {
            near
            for day, digest in zip(of, digests, strict=True)
            for near in _around(day)
            if (closed := remembered[near].closed) is not None and digest in closed
        }
        found: dict[date, set[bytes]] = defaultdict(set)
        if hit:
            found.update((await self._rows(c, partition, dict.fromkeys(hit, 0)))[0])
        return found


async def trim(c: AsyncConnection, now: datetime) -> None:
    """Forget claims that are older than their term: 50 days, 415 for history."""
    days = {"day": (now - KEPT).date(), "history_day": (now - KEPT_HISTORY).date()}
    await c.execute(_TRIM, days)
    await c.execute(_TRIM_FILTERS, {"history_day": days["history_day"]})

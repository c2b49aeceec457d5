"""What is counted of each source of evidence by hour, and what was decided: which are interrupted, and since when; and
which drops of NPS were told.

Each partition counts its own events, in the transaction that folds them; whoever owns the partition of `$company` adds
them up, once all partitions have counted an hour, and decides. What was decided is read by all.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import bindparam, delete, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring import tables as t
from services.scoring.core.interruptions import KEPT, REMEMBERED, Interruption, lost_days
from services.scoring.core.scorecard import Rules
from shared.pg import bulk

_hours, _counted, _interruptions = t.source_hours.c, t.counted_hours.c, t.interruptions.c
_COUNT = bulk.Insert(
    t.source_hours,
    ("source", "hour", "events"),
    same=("partition",),
    set=lambda new: {"events": _hours.events + new.events},
)
_new = insert(t.counted_hours)
_CLOSE = _new.on_conflict_do_update(index_elements=[_counted.partition], set_={"counted": _new.excluded.counted})
_BEGIN = insert(t.counted_hours).on_conflict_do_nothing()
_FORGET = delete(t.source_hours).where(_hours.partition == bindparam("of"), _hours.hour < bindparam("first"))
_COUNTED_BY_ALL = select(func.min(_counted.counted))
_JUDGED = select(func.max(_counted.judged))
_SENT = (
    select(_hours.source, _hours.hour, func.sum(_hours.events))
    .where(_hours.hour <= bindparam("until"))
    .group_by(_hours.source, _hours.hour)
)
_ALL: Final = select(*(_interruptions[name] for name in ("source", "since", "until", "sent", "usual"))).order_by(
    _interruptions.since
)
_KEEP = bulk.Insert(t.interruptions, ("source", "since", "until", "sent", "usual"), update=("until",))
_drops = t.nps_drops.c
_TELL = bulk.Insert(t.nps_drops, ("kind", "product", "day"), update=("day",))
_IMPORTS: Final = select(exists().where(t.in_imports))
_FORGET_PAST = delete(t.interruptions).where(_interruptions.until < bindparam("first"))


class Known(NamedTuple):
    """What was decided: after which hour, and all that is remembered of interruptions, the first to begin first."""

    judged: int | None
    interruptions: tuple[Interruption, ...]

    @property
    def since(self) -> dict[str, datetime]:
        """The sources that are interrupted, since when."""
        return {one.source: one.since_at for one in self.interruptions if one.until is None}

    def rules(self, rules: Rules) -> Rules:
        """By which accounts are judged: without the days in which usage or interactions were not heard of."""
        lost = (lost_days(self.interruptions, source) for source in ("usage", "interactions"))
        return rules.leaving_out(*lost)


async def begin(c: AsyncConnection, partition: int) -> None:
    """Note that there is such a partition: nothing is judged before it has counted."""
    await c.execute(_BEGIN, {"partition": partition, "counted": -1})


async def count(c: AsyncConnection, partition: int, events: Mapping[tuple[str, int], int]) -> None:
    """Add to what a partition counted, by source and hour."""
    counted = [(*key, number) for key, number in sorted(events.items())]
    await bulk.later(c, _COUNT.of(counted, partition=partition))


async def close_hour(c: AsyncConnection, partition: int, hour: int) -> None:
    """Note that a partition has counted all of an hour; what is too old to compare is forgotten."""
    await c.execute(_CLOSE, {"partition": partition, "counted": hour})
    await c.execute(_FORGET, {"of": partition, "first": hour - KEPT})


async def counted_by_all(c: AsyncConnection) -> int:
    """The last hour of which every partition has counted all."""
    return int((await c.execute(_COUNTED_BY_ALL)).scalar_one())


async def known(c: AsyncConnection) -> Known:
    """What was decided last."""
    judged = (await c.execute(_JUDGED)).scalar_one()
    return Known(judged, tuple(Interruption(*row) for row in await c.execute(_ALL)))


async def next_told(c: AsyncConnection, partition: int) -> int:
    """The number of what is told next about ourselves, from 1 on."""
    told = update(t.counted_hours).where(_counted.partition == partition).values(told=_counted.told + 1)
    return int((await c.execute(told.returning(_counted.told))).scalar_one())


async def sent(c: AsyncConnection, until: int) -> dict[str, dict[int, int]]:
    """What each source sent by hour, over all partitions."""
    found: dict[str, dict[int, int]] = {}
    for source, hour, events in await c.execute(_SENT, {"until": until}):
        found.setdefault(source, {})[hour] = int(events)
    return found


async def keep(c: AsyncConnection, partition: int, hour: int, changed: tuple[Interruption, ...]) -> None:
    """Write down what was decided after an hour."""
    await _KEEP(c, [(one.source, one.since, one.until, one.sent, one.usual) for one in changed])
    await c.execute(_FORGET_PAST, {"first": hour - REMEMBERED})
    await c.execute(update(t.counted_hours).where(_counted.partition == partition).values(judged=hour))


async def compared(c: AsyncConnection, partition: int) -> int | None:
    """The last day on which NPS was compared."""
    return (await c.execute(select(_counted.compared).where(_counted.partition == partition))).scalar_one_or_none()


async def imports(c: AsyncConnection) -> bool:
    """Whether history is being told of any account."""
    return bool((await c.execute(_IMPORTS)).scalar_one())


async def drops_told(c: AsyncConnection, since: int) -> set[tuple[str, str | None]]:
    """Of which kind and product a drop was told on that day or since."""
    found = await c.execute(select(_drops.kind, _drops.product).where(_drops.day >= since))
    return {(kind, product or None) for kind, product in found}


async def keep_compared(c: AsyncConnection, partition: int, day: int, told: Iterable[tuple[str, str | None]]) -> None:
    """Write down that NPS was compared on a day, and which drops were told."""
    await _TELL(c, [(kind, product or "", day) for kind, product in told])
    await c.execute(update(t.counted_hours).where(_counted.partition == partition).values(compared=day))

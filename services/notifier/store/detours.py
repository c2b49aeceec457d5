"""What came to its end without arriving goes on by the next road, in the transaction that ends it: nothing is lost by a
crash between the two, and no road is taken twice."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier import preferences
from services.notifier import tables as t
from services.notifier.core.amending import WORD
from services.notifier.core.grouping import place
from services.notifier.core.preferring import free_at, wanted
from services.notifier.core.roads import Tried, detour_id, led_to, next_road
from services.notifier.core.routing import Route, Setup
from services.notifier.store.told import decode
from shared.messages.actions import ActionRequested, Recipient
from shared.messages.preferences import Preferences
from shared.pg import bulk

_d = t.deliveries
_SAME: Final = ("action_id", "account_id", "partition", "kind", "playbook", "item_id", "task_id", "contact_id")
_SAME_TOO: Final = (
    *("recipient", "action", "traceparent", "caused_at", "erased", "accounts"),
    *("item_stands", "task_stands"),
)
_KEPT: Final = (*_SAME, *_SAME_TOO)
FIRST: Final = func.coalesce(_d.c.instead_of, _d.c.id)
"""The delivery that was the first of its roads."""
DETOUR: Final = case((_d.c.instead_of.is_not(None), _d.c.because)).label("detour")
"""Why it comes by this road, when another was taken before."""
_FAILED: Final = select(FIRST.label("first"), _d.c.id, *(_d.c[name] for name in _KEPT)).where(
    # What brings a message up to date goes where that is, and a word for whoever clicked nowhere else.
    bulk.among(_d.c.id, "ids"),
    _d.c.amends.is_(None),
    _d.c.kind != bulk.word(WORD),
    _d.c.cancelled_because.is_(None),
)
_ROADS: Final = select(
    FIRST.label("first"), *(_d.c[name] for name in ("id", "road", "transport", "target", "reason", "uncertain"))
).order_by(_d.c.road)
_FIRSTS: Final = _ROADS.where(bulk.among(_d.c.id, "ids"))
_LATER: Final = _ROADS.where(bulk.among(_d.c.instead_of, "ids"))
_TAKE: Final = bulk.Insert(
    _d,
    (*("id", "instead_of", "road", "transport", "target", "shared", "because", "group_key", "due_at"), *_KEPT),
    same=("state", "created_at"),
    nothing=True,
)


async def take(
    c: AsyncConnection, failed: Collection[str], setup: Setup, now: datetime
) -> tuple[set[str], bulk.Write | None]:
    """Find the next road of each of these deliveries, which have just failed. Returns which go on, and what writes
    that. Whoever hears of it now is left in peace in their quiet hours."""
    rows = (await c.execute(_FAILED, {"ids": sorted(failed)})).all() if failed else []
    firsts = {"ids": sorted({row.first for row in rows})}
    roads: dict[str, list[Any]] = defaultdict(list)
    for asked in (_FIRSTS, _LATER) if rows else ():
        for road in await c.execute(asked, firsts):
            roads[road.first].append(road)
    found = [one for row in rows if (one := _detour(row, roads[row.first], setup)) is not None]
    known = await preferences.of(c, [one.reader for one in found if one.reader is not None])
    new = [one.row(now if one.reader is None else _free_at(one, wanted(known, one.reader), now)) for one in found]
    return {one.failed.id for one in found}, _TAKE.of(new, state="waiting", created_at=now)


class _Detour(NamedTuple):
    failed: Any
    action: ActionRequested
    to: Route
    road: int
    reader: Recipient | None

    def row(self, due_at: datetime) -> tuple[Any, ...]:
        """As `_TAKE` has it."""
        first, to = self.failed.first, self.to
        own = (detour_id(first, self.road), first, self.road, to.transport, to.target, to.shared, to.because)
        group = place(self.action, to, due_at).group
        return *own, group, due_at, *(getattr(self.failed, name) for name in _KEPT)


def _free_at(one: _Detour, wants: Preferences, now: datetime) -> datetime:
    return free_at(one.action.severity, wants, one.reader, now)


def _detour(row: Any, roads: Sequence[Any], setup: Setup) -> _Detour | None:
    # One that was tried again by hand has gone on by another road before.
    if not roads or roads[-1].id != row.id:
        return None
    action = decode(row.action)
    tried = [Tried(one.transport, one.target, one.reason, one.uncertain > 0) for one in roads]
    to = next_road(action, setup, tried)
    if to is None:
        return None
    return _Detour(row, action, to, roads[-1].road + 1, led_to(action, to))

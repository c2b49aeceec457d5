"""Roads that are broken, and what ops are told of them: once, in the transaction that notes that they were."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import bindparam, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier import tables as t
from services.notifier.core import breaks
from services.notifier.core.breaks import Break, Place
from services.notifier.core.grouping import ALONE
from services.notifier.core.retry import CLOCKS_APART
from services.notifier.core.routing import Route
from services.notifier.store.leases import Statement
from shared.messages.actions import ActionRequested
from shared.pg import bulk

_r, _d = t.roads, t.deliveries
_COLUMNS: Final = tuple(_r.c[name] for name in Break._fields)
_ALL: Final = select(*_COLUMNS).order_by(_r.c.transport, _r.c.target)
_UNTOLD: Final = _ALL.where(_r.c.told_at.is_(None)).with_for_update(skip_locked=True)
_IS_IT: Final = (_r.c.transport == bindparam("on_transport"), _r.c.target == bindparam("at_target"))
_TOLD: Final = update(_r).where(*_IS_IT).values(told_at=bindparam("now"))
_AT: Final = bindparam("at", type_=_r.c.broken_since.type)
_MEND: Final = (
    delete(_r)
    # A clock may have been ahead when it broke.
    .where(*_IS_IT, or_(_r.c.broken_since < _AT, _r.c.broken_since > _AT + CLOCKS_APART))
    .returning(*_COLUMNS)
)
# What is broken already is so since then.
_NOTE: Final = bulk.Insert(_r, ("transport", "target", "reason"), same=("broken_since",), nothing=True)
_TO_OPS: Final = bulk.Insert(
    _d,
    (
        *(
            "id",
            "action_id",
            "account_id",
            "partition",
            "kind",
            "playbook",
            "recipient",
            "transport",
            "target",
            "shared",
        ),
        *("because", "group_key", "action"),
    ),
    same=("state", "due_at", "created_at"),
    nothing=True,
)
_SOME_PARTITION: Final = 0
"""Of what belongs to no account: its end is told to nobody who waits for it."""


def load() -> Statement:
    """Asks for all roads that are broken."""
    return _ALL, {}


async def note(c: AsyncConnection, broken: Mapping[Place, str], now: datetime) -> None:
    """Note that roads are broken, and why."""
    await _NOTE(c, [(*place, reason) for place, reason in broken.items()], broken_since=now)


async def tell(c: AsyncConnection, channels: Sequence[str], broken: Collection[Place], now: datetime) -> list[Break]:
    """Tell ops of what is broken and they have not heard of, by the first of these channels that works. Returns what
    they are told of."""
    told = []
    for row in (await c.execute(_UNTOLD)).all():
        one = Break._make(row)
        to = breaks.road_to_ops(channels, broken)
        if to is not None:
            id = breaks.message_id(one, "broken")
            await _send(c, id, breaks.told_broken(one, id, to), to, now)
            await c.execute(_TOLD, {"on_transport": one.transport, "at_target": one.target, "now": now})
            told.append(one)
    return told


async def mend(
    c: AsyncConnection,
    works: Mapping[Place, datetime],
    channels: Sequence[str],
    broken: Collection[Place],
    now: datetime,
) -> list[Break]:
    """Forget the breaks of roads by which something has arrived since, and tell ops if they had heard. Returns them."""
    mended = []
    for (transport, target), at in works.items():
        for row in await c.execute(_MEND, {"on_transport": transport, "at_target": target, "at": at}):
            mended.append(Break._make(row))
    for one in mended:
        to = breaks.road_to_ops(channels, {*broken} - {*works})
        if to is not None and one.told_at is not None:
            id = breaks.message_id(one, "works")
            await _send(c, id, breaks.told_mended(one, id, to, works[one.place]), to, now)
    return mended


async def _send(c: AsyncConnection, id: str, action: ActionRequested, to: Route, now: datetime) -> None:
    where: tuple[Any, ...] = (to.transport, to.target, to.shared, "", f"{ALONE}{id}", msgspec.json.encode(action))
    about = (id, action.action_id, action.account.id, _SOME_PARTITION, action.kind, action.playbook)
    recipient = action.recipient.id if action.recipient is not None else ""
    await _TO_OPS(c, [(*about, recipient, *where)], state="waiting", due_at=now, created_at=now)

"""Who is away or gone: whose accounts are to be looked at, who they were, and the lists of what moved."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import ColumnElement, and_, bindparam, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.playbooks import tables as t
from services.playbooks.core.changes import ACCOUNT_KEY
from services.playbooks.core.directory import Csm, Directory
from services.playbooks.core.item import OPEN, Item
from services.playbooks.core.moved import MovedItem
from services.playbooks.core.presence import changes_at
from services.playbooks.core.workinghours import OFFICE
from shared.messages.preferences import Preferences
from shared.pg import bulk
from shared.pg.bulk import among, one_of
from shared.worker import timers

_i, _p, _m = t.items.c, t.known_people.c, t.moved.c
_KEEP: Final = bulk.Insert(
    t.known_people, ("csm_id", "body"), update=("body",), where=lambda new: t.known_people.c.body != new.body
)
_FORMER: Final = select(_p.body).where(among(_p.csm_id, "ids"))
_WAS_HERE: Final = or_(_i.assignee.not_like("%@%"), _i.assignee.in_(select(_p.csm_id)))
_HAS_GONE: Final = and_(_i.assignee.is_not(None), _WAS_HERE, ~among(_i.assignee, "people"))
IS_NOBODYS: Final = and_(one_of(_i.state, sorted(OPEN)), or_(_i.last_resort, _HAS_GONE))
"""It lies with the last resort, or with somebody who is gone."""
_HERE: Final = (
    select(_i.account_id, _i.assignee, _i.stands_for, _i.not_before, _i.delivery)
    .join_from(t.items, t.accounts, _i.account_id == t.accounts.c.account_id)
    .where(t.accounts.c.partition == bindparam("partition"), one_of(_i.state, sorted(OPEN)))
)
_TO_MOVE: Final = _HERE.where(or_(among(_i.assignee, "absent"), _i.stands_for.is_not(None), IS_NOBODYS))
_SAVE: Final = bulk.Insert(
    t.moved, MovedItem._fields, update=("whose", "to", "why", "at"), set=lambda _: {"sent_in": None}
)


async def keep(c: AsyncConnection, people: Directory) -> None:
    """Remember who is in the directory, for the day on which somebody isn't any more."""
    known = (
        msgspec.structs.replace(one.with_preferences(Preferences()), hours=OFFICE, away=(), left=None)
        for one in people.csms
    )
    await _KEEP(c, [(one.id, one) for one in known])


async def former(c: AsyncConnection, ids: Sequence[str]) -> dict[str, Csm]:
    """Who these were, as they were known last."""
    rows = (await c.execute(_FORMER, {"ids": list(ids)})).scalars() if ids else ()
    return {one.id: one for one in rows}


async def wake(c: AsyncConnection, partition: int, people: Directory, now: datetime) -> None:
    """Have a look at the accounts of whoever is away or leaves when their work is to move, which may be now; and soon
    where something lies with nobody, or with who stands in, or would be brought to who is not there to read it."""
    moves = {one.id: at for one in people.csms if (at := changes_at(one, people.absence, now)) is not None}
    asked = {"partition": partition, "absent": [*moves], "people": ids_of(people)}
    rows = await c.execute(_TO_MOVE, asked)
    due = dict[str, datetime]()
    for row in rows:
        waits = not row.delivery and row.not_before is not None and row.not_before > now
        at = now if waits or row.stands_for is not None else moves.get(row.assignee, now)
        due[row.account_id] = min(at, due.get(row.account_id, at))
    await timers.set_earlier(c, partition, {ACCOUNT_KEY + account: at for account, at in due.items()})


def ids_of(people: Directory) -> list[str] | None:
    """Everybody who is in the directory. None where it is empty: of nothing nobody has gone."""
    return [one.id for one in people.csms] or None


async def list_moved(c: AsyncConnection, moved: Iterable[MovedItem]) -> None:
    """Put these on their lists."""
    await _SAVE(c, moved)


async def lock_moved(c: AsyncConnection, list_id: str) -> datetime | None:
    """When the last of a list moved that nobody has heard of yet; None when all is told.

    The accounts lie in all partitions: the first whose timer finds that nothing more came sends for all.
    """
    await c.execute(select(func.pg_advisory_xact_lock(func.hashtext("keepwell playbooks moved " + list_id))))
    last: datetime | None = (await c.execute(select(func.max(_m.at)).where(_unsent(list_id)))).scalar_one()
    return last


async def take_moved(c: AsyncConnection, list_id: str, now: datetime) -> list[tuple[MovedItem, Item]]:
    """What moved and nobody has heard of yet; it is on a list then."""
    columns = (*(_m[name] for name in MovedItem._fields), *(_i[name] for name in Item._fields))
    asked = select(*columns).join_from(t.moved, t.items, _i.id == _m.item_id).where(_unsent(list_id))
    rows = (await c.execute(asked.order_by(_i.opened_at, _i.id))).all()
    await c.execute(update(t.moved).where(_unsent(list_id)).values(sent_in=now.isoformat()))
    width = len(MovedItem._fields)
    return [(MovedItem(*row[:width]), Item(*row[width:])) for row in rows]


def _unsent(list_id: str) -> ColumnElement[bool]:
    return (_m.list_id == list_id) & _m.sent_in.is_(None)

"""The recorded days of accounts: read back account by account, and forgotten after 400 days."""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import ARRAY, Date, LargeBinary, Text, bindparam, func, select, true, type_coerce
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncConnection

from services.playbooks import tables as t
from services.playbooks.core.days import Before, Past
from services.playbooks.core.recording import past_of
from shared.messages.erasing import Forgetting
from shared.pg import bulk
from shared.pg.retention import Term, forgetting, is_past
from shared.pg.uow import UnitOfWork

KEPT: Final = timedelta(days=400)
_AT_ONCE: Final = 100
"""Accounts that are read in one statement."""
_FORGET_AT_ONCE: Final = 250
_a, _d = t.accounts.c, t.days.c
_decode: Final = msgspec.msgpack.Decoder(Before).decode
_newest_first: Final = _d.day.desc()
_LATER: Final = (
    select(
        func.array_agg(aggregate_order_by(_d.day, _newest_first), type_=ARRAY(Date)).label("at"),
        # As they are stored: most are decoded only when somebody asks so far back.
        func.array_agg(
            aggregate_order_by(type_coerce(_d.record, LargeBinary), _newest_first), type_=ARRAY(LargeBinary)
        ).label("records"),
    )
    .where(_d.account_id == _a.account_id, _d.day > bindparam("since", type_=Date))
    .lateral("later")
)
_PASTS: Final = select(_a.standing, _LATER.c.at, _LATER.c.records).join_from(t.accounts, _LATER, true())
_NEXT: Final = _PASTS.where(_a.account_id > bindparam("after", type_=Text)).order_by(_a.account_id).limit(_AT_ONCE)
_THESE: Final = _PASTS.where(bulk.among(_a.account_id, "accounts")).order_by(_a.account_id)
_CLEAN: Final = bulk.Update(t.days, ("account_id", "day"), ("record",))


def oldest(now: datetime) -> date:
    """The first day that can be read back: what is older may have been forgotten."""
    return (now - KEPT).astimezone(UTC).date()


async def read(uow: UnitOfWork, since: date) -> AsyncIterator[list[Past]]:
    """The past of every account from the end of that day, in the order of their ids, some at a time."""
    after = ""
    while True:
        async with uow.begin() as c:
            rows = (await c.execute(_NEXT, {"since": since, "after": after})).all()
        if not rows:
            return
        # Unpacking takes a while: no transaction waits for it.
        yield _pasts(rows)
        after = rows[-1].standing.account


async def of(c: AsyncConnection, accounts: Sequence[str], since: date) -> list[Past]:
    """That of some accounts, in the order of their ids; those of which nothing is known are left out."""
    return _pasts(await c.execute(_THESE, {"since": since, "accounts": accounts}))


def _pasts(rows: Iterable[Any]) -> list[Past]:
    return [past_of(row.standing, _decoded(row.at or (), row.records or ())) for row in rows]


def _decoded(days: Sequence[date], records: Sequence[bytes]) -> Iterator[tuple[date, Before]]:
    return ((day, _decode(record)) for day, record in zip(days, records, strict=True))


forget = forgetting(
    Term(
        bulk.delete_some(t.days, is_past(_d.day), most=_FORGET_AT_ONCE),
        lambda now: oldest(now) + timedelta(days=1),
        _FORGET_AT_ONCE,
    )
)
"""Forgets what is older than 400 days: no row rests on an older one."""


async def clean(c: AsyncConnection, forgetting: Forgetting) -> None:
    """Forget somebody in the days of their account, whose row is locked; of an account that is erased all of them."""
    mine = _d.account_id == forgetting.account
    if forgetting.whole:
        await c.execute(t.days.delete().where(mine))
    else:
        rows = await c.execute(select(_d.day, _d.record).where(mine))
        cleaned = [(forgetting.account, day, record, _left(record, forgetting)) for day, record in rows]
        await _CLEAN(c, [(account, day, left) for account, day, record, left in cleaned if left != record])
    standing = _a.account_id == forgetting.account
    stands = (await c.execute(select(_a.standing).where(standing))).scalar_one_or_none()
    if stands is not None:
        before = Before(first=True) if forgetting.whole else _left(stands.before, forgetting)
        changed = t.accounts.update().where(standing)
        await c.execute(changed.values(standing=msgspec.structs.replace(stands, before=before)))


def _left(record: Before, forgetting: Forgetting) -> Before:
    was = {name: forgetting.fact(name, value) for name, value in record.was.items()}
    return Before(was, record.first)

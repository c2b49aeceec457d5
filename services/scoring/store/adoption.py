"""A partition goes over to other rules: it notes which, and its accounts are marked to be rescored, some at a time."""

from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import Text, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring import tables as t
from services.scoring.core.memory import Marking
from shared.pg import bulk

_AT_ONCE: Final = 500
"""Marked in one transaction, which what happens meanwhile waits for."""
_OURS = t.rules.c.partition == bindparam("of")
_new = insert(t.rules)
_NOTE = _new.on_conflict_do_update(
    index_elements=[t.rules.c.partition],
    set_={name: _new.excluded[name] for name in ("digest", "since", "marked_to")},
    where=t.rules.c.digest != _new.excluded.digest,
).returning(t.rules.c.partition)
_HOW_FAR = select(t.rules.c.since, t.rules.c.marked_to).where(_OURS)
_NEXT = (
    select(t.accounts.c.id)
    .where(t.accounts.c.partition == bindparam("of"), t.accounts.c.id > bindparam("after", type_=Text))
    .order_by(t.accounts.c.id)
    .limit(_AT_ONCE)
)
_MARK = (
    update(t.accounts)
    .values(marked_at=func.coalesce(t.accounts.c.marked_at, bindparam("since")), rescore=True)
    .where(bulk.among(t.accounts.c.id, "ids"), t.accounts.c.decision.is_not(None), ~t.accounts.c.gone)
    .returning(t.accounts.c.id)
)
_GOT_TO = update(t.rules).values(marked_to=bindparam("up_to", type_=Text)).where(_OURS)


class Marked(NamedTuple):
    """Accounts that wait from now on, and up to which all do; None: these were the last."""

    found: list[str]
    up_to: str | None


async def note(c: AsyncConnection, partition: int, digest: str, now: datetime) -> bool:
    """Note which rules the partition goes by. Returns whether these are others than before."""
    values = {"partition": partition, "digest": digest, "since": now, "marked_to": ""}
    return (await c.execute(_NOTE, values)).one_or_none() is not None


async def marking(c: AsyncConnection, partition: int) -> Marking | None:
    """How far marking has come; None where all are marked."""
    since, up_to = (await c.execute(_HOW_FAR, {"of": partition})).one()
    return None if up_to is None else Marking(since, up_to)


async def mark(c: AsyncConnection, partition: int, begun: Marking) -> Marked:
    """Mark some more accounts: which of them the rules concern, a look will say."""
    ids = list((await c.execute(_NEXT, {"of": partition, "after": begun.up_to})).scalars())
    found = list((await c.execute(_MARK, {"ids": ids, "since": begun.since})).scalars()) if ids else []
    up_to = ids[-1] if len(ids) == _AT_ONCE else None
    await c.execute(_GOT_TO, {"of": partition, "up_to": up_to})
    return Marked(found, up_to)

"""What was refused. Every function works in the caller's transaction."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Integer, LargeBinary, Text, bindparam, column, delete, exists, func, or_, select, true
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest.core.refusals import Kept, Room, Sought, sought
from services.ingest.tables import aliases, refused, refused_days
from shared.messages.erasing import Forgetting
from shared.pg import bulk
from shared.pg.retention import Term, forgetting, is_past, term

KEPT_FOR: Final = timedelta(days=30)

_begun = insert(refused_days)
_DAY: Final = (
    _begun.values(key=bindparam("of"), day=bindparam("on"), records=0, bytes=0, left_out=0)
    .on_conflict_do_update(index_elements=["key", "day"], set_={"key": _begun.excluded.key})
    .returning(refused_days.c.records, refused_days.c.bytes, refused_days.c.left_out)
)
_SET_DAY: Final = bulk.Update(refused_days, ("key", "day"), ("records", "bytes", "left_out"))
_ASKED: Final = bulk.given(refused.c.id, name="asked")
_KNOWN: Final = select(refused.c.id).join(_ASKED, refused.c.id == _ASKED.c.id)
_KEEP: Final = bulk.Insert(refused, Kept._fields, same=("at", "last_at"))
_AGAIN: Final = bulk.Update(
    refused, ("id",), ("code", "reason"), same=("last_at",), also=lambda _: {"times": refused.c.times + 1}
)
_DELETE: Final = bulk.Delete(refused, ("id",))
_ALIASES: Final = select(aliases.c.alias).where(aliases.c.account_id == bindparam("account", type_=Text))


def _holds(parameter: str) -> Any:
    """Whether the record holds one of these byte strings."""
    needle = (
        func.unnest(bindparam(parameter, type_=ARRAY(LargeBinary)))
        .table_valued(column("it", LargeBinary))
        .render_derived()
    )
    found = func.pg_catalog.position(refused.c.bytes, needle.c.it, type_=Integer) > 0
    return exists(select(1).select_from(needle).where(found))


_FORGET_ACCOUNT: Final = delete(refused).where(or_(bulk.among(refused.c.account, "names"), _holds("accounts")))
_FORGET_CONTACT: Final = delete(refused).where(
    _holds("theirs"),
    or_(bindparam("anywhere", type_=true().type), bulk.among(refused.c.account, "names"), _holds("accounts")),
)
forget_old = forgetting(
    term(refused, refused.c.last_at, KEPT_FOR),
    Term(bulk.delete_some(refused_days, is_past(refused_days.c.day), most=1000), lambda now: (now - KEPT_FOR).date()),
)
"""Forgets what was last refused 30 days ago."""


async def keep(c: AsyncConnection, records: Mapping[str, Kept], key: str, day: date, now: datetime) -> int:
    """Keep one key's records by their ids, as far as there is room; of those that are kept already, that they came
    again. Returns how many there was no room for."""
    before = Room(*(await c.execute(_DAY, {"of": key, "on": day})).one())
    known = set((await c.execute(_KNOWN, bulk.arrays(("id",), [(id,) for id in records], "asked"))).scalars())
    room, new = before.with_new(one for id, one in records.items() if id not in known)
    await _KEEP(c, new, at=now, last_at=now)
    await again(c, [records[id] for id in known], now)
    await _SET_DAY(c, [(key, day, *room)])
    return room.left_out - before.left_out


async def again(c: AsyncConnection, records: Iterable[Any], now: datetime) -> None:
    """Note of records that they were refused once more: they have an id, a code and a reason."""
    await _AGAIN(c, [(one.id, one.code, one.reason) for one in records], last_at=now)


async def remove(c: AsyncConnection, ids: Iterable[str]) -> None:
    """Keep these no longer."""
    await _DELETE(c, [(id,) for id in ids])


async def forget(c: AsyncConnection, forgetting: Forgetting) -> None:
    """Delete what is about who is erased; rather too much than too little."""
    names = [forgetting.account, *(await c.execute(_ALIASES, {"account": forgetting.account})).scalars()]
    by: Sought = sought(forgetting, names)
    if forgetting.whole:
        await c.execute(_FORGET_ACCOUNT, {"names": names, "accounts": by.accounts})
    else:
        parameters = {"names": names, "accounts": by.accounts, "theirs": by.theirs, "anywhere": not by.accounts}
        await c.execute(_FORGET_CONTACT, parameters)

"""Which users are at which accounts, and what events were taken to be of which. Each works in the caller's transaction.

What says only again what was said before it is forgotten after a day: by then nothing comes between the two.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Text, and_, bindparam, delete, exists, func, or_, select, true, union
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest.core.knowing import Stated, alias_of
from services.ingest.tables import aliases, resolved, waiting
from services.ingest.tables import known_users as known
from shared.messages.erasing import Forgetting
from shared.pg import bulk
from shared.pg.retention import forgetting, term

KEPT: Final = timedelta(hours=24)
"""How long it is kept of which account an event was taken to be, so that one that comes again is of the same."""
_NEAREST: Final = 4
"""Statements that are read on either side of an instant: the nearest may be other names that lead nowhere."""
_SOURCE: Final = bindparam("source", type_=known.c.source.type)
_SHOWN: Final = (known.c.user_id, known.c.at, known.c.other, known.c.account_id)
_ASKED: Final = bulk.given(known.c.user_id, known.c.at, name="asked")
_OF: Final = and_(known.c.source == _SOURCE, known.c.user_id == _ASKED.c.user_id)
_BY_THEN: Final = (
    select(*_SHOWN).where(_OF, known.c.at <= _ASKED.c.at).order_by(known.c.at.desc()).limit(_NEAREST).lateral("by_then")
)
_LATER: Final = (
    select(*_SHOWN).where(_OF, known.c.at > _ASKED.c.at).order_by(known.c.at).limit(_NEAREST).lateral("later")
)
_NEAR: Final = union(
    select(*_BY_THEN.c).select_from(_ASKED.join(_BY_THEN, true())),
    select(*_LATER.c).select_from(_ASKED.join(_LATER, true())),
)
_NAMED: Final = bulk.given(known.c.other, name="named")
_POINTING: Final = select(*_SHOWN).join(_NAMED, and_(known.c.source == _SOURCE, known.c.other == _NAMED.c.other))
_STATE: Final = bulk.Insert(
    known,
    ("user_id", "at", "other", "account_id"),
    same=("source",),
    set=lambda new: {"account_id": func.greatest(known.c.account_id, new.account_id)},
    where=lambda new: known.c.account_id < new.account_id,
)
_EVENT: Final = (resolved.c.source, resolved.c.id, resolved.c.user_id)
_IDS: Final = bulk.given(*_EVENT, name="event")
_RESOLVED: Final = select(*_EVENT, resolved.c.account_id).join(
    _IDS, and_(*(column == _IDS.c[column.name] for column in _EVENT))
)
_RESOLVE: Final = bulk.Insert(resolved, ("source", "id", "user_id", "account_id"), same=("at",), nothing=True)
_ACCOUNT: Final = bindparam("account", type_=Text)
_USER: Final = bindparam("user", type_=Text)
_UNKNOW: Final = (
    delete(known)
    .where(known.c.account_id == _ACCOUNT, or_(_USER.is_(None), known.c.user_id == _USER))
    .returning(known.c.source, known.c.user_id)
)
_UNLINK: Final = bulk.Delete(known, ("source", "other"), returning=(known.c.source, known.c.user_id))
_UNRESOLVE: Final = delete(resolved).where(
    resolved.c.account_id == _ACCOUNT, or_(_USER.is_(None), resolved.c.user_id == _USER)
)
_UNNAME: Final = delete(aliases).where(
    bulk.among(aliases.c.alias, "names"),
    aliases.c.account_id.is_not(None),
    ~exists().where(waiting.c.alias == aliases.c.alias),
)
_EARLIER: Final = known.alias("earlier")
_LAST: Final = (
    select(func.concat(_EARLIER.c.other, "\n", _EARLIER.c.account_id))
    .where(_EARLIER.c.source == known.c.source, _EARLIER.c.user_id == known.c.user_id, _EARLIER.c.at < known.c.at)
    .order_by(_EARLIER.c.at.desc())
    .limit(1)
    .scalar_subquery()
)
_LATELY: Final = known.c.at > bindparam("before", type_=known.c.at.type) - 2 * KEPT
"""What was looked through for two days is let be."""
forget = forgetting(
    term(resolved, resolved.c.at, KEPT),
    term(known, known.c.at, KEPT, _LATELY, func.concat(known.c.other, "\n", known.c.account_id) == _LAST),
)
"""Forgets what was resolved, and of users what says nothing new."""

Event = tuple[str, str, str]
"""An event's source, its id and its user: one id for two users may be two events, of two accounts."""


async def near(c: AsyncConnection, source: str, asked: Collection[tuple[str, datetime]]) -> list[Stated]:
    """What was said of these users about these times, and which names point to them."""
    if not asked:
        return []
    where = {"source": source, **bulk.arrays(("user_id", "at"), asked, "asked")}
    rows = [Stated(*row) for row in await c.execute(_NEAR, where)]
    users = bulk.arrays(("other",), sorted({(user,) for user, _ in asked}), "named")
    return rows + [Stated(*row) for row in await c.execute(_POINTING, {"source": source, **users})]


async def state(c: AsyncConnection, source: str, stated: Iterable[Stated]) -> None:
    """Keep what was said."""
    rows = {(one.user, one.at, one.other): one for one in sorted(stated, key=lambda one: one.account or "")}
    # In one order for all: two requests that say the same don't wait for each other in a circle.
    given = [(one.user, one.at, one.other, one.account) for _, one in sorted(rows.items())]
    await _STATE(c, given, source=source)


async def resolved_of(c: AsyncConnection, events: Collection[Event]) -> dict[Event, str]:
    """What these events were taken to be of, in the last day: an account, or the alias under which one waits."""
    rows = await c.execute(_RESOLVED, bulk.arrays(("source", "id", "user_id"), sorted(set(events)), "event"))
    return {(row.source, row.id, row.user_id): row.account_id for row in rows}


async def resolve(c: AsyncConnection, accounts: Mapping[Event, str], now: datetime) -> None:
    """Keep what these were taken to be of. The first to say so counts."""
    await _RESOLVE(c, [(*event, account) for event, account in sorted(accounts.items())], at=now)


async def forget_of(c: AsyncConnection, forgetting: Forgetting) -> None:
    """Forget who was at an account that is erased, or that one of its people was there."""
    asked = {"account": forgetting.account, "user": forgetting.contact_id}
    found = {(row.source, row.user_id) for row in await c.execute(_UNKNOW, asked)}
    found |= {(row.source, row.user_id) for row in await _UNLINK(c, sorted(found))}
    await c.execute(_UNNAME, {"names": sorted(alias_of(*one) for one in found)})
    await c.execute(_UNRESOLVE, asked)

"""What came in lately, as rows. Every function works in the caller's transaction."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import LargeBinary, Row, bindparam, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest.core.watched import Pair, Seen, digests_of, is_of_erased, texts_in
from services.ingest.store import aliases as store_aliases
from services.ingest.tables import aliases, forgotten, recent
from shared.messages.erasing import Forgetting, digest_of
from shared.pg import bulk
from shared.pg.retention import forgetting as forgetting_rows
from shared.pg.retention import term

KEPT: Final = 1_000
"""Rows, and as many of keys in test mode."""
_TERM: Final = timedelta(days=7)
_r: Final = recent.c
_COLUMNS: Final = tuple(one.name for one in _r if one.name != "id")
_NOTE: Final = bulk.Insert(recent, _COLUMNS)
_TEST: Final = bindparam("tested", type_=_r.test.type)
_FIRST_KEPT: Final = (
    select(_r.id).where(_r.test == _TEST).order_by(_r.id.desc()).offset(KEPT - 1).limit(1).scalar_subquery()
)
# Others may be at it as well: what one has in hand, the other leaves.
_TOO_MANY: Final = select(_r.id).where(_r.test == _TEST, _r.id < _FIRST_KEPT).with_for_update(skip_locked=True)
_TRIM: Final = delete(recent).where(_r.id.in_(_TOO_MANY))
_ERASED: Final = select(forgotten.c.account, forgotten.c.contact).where(
    or_(
        bulk.among(forgotten.c.account, "accounts"),
        bulk.among(forgotten.c.account, "texts"),
        bulk.among(forgotten.c.contact, "texts"),
    )
)
_ALIASES_OF: Final = select(aliases.c.alias).where(aliases.c.account_id == bindparam("account"))
_FORGET: Final = insert(forgotten).on_conflict_do_nothing()
_OF_ACCOUNT: Final = delete(recent).where(_r.understood.contains(bindparam("understood", type_=_r.understood.type)))
_NAMING: Final = delete(recent).where(func.position(bindparam("text", type_=LargeBinary).op("IN")(_r.sent)) > 0)
_AFTER: Final = select(*_r).where(_r.id > bindparam("after")).order_by(_r.id).limit(bindparam("most"))
_IDS: Final = select(_r.id).where(_r.id > bindparam("after"))
_THESE: Final = select(*_r).where(bulk.among(_r.id, "ids")).order_by(_r.id)
_LAST: Final = select(func.max(_r.id))
forget_old = forgetting_rows(term(recent, _r.at, _TERM))
"""Forgets what came more than a week ago."""


async def note(c: AsyncConnection, rows: Sequence[Seen]) -> None:
    """Keep these, but what is about somebody who was erased, and no more than so many in all."""
    named = {alias for one in rows for alias in one.accounts if ":" in alias}
    owners = await store_aliases.known(c, sorted(named))
    told = await _of_nobody_erased(c, [one.with_owners(owners) for one in rows])
    await _NOTE(c, [_row(one) for one in told])
    for test in {one.test for one in told}:
        await c.execute(_TRIM, {"tested": test})


def _row(one: Seen) -> list[Any]:
    values = {**msgspec.structs.asdict(one), "understood": msgspec.to_builtins(one.understood)}
    return [values[name] for name in _COLUMNS]


async def _of_nobody_erased(c: AsyncConnection, rows: Sequence[Seen]) -> list[Seen]:
    accounts = digests_of(name for one in rows for name in one.accounts)
    texts = digests_of(text for one in rows if not one.accounts for text in texts_in(one.sent))
    erased = [Pair(*row) for row in await c.execute(_ERASED, {"accounts": [*accounts], "texts": [*texts]})]
    return [one for one in rows if not is_of_erased(one, erased)] if erased else list(rows)


async def forget(c: AsyncConnection, forgetting: Forgetting, now: datetime) -> None:
    """Delete what was sent of the account whose somebody is erased, and what names them; and keep none of it again."""
    account, contact = forgetting.account, forgetting.contact_id
    digests = {"account": digest_of(account), "contact": digest_of(contact) if contact else ""}
    await c.execute(_FORGET, {**digests, "at": now})
    names = [account, *(await c.execute(_ALIASES_OF, {"account": account})).scalars()]
    for name in names:
        await c.execute(_OF_ACCOUNT, {"understood": [{"account": name}]})
    for name in names if contact is None else [contact]:
        await c.execute(_NAMING, {"text": msgspec.json.encode(name)})


class Wanted(NamedTuple):
    """Which rows are asked for; what is None is not asked about."""

    key: str | None = None
    account: str | None = None
    fate: str | None = None
    test: bool | None = None
    since: datetime | None = None

    def has(self, row: Row[Any]) -> bool:
        """Whether a row is one of them."""
        return (
            self.key in (None, row.key)
            and self.fate in (None, row.fate)
            and self.test in (None, row.test)
            and (self.since is None or row.at >= self.since)
            and (self.account is None or any(one.get("account") == self.account for one in row.understood))
        )


async def latest(c: AsyncConnection, wanted: Wanted, before: int | None, limit: int) -> list[Row[Any]]:
    """The latest of those that are asked for, newest first: before an id, and at most so many."""
    query = select(*_r).order_by(_r.id.desc()).limit(limit)
    if before is not None:
        query = query.where(_r.id < before)
    for name in ("key", "fate", "test"):
        if (value := getattr(wanted, name)) is not None:
            query = query.where(_r[name] == value)
    if wanted.since is not None:
        query = query.where(_r.at >= wanted.since)
    if wanted.account is not None:
        query = query.where(_r.understood.contains([{"account": wanted.account}]))
    return list((await c.execute(query)).all())


async def after(c: AsyncConnection, id: int, limit: int) -> list[Row[Any]]:
    """What was kept behind an id, in order."""
    return list((await c.execute(_AFTER, {"after": id, "most": limit})).all())


async def last_id(c: AsyncConnection) -> int:
    """The id of the newest row; 0 without any."""
    return (await c.execute(_LAST)).scalar_one() or 0


async def ids(c: AsyncConnection, after: int) -> list[int]:
    """The ids behind this one."""
    return list((await c.execute(_IDS, {"after": after})).scalars())


async def these(c: AsyncConnection, ids: Sequence[int]) -> list[Row[Any]]:
    """The rows with these ids, in order."""
    return list((await c.execute(_THESE, {"ids": list(ids)})).all()) if ids else []

"""Aliases, and the events that wait until somebody sets theirs. Every function works in the caller's transaction."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Text, bindparam, delete, exists, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest.core.checking import Checked
from services.ingest.core.resolving import Release, Waiting, value_of
from services.ingest.tables import aliases, waiting
from shared.pg import bulk

_SEE: Final = bulk.Insert(aliases, ("alias",), same=("seen_at",), nothing=True)
_ASKED: Final = bulk.given(aliases.c.alias, name="asked")
# A list of 10,000 names would be gone through for every row.
_KNOWN: Final = select(aliases.c.alias, aliases.c.account_id).join(_ASKED, aliases.c.alias == _ASKED.c.alias)
_LOCK: Final = _KNOWN.order_by(aliases.c.alias).with_for_update(of=aliases)
_SET: Final = bulk.Update(
    aliases, ("alias",), ("account_id",), same=("set_at",), where=lambda _: aliases.c.account_id.is_(None)
)
KEY: Final = ("source", "id", "alias", "day")
_WAIT: Final = bulk.Insert(waiting, (*KEY, "type", "time", "value", "headers"), same=("received_at",), nothing=True)
_WAITING: Final = tuple(waiting.c[name] for name in Waiting.__struct_fields__)
_key: Final = [waiting.c[name] for name in KEY]
_FIRST: Final = (
    select(*_key)
    .where(bulk.among(waiting.c.alias, "names"))
    .order_by(waiting.c.alias, waiting.c.received_at)
    .limit(bindparam("most"))
)
_TAKE: Final = delete(waiting).where(tuple_(*_key).in_(_FIRST)).returning(*_WAITING)
_STILL_WAITED_FOR: Final = select(aliases.c.alias).where(
    bulk.among(aliases.c.alias, "names"), exists().where(waiting.c.alias == aliases.c.alias)
)
_OLD: Final = bindparam("old", type_=Text)
_NEW: Final = bindparam("new", type_=Text)
_THERE: Final = waiting.alias("there")
_IS_THERE: Final = exists().where(
    *(_THERE.c[name] == (_NEW if name == "alias" else waiting.c[name]) for name in KEY),
)
_MOVE: Final = update(waiting).where(waiting.c.alias == _OLD, ~_IS_THERE).values(alias=_NEW)
_LEAVE: Final = delete(waiting).where(waiting.c.alias == _OLD)
_NOTE_RELEASE: Final = bulk.Update(aliases, ("alias",), ("release",))
_LOCK_RELEASE: Final = (
    select(aliases.c.alias, aliases.c.account_id, aliases.c.release)
    .where(aliases.c.release.is_not(None))
    .order_by(aliases.c.alias)
    .limit(1)
    .with_for_update()
)


async def lock(c: AsyncConnection, names: Sequence[str], now: datetime) -> dict[str, str | None]:
    """Make sure that each alias has a row, lock the rows in one order for all, and tell their accounts."""
    if not names:
        return {}
    await _SEE(c, [(name,) for name in names], seen_at=now)
    return {row.alias: row.account_id for row in await c.execute(_LOCK, _these(names))}


async def known(c: AsyncConnection, names: Sequence[str]) -> dict[str, str | None]:
    """The accounts of aliases, None where nobody has set one; nothing is written or locked."""
    found = {row.alias: row.account_id for row in await c.execute(_KNOWN, _these(names))} if names else {}
    return {name: found.get(name) for name in names}


def _these(names: Iterable[str]) -> dict[str, Any]:
    return bulk.arrays(("alias",), [(name,) for name in names], "asked")


async def give(c: AsyncConnection, accounts: Mapping[str, str], now: datetime) -> None:
    """Give locked aliases their accounts."""
    await _SET(c, accounts.items(), set_at=now)


async def keep_waiting(
    c: AsyncConnection, events: Sequence[Checked], headers: Mapping[str, str], now: datetime
) -> None:
    """Keep events whose locked alias has no account. Of equal ones the first stays as it was."""
    rows: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for e in events:
        key = (e.source, e.id, e.subject, e.time.astimezone(UTC).date())
        rows.setdefault(key, (*key, e.type, e.time, value_of(e), {**headers, "ce_type": e.type}))
    await _WAIT(c, rows.values(), received_at=now)


async def move(c: AsyncConnection, old: str, new: str) -> None:
    """Let what waits for a locked alias wait for another one, which is locked as well; what does already, once."""
    await c.execute(_MOVE, {"old": old, "new": new})
    await c.execute(_LEAVE, {"old": old})


async def take_waiting(c: AsyncConnection, names: Sequence[str], most: int) -> list[Waiting]:
    """Take out what waits for these locked aliases, in the order in which it came to each."""
    taken = [Waiting(*row) for row in await c.execute(_TAKE, {"names": list(names), "most": most})]
    return sorted(taken, key=lambda w: (w.alias, w.received_at, w.source, w.id))


async def still_waited_for(c: AsyncConnection, names: Iterable[str]) -> set[str]:
    """Which of these locked aliases something waits for."""
    return set((await c.execute(_STILL_WAITED_FOR, {"names": list(names)})).scalars())


async def note_release(c: AsyncConnection, releases: Mapping[str, str | None]) -> None:
    """Note of locked aliases whether there is more to move, and the import for what is old of it."""
    await _NOTE_RELEASE(c, releases.items())


async def lock_release(c: AsyncConnection) -> Release | None:
    """Lock an alias with something to move."""
    row = (await c.execute(_LOCK_RELEASE)).one_or_none()
    return None if row is None else Release(*row)

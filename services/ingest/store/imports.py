"""Imports of history. Every function works in the caller's transaction.

An import ends in two steps, because its publishes may be under way in other processes: from `ending` on nothing new is
let in, and when no publish is left the end itself is staged. A publish whose process died is waited for 60 s.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, delete, exists, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest.tables import import_publishes, imports
from shared.pg import bulk

SILENCE: Final = timedelta(hours=1)
"""An open import that nothing was sent for ends by itself."""
LEFT_BEHIND: Final = timedelta(seconds=60)

_LOCK: Final = (
    select(imports.c.id, imports.c.state)
    .where(bulk.among(imports.c.id, "ids"))
    .order_by(imports.c.id)
    .with_for_update(key_share=True)
)
_SEEN: Final = bulk.Update(imports, ("id",), (), same=("last_event_at",))
_BEGIN_PUBLISH: Final = bulk.Insert(import_publishes, ("id", "import_id"), same=("begun_at",))
_FORGET_PUBLISH: Final = bulk.Delete(import_publishes, ("id",))
_COUNT: Final = (
    update(imports).where(imports.c.id == bindparam("import")).values(events=imports.c.events + bindparam("more"))
)


async def open_import(c: AsyncConnection, id: str, name: str, actor: str, now: datetime) -> None:
    """Begin an import."""
    row = {"id": id, "name": name, "state": "open", "actor": actor, "opened_at": now, "last_event_at": now}
    await c.execute(insert(imports).values(row))


async def note_ended(c: AsyncConnection, id: str, name: str, events: int, now: datetime) -> None:
    """Write down an import that Keepwell made itself, of events that waited too long; or more events of it.

    It is ended from the first, because it takes nothing from anybody else.
    """
    row = {"id": id, "name": name, "state": "ended", "actor": "keepwell", "ended_by": "keepwell", "events": events}
    times = {"opened_at": now, "last_event_at": now, "ended_at": now}
    noted = upsert(imports).values({**row, **times})
    more = {"events": imports.c.events + noted.excluded.events, "last_event_at": now, "ended_at": now}
    await c.execute(noted.on_conflict_do_update(index_elements=[imports.c.id], set_=more))


async def admit(c: AsyncConnection, ids: Collection[str], publish: str, now: datetime) -> dict[str, bool]:
    """Which of these imports are open; those that are not there at all are left out.

    A publish of their events is noted as under way; until `confirm`, the import can't end. All lock in one order, so
    that two requests with the same imports never wait for each other.
    """
    is_open = {row.id: row.state == "open" for row in await c.execute(_LOCK, {"ids": list(ids)})}
    admitted = [id for id in is_open if is_open[id]]
    seen = _SEEN.of([(id,) for id in admitted], last_event_at=now)
    begun = _BEGIN_PUBLISH.of([(f"{publish}:{id}", id) for id in admitted], begun_at=now)
    await bulk.together(c, seen, begun)
    return is_open


async def confirm(c: AsyncConnection, publish: str, events: Mapping[str, int]) -> None:
    """The broker has confirmed a publish: count its events, by import."""
    counted = [(_COUNT, {"import": id, "more": events[id]}) for id in sorted(events)]
    # Of one import, as good as always, it is one statement; those of several are locked in one order.
    await bulk.together(c, _FORGET_PUBLISH.of([(f"{publish}:{id}",) for id in events]), *counted[:1])
    for statement, parameters in counted[1:]:
        await c.execute(statement, parameters)


async def begin_end(
    c: AsyncConnection, id: str, actor: str, *, act_on_found: bool, silent_since: datetime | None = None
) -> bool:
    """Let nothing new into an open import. False where it was not open, or not silent since then."""
    end = update(imports).values(state="ending", ended_by=actor, act_on_found=act_on_found)
    end = end.where(imports.c.id == id, imports.c.state == "open")
    if silent_since is not None:
        end = end.where(imports.c.last_event_at < silent_since)
    return (await c.execute(end)).rowcount == 1


async def finish_end(c: AsyncConnection, id: str, now: datetime) -> bool | None:
    """End an import that is ending and has no publish under way. Returns its act_on_found; None: not yet, or over."""
    ending = select(imports.c.act_on_found).where(imports.c.id == id, imports.c.state == "ending").with_for_update()
    act_on_found = (await c.execute(ending)).scalar_one_or_none()
    publishes = import_publishes.c.import_id == id
    under_way = select(exists().where(publishes, import_publishes.c.begun_at > now - LEFT_BEHIND))
    if act_on_found is None or (await c.execute(under_way)).scalar_one():
        return None
    await c.execute(delete(import_publishes).where(publishes))
    await c.execute(update(imports).where(imports.c.id == id).values(state="ended", ended_at=now))
    return bool(act_on_found)


async def silent(c: AsyncConnection, since: datetime) -> Sequence[str]:
    """Open imports that nothing was sent for since then."""
    quiet = select(imports.c.id).where(imports.c.state == "open", imports.c.last_event_at < since)
    return (await c.execute(quiet)).scalars().all()


async def ending(c: AsyncConnection) -> Sequence[str]:
    """Imports whose last publishes are waited for."""
    return (await c.execute(select(imports.c.id).where(imports.c.state == "ending"))).scalars().all()


async def is_noted(c: AsyncConnection, id: str) -> bool:
    """Whether there is an import with this id."""
    return bool((await c.execute(select(exists().where(imports.c.id == id)))).scalar_one())

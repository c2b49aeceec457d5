"""Ingest's SQL for imports of history. Every function works in the caller's transaction.

An import ends in two steps, because its publishes may be under way in other processes: from `ending` on nothing new is
let in, and when no publish is left the end itself is staged. A publish whose process died is waited for 60 s.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

SILENCE = timedelta(hours=1)
"""An open import that nothing was sent for ends by itself."""
LEFT_BEHIND = timedelta(seconds=60)

_OPEN = text(
    """
    INSERT INTO imports (id, name, state, actor, opened_at, last_event_at)
    VALUES (:id, :name, 'open', :actor, :now, :now)
    """
)
_OPENED_AND_ENDED = text(
    """
    INSERT INTO imports (id, name, state, actor, opened_at, last_event_at, ended_at, ended_by, events)
    VALUES (:id, :name, 'ended', 'keepwell', :now, :now, :now, 'keepwell', :events)
    ON CONFLICT (id) DO UPDATE
    SET events = imports.events + excluded.events, last_event_at = excluded.last_event_at, ended_at = excluded.ended_at
    """
)
_ADMIT = text("UPDATE imports SET last_event_at = :now WHERE id = :id AND state = 'open'")
_EXISTING = text("SELECT id FROM imports WHERE id = ANY(CAST(:ids AS text[]))")
_BEGIN_PUBLISH = text(
    """
    INSERT INTO import_publishes (id, import_id, begun_at)
    SELECT :publish || ':' || i, i, :now FROM unnest(CAST(:ids AS text[])) AS i
    """
)
_CONFIRM = text(
    """
    WITH gone AS (DELETE FROM import_publishes WHERE id = :publish || ':' || :id)
    UPDATE imports SET events = events + :events WHERE id = :id
    """
)
_END = text(
    """
    UPDATE imports SET state = 'ending', ended_by = :actor, act_on_found = :act_on_found
    WHERE id = :id AND state = 'open' AND (CAST(:before AS timestamptz) IS NULL OR last_event_at < :before)
    """
)
_SILENT = text("SELECT id FROM imports WHERE state = 'open' AND last_event_at < :before")
_ENDING = text("SELECT id FROM imports WHERE state = 'ending'")
_LOCK_ENDING = text("SELECT act_on_found FROM imports WHERE id = :id AND state = 'ending' FOR UPDATE")
_UNDER_WAY = text("SELECT count(*) FROM import_publishes WHERE import_id = :id AND begun_at > :since")
_FORGET_PUBLISHES = text("DELETE FROM import_publishes WHERE import_id = :id")
_ENDED = text("UPDATE imports SET state = 'ended', ended_at = :now WHERE id = :id")
_IMPORT = (
    "SELECT id, name, state, actor, opened_at, last_event_at, ended_at, ended_by, act_on_found, events FROM imports"
)
_ONE_IMPORT = text(f"{_IMPORT} WHERE id = :id")
_LIST_IMPORTS = text(
    f"{_IMPORT} WHERE (opened_at, id) < (:opened_at, :id) ORDER BY opened_at DESC, id DESC LIMIT :limit"
)


@dataclass(frozen=True, slots=True)
class Import:
    """History that is being sent, or was. `state` is open, ending or ended."""

    id: str
    name: str
    state: str
    actor: str
    opened_at: datetime
    last_event_at: datetime
    ended_at: datetime | None
    ended_by: str | None
    act_on_found: bool
    events: int


async def open_import(c: AsyncConnection, id: str, name: str, actor: str, now: datetime) -> None:
    """Begin an import."""
    await c.execute(_OPEN, {"id": id, "name": name, "actor": actor, "now": now})


async def note_ended(c: AsyncConnection, id: str, name: str, events: int, now: datetime) -> None:
    """Write down an import that Keepwell made itself, of events that waited too long; or more events of it.

    It is ended from the first, because it takes nothing from anybody else.
    """
    await c.execute(_OPENED_AND_ENDED, {"id": id, "name": name, "events": events, "now": now})


async def admit(c: AsyncConnection, ids: Sequence[str], publish: str, now: datetime) -> dict[str, bool]:
    """Which of these imports are open; those that are not there at all are left out.

    A publish of their events is noted as under way; until `confirm`, the import can't end.
    """
    existing = [row.id for row in await c.execute(_EXISTING, {"ids": list(ids)})]
    if not existing:
        return {}
    # One order for all, so that two requests with the same imports never wait for each other.
    is_open = [id for id in sorted(existing) if (await c.execute(_ADMIT, {"id": id, "now": now})).rowcount]
    if is_open:
        await c.execute(_BEGIN_PUBLISH, {"publish": publish, "ids": is_open, "now": now})
    return {id: id in is_open for id in existing}


async def confirm(c: AsyncConnection, publish: str, events: Mapping[str, int]) -> None:
    """The broker has confirmed a publish: count its events, by import."""
    for id in sorted(events):
        await c.execute(_CONFIRM, {"publish": publish, "id": id, "events": events[id]})


async def begin_end(
    c: AsyncConnection, id: str, actor: str, *, act_on_found: bool, silent_since: datetime | None = None
) -> bool:
    """Let nothing new into an open import. False where it was not open, or not silent since then."""
    how = {"actor": actor, "act_on_found": act_on_found, "before": silent_since}
    done = await c.execute(_END, {"id": id, **how})
    return done.rowcount == 1


async def finish_end(c: AsyncConnection, id: str, now: datetime) -> bool | None:
    """End an import that is ending and has no publish under way. Returns its act_on_found; None: not yet, or over."""
    act_on_found = (await c.execute(_LOCK_ENDING, {"id": id})).scalar_one_or_none()
    if act_on_found is None:
        return None
    if (await c.execute(_UNDER_WAY, {"id": id, "since": now - LEFT_BEHIND})).scalar_one():
        return None
    await c.execute(_FORGET_PUBLISHES, {"id": id})
    await c.execute(_ENDED, {"id": id, "now": now})
    return bool(act_on_found)


async def silent(c: AsyncConnection, since: datetime) -> list[str]:
    """Open imports that nothing was sent for since then."""
    return [row.id for row in await c.execute(_SILENT, {"before": since})]


async def ending(c: AsyncConnection) -> list[str]:
    """Imports whose last publishes are waited for."""
    return [row.id for row in await c.execute(_ENDING)]


async def one(c: AsyncConnection, id: str) -> Import | None:
    """An import by its id."""
    row = (await c.execute(_ONE_IMPORT, {"id": id})).mappings().one_or_none()
    return None if row is None else Import(**row)


async def page(c: AsyncConnection, before: tuple[datetime, str], limit: int) -> list[Import]:
    """Imports, the newest first."""
    rows = await c.execute(_LIST_IMPORTS, {"opened_at": before[0], "id": before[1], "limit": limit})
    return [Import(**row) for row in rows.mappings()]

"""Ingest's SQL for aliases and what waits for them. Every function works in the caller's transaction."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest.core.checking import Checked
from services.ingest.core.resolving import value_of

_SEE = text(
    """
    INSERT INTO aliases (alias, seen_at) SELECT a, :now FROM unnest(CAST(:names AS text[])) AS a ORDER BY a
    ON CONFLICT (alias) DO NOTHING
    """
)
_LOCK = text(
    """
    SELECT alias, account_id FROM aliases
    WHERE alias IN (
        SELECT unnest(CAST(:names AS text[])) UNION
        SELECT w.alias FROM waiting w
        JOIN unnest(CAST(:sources AS text[]), CAST(:ids AS text[])) AS e(source, id) USING (source, id)
    )
    ORDER BY alias FOR UPDATE
    """
)
_SET = text(
    """
    UPDATE aliases a SET account_id = n.account, set_at = :now
    FROM unnest(CAST(:names AS text[]), CAST(:accounts AS text[])) AS n(alias, account)
    WHERE a.alias = n.alias AND a.account_id IS NULL
    """
)
_WAIT = text(
    """
    INSERT INTO waiting (source, id, alias, type, time, received_at, value, headers)
    SELECT w.source, w.id, w.alias, w.type, w.time, :now, w.value, w.headers::jsonb
    FROM unnest(CAST(:sources AS text[]), CAST(:ids AS text[]), CAST(:aliases AS text[]), CAST(:types AS text[]),
                CAST(:times AS timestamptz[]), CAST(:values AS bytea[]), CAST(:headers AS text[]))
         AS w(source, id, alias, type, time, value, headers)
    ORDER BY w.source, w.id
    ON CONFLICT (source, id) DO UPDATE
    SET alias = excluded.alias, type = excluded.type, time = excluded.time, value = excluded.value,
        headers = excluded.headers
    WHERE waiting.alias <> excluded.alias AND waiting.alias = ANY(CAST(:locked AS text[]))
    """
)
_TAKE = text(
    """
    DELETE FROM waiting w USING (
        SELECT source, id FROM waiting WHERE alias = ANY(CAST(:names AS text[]))
        ORDER BY alias, received_at LIMIT :most
    ) AS first WHERE (w.source, w.id) = (first.source, first.id)
    RETURNING w.source, w.id, w.alias, w.type, w.time, w.received_at, w.value, w.headers
    """
)
_LEFT = text(
    "SELECT DISTINCT n FROM unnest(CAST(:names AS text[])) AS n WHERE EXISTS (SELECT FROM waiting WHERE alias = n)"
)
_NOTE_RELEASE = text(
    """
    UPDATE aliases a SET release = n.release
    FROM unnest(CAST(:names AS text[]), CAST(:releases AS text[])) AS n(alias, release) WHERE a.alias = n.alias
    """
)
_LOCK_RELEASE = text(
    "SELECT alias, account_id, release FROM aliases WHERE release IS NOT NULL ORDER BY alias LIMIT 1 FOR UPDATE"
)
_LIST_WAITING = text(
    """
    SELECT source, id, alias, type, time, received_at FROM waiting
    WHERE (received_at, source, id) > (:received_at, :source, :id)
    ORDER BY received_at, source, id LIMIT :limit
    """
)
_WAITING_BY_ALIAS = text(
    """
    SELECT alias, count(*) AS events, min(received_at) AS since FROM waiting
    GROUP BY alias ORDER BY since, alias LIMIT :limit
    """
)
_WORK = text(
    """
    SELECT EXISTS (SELECT FROM outbox) AS outbox, EXISTS (SELECT FROM aliases WHERE release IS NOT NULL) AS releases,
           EXISTS (SELECT FROM imports WHERE state <> 'ended') AS imports
    """
)
_COUNTS = text(
    """
    SELECT (SELECT count(*) FROM outbox) AS outbox, (SELECT count(*) FROM waiting) AS waiting,
           (SELECT count(*) FROM imports WHERE state <> 'ended') AS imports,
           (SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class
            WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r') AS bytes
    """
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """An event that was taken and waits until somebody sets its alias."""

    source: str
    id: str
    alias: str
    type: str
    time: datetime
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Released:
    """What waited, as it was kept."""

    waiting: Waiting
    value: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Counts:
    """How much of everything there is."""

    outbox: int
    waiting: int
    imports: int
    bytes: int


async def lock_aliases(
    c: AsyncConnection, names: Sequence[str], events: Sequence[Checked], now: datetime
) -> dict[str, str | None]:
    """Make sure that each alias has a row, lock the rows in one order for all, and tell their accounts.

    With them go the aliases under which some of the events wait already: they may have to be moved.
    """
    if not names:
        return {}
    await c.execute(_SEE, {"names": sorted(names), "now": now})
    keys = {"sources": [e.source for e in events], "ids": [e.id for e in events]}
    return {row.alias: row.account_id for row in await c.execute(_LOCK, {"names": list(names), **keys})}


async def set_aliases(c: AsyncConnection, accounts: Mapping[str, str], now: datetime) -> None:
    """Give locked aliases their accounts."""
    if accounts:
        await c.execute(_SET, {"names": list(accounts), "accounts": list(accounts.values()), "now": now})


async def keep_waiting(
    c: AsyncConnection, events: Sequence[Checked], headers: Mapping[str, str], locked: Iterable[str], now: datetime
) -> None:
    """Keep events whose locked alias has no account.

    One that is kept already stays as it was, unless it comes with another alias: then the newer one is right. It moves
    only from an alias that is locked, too: whoever releases what waits takes rows in another order.
    """
    if not events:
        return
    events = list({(e.source, e.id): e for e in events}.values())
    await c.execute(
        _WAIT,
        {
            "sources": [e.source for e in events],
            "ids": [e.id for e in events],
            "aliases": [e.subject for e in events],
            "types": [e.type for e in events],
            "times": [e.time for e in events],
            "values": [value_of(e) for e in events],
            "headers": [msgspec.json.encode({**headers, "ce_type": e.type}).decode() for e in events],
            "locked": list(locked),
            "now": now,
        },
    )


async def take_waiting(c: AsyncConnection, names: Sequence[str], most: int) -> list[Released]:
    """Take out what waits for these locked aliases, in the order in which it came to each."""
    rows = await c.execute(_TAKE, {"names": list(names), "most": most})
    found = [
        Released(Waiting(r.source, r.id, r.alias, r.type, r.time, r.received_at), bytes(r.value), r.headers)
        for r in rows
    ]
    return sorted(found, key=lambda r: (r.waiting.alias, r.waiting.received_at, r.waiting.source, r.waiting.id))


async def still_waited_for(c: AsyncConnection, names: Iterable[str]) -> set[str]:
    """Which of these locked aliases something waits for."""
    return {row.n for row in await c.execute(_LEFT, {"names": list(names)})}


async def note_release(c: AsyncConnection, releases: Mapping[str, str | None]) -> None:
    """Note of locked aliases whether there is more to move, and the import for what is old of it."""
    await c.execute(_NOTE_RELEASE, {"names": list(releases), "releases": list(releases.values())})


async def lock_release(c: AsyncConnection) -> tuple[str, str, str] | None:
    """Lock an alias with something to move: its name, its account and the import for what is old."""
    row = (await c.execute(_LOCK_RELEASE)).one_or_none()
    return None if row is None else (row.alias, row.account_id, row.release)


async def waiting_events(c: AsyncConnection, after: tuple[datetime, str, str], limit: int) -> list[Waiting]:
    """What waits, oldest first, after this place."""
    received_at, source, id = after
    rows = await c.execute(_LIST_WAITING, {"received_at": received_at, "source": source, "id": id, "limit": limit})
    return [Waiting(**row) for row in rows.mappings()]


async def waiting_by_alias(c: AsyncConnection, limit: int) -> list[dict[str, Any]]:
    """How many events wait for each alias, and since when; the longest first."""
    return [dict(row) for row in (await c.execute(_WAITING_BY_ALIAS, {"limit": limit})).mappings()]


async def work(c: AsyncConnection) -> tuple[bool, bool, bool]:
    """Whether there is something to relay, something to release, and whether there are imports to mind."""
    row = (await c.execute(_WORK)).one()
    return row.outbox, row.releases, row.imports


async def counts(c: AsyncConnection) -> Counts:
    """For the status and the gauges."""
    return Counts(**(await c.execute(_COUNTS)).mappings().one())

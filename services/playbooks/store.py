"""SQL of the work on accounts: standings, episodes, what they asked for. Works in the caller's transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.playbooks.core.assignment import Load
from services.playbooks.core.episode import Episode, Move
from services.playbooks.core.standing import Standing
from shared.messages.actions import ActionRequested


class Item(NamedTuple):
    """A task, an alert or a flag; the fields are the table's."""

    id: str
    action_id: str
    kind: str
    account_id: str
    episode_id: str
    playbook: str
    state: str
    assignee: str | None
    because: str
    opened_at: datetime
    due_at: datetime | None
    not_before: datetime | None
    request: ActionRequested
    snoozed_until: datetime | None = None
    escalated_at: datetime | None = None
    closed_at: datetime | None = None
    closed_by: str | None = None
    note: str = ""
    amount_minor: int | None = None
    currency: str | None = None
    delivery: str = ""


ITEM_COLUMNS: Final = ", ".join(f"i.{name}" if name != "request" else "i.request::text" for name in Item._fields)

_standings = msgspec.msgpack.Decoder(Standing)
_episodes = msgspec.json.Decoder(Episode)
_requests = msgspec.json.Decoder(ActionRequested)


class Account(NamedTuple):
    """An account's row."""

    partition: int
    standing: Standing


_LOCK_ACCOUNTS = text(
    """
    SELECT partition, standing FROM accounts WHERE account_id = ANY(CAST(:ids AS text[]))
    ORDER BY account_id FOR UPDATE
    """
)
_SAVE_ACCOUNTS = text(
    """
    INSERT INTO accounts (account_id, partition, rev, at, standing)
    SELECT n.id, :partition, n.rev, n.at, n.standing
    FROM unnest(CAST(:ids AS text[]), CAST(:revs AS bigint[]), CAST(:ats AS timestamptz[]), CAST(:standings AS bytea[]))
        AS n(id, rev, at, standing)
    ORDER BY n.id
    ON CONFLICT (account_id) DO UPDATE
    SET partition = excluded.partition, rev = excluded.rev, at = excluded.at, standing = excluded.standing
    """
)


async def lock_accounts(c: AsyncConnection, ids: Sequence[str]) -> dict[str, Account]:
    """The rows of these accounts, locked in one order."""
    rows = await c.execute(_LOCK_ACCOUNTS, {"ids": list(ids)})
    found = (Account(row.partition, _standings.decode(row.standing)) for row in rows)
    return {one.standing.account: one for one in found}


async def save_accounts(c: AsyncConnection, partition: int, standings: Sequence[Standing]) -> None:
    """Write how these accounts stand."""
    if standings:
        await c.execute(
            _SAVE_ACCOUNTS,
            {
                "partition": partition,
                "ids": [one.account for one in standings],
                "revs": [one.rev for one in standings],
                "ats": [one.at for one in standings],
                "standings": [msgspec.msgpack.encode(one) for one in standings],
            },
        )


_LOCK_EPISODES = text(
    """
    SELECT body::text FROM episodes WHERE account_id = ANY(CAST(:ids AS text[])) AND latest ORDER BY id FOR UPDATE
    """
)
_RETIRE_EPISODES = text("UPDATE episodes SET latest = false WHERE id = ANY(CAST(:ids AS text[]))")
_SAVE_EPISODES = text(
    """
    INSERT INTO episodes (id, account_id, playbook, version, state, latest, opened_at, fired_at, ended_at, body)
    SELECT n.id, n.account, n.playbook, n.version, n.state, n.latest, n.opened_at, n.fired_at, n.ended_at, n.body::jsonb
    FROM unnest(CAST(:ids AS text[]), CAST(:accounts AS text[]), CAST(:playbooks AS text[]), CAST(:versions AS text[]),
        CAST(:states AS text[]), CAST(:latest AS boolean[]), CAST(:opened AS timestamptz[]),
        CAST(:fired AS timestamptz[]), CAST(:ended AS timestamptz[]), CAST(:bodies AS text[]))
        AS n(id, account, playbook, version, state, latest, opened_at, fired_at, ended_at, body)
    ON CONFLICT (id) DO UPDATE
    SET state = excluded.state, latest = excluded.latest, fired_at = excluded.fired_at, ended_at = excluded.ended_at,
        body = excluded.body
    """
)


async def lock_episodes(c: AsyncConnection, accounts: Sequence[str]) -> list[Episode]:
    """The latest episode of each playbook of these accounts, locked in one order."""
    rows = await c.execute(_LOCK_EPISODES, {"ids": list(accounts)})
    return [_episodes.decode(body) for body in rows.scalars()]


async def save_episodes(c: AsyncConnection, episodes: Sequence[Episode], retired: Sequence[str]) -> None:
    """Write episodes; the `retired` ones (by id) have made room for a later one of their playbook and account."""
    if retired:
        await c.execute(_RETIRE_EPISODES, {"ids": list(retired)})
    if episodes:
        gone = set(retired)
        await c.execute(
            _SAVE_EPISODES,
            {
                "ids": [one.id for one in episodes],
                "accounts": [one.account for one in episodes],
                "playbooks": [one.playbook for one in episodes],
                "versions": [one.version for one in episodes],
                "states": [one.state for one in episodes],
                "latest": [one.id not in gone for one in episodes],
                "opened": [one.opened_at for one in episodes],
                "fired": [one.fired_at for one in episodes],
                "ended": [one.ended_at for one in episodes],
                "bodies": [msgspec.json.encode(one).decode() for one in episodes],
            },
        )


_SAVE_MOVES = text(
    """
    INSERT INTO moves (subject, at, before, after, reason, actor, readings)
    SELECT n.subject, n.at, n.before, n.after, n.reason, n.actor, n.readings::jsonb
    FROM unnest(CAST(:subjects AS text[]), CAST(:ats AS timestamptz[]), CAST(:befores AS text[]),
        CAST(:afters AS text[]), CAST(:reasons AS text[]), CAST(:actors AS text[]), CAST(:readings AS text[]))
        WITH ORDINALITY AS n(subject, at, before, after, reason, actor, readings, place)
    ORDER BY n.place
    """
)


async def save_moves(c: AsyncConnection, moves: Sequence[Move]) -> None:
    """Write moves, in order."""
    if moves:
        await c.execute(
            _SAVE_MOVES,
            {
                "subjects": [one.subject for one in moves],
                "ats": [one.at for one in moves],
                "befores": [one.before for one in moves],
                "afters": [one.after for one in moves],
                "reasons": [one.reason for one in moves],
                "actors": [one.actor for one in moves],
                "readings": [msgspec.json.encode(one.readings).decode() if one.readings else None for one in moves],
            },
        )


_TYPES: Final = {
    "opened_at": "timestamptz",
    "due_at": "timestamptz",
    "not_before": "timestamptz",
    "snoozed_until": "timestamptz",
    "escalated_at": "timestamptz",
    "closed_at": "timestamptz",
    "amount_minor": "bigint",
}
_NAMES: Final = ", ".join(Item._fields)
_SAVE_ITEMS = text(
    f"""
    INSERT INTO items AS i ({_NAMES})
    SELECT {", ".join(f"n.{name}" if name != "request" else "n.request::jsonb" for name in Item._fields)}
    FROM unnest({", ".join(f"CAST(:{name} AS {_TYPES.get(name, 'text')}[])" for name in Item._fields)}) AS n({_NAMES})
    ON CONFLICT (id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in Item._fields if name != "id")}
    """  # noqa: S608 - constants only
)
_LOCK_ITEMS = text(
    f"""
    SELECT {ITEM_COLUMNS} FROM items i
    WHERE i.id = ANY(CAST(:ids AS text[])) OR i.action_id = ANY(CAST(:ids AS text[])) ORDER BY i.id FOR UPDATE
    """  # noqa: S608 - constants only
)
_LOCK_TIMED = text(
    f"""
    SELECT {ITEM_COLUMNS} FROM items i
    WHERE i.account_id = ANY(CAST(:accounts AS text[])) AND (i.state = 'snoozed'
        OR (i.state = 'open' AND i.kind = 'task' AND i.due_at IS NOT NULL AND i.escalated_at IS NULL))
    ORDER BY i.id FOR UPDATE
    """  # noqa: S608 - constants only
)
_LOCK_OPEN = text(
    f"""
    SELECT {ITEM_COLUMNS} FROM items i
    WHERE i.account_id = ANY(CAST(:accounts AS text[])) AND i.state IN ('open', 'snoozed', 'acknowledged')
    ORDER BY i.id FOR UPDATE
    """  # noqa: S608 - constants only
)
_SETTLED = text(
    """
    UPDATE items SET delivery = n.state
    FROM unnest(CAST(:actions AS text[]), CAST(:states AS text[])) AS n(action_id, state)
    WHERE items.action_id = n.action_id
    """
)


def item_of(row: Any) -> Item:
    """A row of `ITEM_COLUMNS` as an item."""
    fields = dict(zip(Item._fields, row, strict=True))
    return Item(**{**fields, "request": _requests.decode(fields["request"])})


async def save_items(c: AsyncConnection, items: Sequence[Item]) -> None:
    """Write items, new or moved."""
    if items:
        rows = [one._replace(request=msgspec.json.encode(one.request).decode()) for one in items]  # type: ignore[arg-type]
        await c.execute(_SAVE_ITEMS, dict(zip(Item._fields, map(list, zip(*rows, strict=True)), strict=True)))


async def lock_items(c: AsyncConnection, ids: Sequence[str]) -> list[Item]:
    """Items by their own ids, or by the id of the action that told of them last."""
    return [item_of(row) for row in await c.execute(_LOCK_ITEMS, {"ids": list(ids)})]


async def lock_timed(c: AsyncConnection, accounts: Sequence[str]) -> list[Item]:
    """What time alone will move: open tasks that are not escalated yet, and snoozed alerts."""
    return [item_of(row) for row in await c.execute(_LOCK_TIMED, {"accounts": list(accounts)})]


async def lock_open(c: AsyncConnection, accounts: Sequence[str]) -> list[Item]:
    """Everything of these accounts that an ending episode may close."""
    return [item_of(row) for row in await c.execute(_LOCK_OPEN, {"accounts": list(accounts)})]


async def note_settled(c: AsyncConnection, states: Mapping[str, str]) -> None:
    """Note what became of the messages of these actions."""
    if states:
        await c.execute(_SETTLED, {"actions": sorted(states), "states": [states[id] for id in sorted(states)]})


_LOCK_LOADS = text(
    """
    INSERT INTO csm_load (csm_id, open_tasks, turn)
    SELECT n.id, 0, 0 FROM unnest(CAST(:ids AS text[])) AS n(id) ORDER BY n.id
    ON CONFLICT (csm_id) DO UPDATE SET open_tasks = csm_load.open_tasks
    RETURNING csm_id, open_tasks, turn
    """
)
_SAVE_LOADS = text(
    """
    UPDATE csm_load SET open_tasks = n.open_tasks, turn = n.turn
    FROM unnest(CAST(:ids AS text[]), CAST(:open AS int[]), CAST(:turns AS bigint[])) AS n(id, open_tasks, turn)
    WHERE csm_load.csm_id = n.id
    """
)


async def lock_loads(c: AsyncConnection, csms: Sequence[str]) -> dict[str, Load]:
    """What these people have on the desk, locked in one order. Lock nothing else after it."""
    if not csms:
        return {}
    rows = await c.execute(_LOCK_LOADS, {"ids": sorted(set(csms))})
    return {row.csm_id: Load(row.open_tasks, row.turn) for row in rows}


async def save_loads(c: AsyncConnection, loads: Mapping[str, Load]) -> None:
    """Write loads that are locked."""
    if loads:
        await c.execute(
            _SAVE_LOADS,
            {
                "ids": list(loads),
                "open": [max(0, load.open_tasks) for load in loads.values()],
                "turns": [load.turn for load in loads.values()],
            },
        )

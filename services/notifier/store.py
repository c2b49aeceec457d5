"""SQL of the handler: new deliveries, their gates, cancelling, the inbox. Works in the caller's transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier.core.grouping import Gate
from services.notifier.core.message import Message


class NewDelivery(NamedTuple):
    """A row to write when an action is first heard of; the fields are the table's."""

    id: str
    action_id: str
    account_id: str
    kind: str
    playbook: str
    recipient: str
    transport: str
    target: str
    shared: bool
    because: str
    group_key: str
    due_at: datetime
    action: bytes
    traceparent: str | None
    caused_at: datetime | None


class Settled(NamedTuple):
    """A delivery that has just reached its end."""

    id: str
    action_id: str
    account_id: str
    partition: int
    transport: str
    target: str
    state: str
    attempts: int
    uncertain: int
    reason: str
    traceparent: str | None
    caused_at: datetime | None


SETTLED: Final = (
    "d.id, d.action_id, d.account_id, d.partition, d.transport, d.target, d.state, d.attempts, d.uncertain, d.reason, "
    "d.traceparent, d.caused_at"
)

_KNOWN = text("SELECT id FROM deliveries WHERE id = ANY(CAST(:ids AS text[]))")
_ADD = text(
    """
    INSERT INTO deliveries (id, action_id, account_id, partition, kind, playbook, recipient, transport, target, shared,
        because, group_key, state, due_at, action, traceparent, caused_at, created_at)
    SELECT n.id, n.action_id, n.account_id, :partition, n.kind, n.playbook, n.recipient, n.transport, n.target,
        n.shared, n.because, n.group_key, 'waiting', n.due_at, n.action, n.traceparent, n.caused_at, :now
    FROM unnest(CAST(:id AS text[]), CAST(:action_id AS text[]), CAST(:account_id AS text[]), CAST(:kind AS text[]),
        CAST(:playbook AS text[]), CAST(:recipient AS text[]), CAST(:transport AS text[]), CAST(:target AS text[]),
        CAST(:shared AS boolean[]), CAST(:because AS text[]), CAST(:group_key AS text[]),
        CAST(:due_at AS timestamptz[]), CAST(:action AS bytea[]), CAST(:traceparent AS text[]),
        CAST(:caused_at AS timestamptz[])) AS n(id, action_id, account_id, kind, playbook, recipient, transport, target,
        shared, because, group_key, due_at, action, traceparent, caused_at)
    ON CONFLICT (id) DO NOTHING
    """
)
_LOCK_GATES = text(
    """
    INSERT INTO gates (key, until, waiting)
    SELECT k.key, :past, false FROM unnest(CAST(:keys AS text[])) AS k(key) ORDER BY k.key
    ON CONFLICT (key) DO UPDATE SET until = gates.until
    RETURNING key, until, waiting
    """
)
_SET_GATES = text(
    """
    UPDATE gates SET until = n.until, waiting = n.waiting
    FROM unnest(CAST(:keys AS text[]), CAST(:untils AS timestamptz[]), CAST(:waiting AS boolean[]))
        AS n(key, until, waiting)
    WHERE gates.key = n.key
    """
)
# In one statement: what begins or ends being sent at this moment is seen as one or the other.
_CANCEL = text(
    f"""
    UPDATE deliveries AS d SET cancelled_because = n.reason,
        state = CASE WHEN d.state = 'waiting' THEN 'cancelled' ELSE d.state END,
        reason = CASE WHEN d.state = 'waiting' THEN n.reason ELSE d.reason END,
        settled_at = CASE WHEN d.state = 'waiting' THEN CAST(:now AS timestamptz) END
    FROM unnest(CAST(:actions AS text[]), CAST(:reasons AS text[])) AS n(action_id, reason)
    WHERE d.action_id = n.action_id AND (d.state = 'waiting' OR d.state = 'sending') AND d.uncertain = 0
    RETURNING {SETTLED}
    """  # noqa: S608 - constants only
)


_PUT_IN_INBOX = text(
    """
    INSERT INTO inbox (id, recipient, at, message) VALUES (:id, :recipient, :at, CAST(:message AS jsonb))
    ON CONFLICT (id) DO NOTHING
    """
)


async def known(c: AsyncConnection, ids: Sequence[str]) -> set[str]:
    """Which of these deliveries there are already."""
    rows = await c.execute(_KNOWN, {"ids": list(ids)})
    return set(rows.scalars())


async def add(c: AsyncConnection, partition: int, new: Sequence[NewDelivery], now: datetime) -> None:
    """Write new deliveries; one that there is already stays as it is."""
    if new:
        columns = dict(zip(NewDelivery._fields, map(list, zip(*new, strict=True)), strict=True))
        await c.execute(_ADD, {"partition": partition, "now": now, **columns})


async def lock_gates(c: AsyncConnection, keys: Sequence[str], now: datetime) -> dict[str, Gate]:
    """The gates of these groups, locked in one order; one that there was not yet is long closed."""
    past = now - timedelta(days=1)
    rows = await c.execute(_LOCK_GATES, {"keys": sorted(set(keys)), "past": past})
    return {row.key: Gate(row.until, row.waiting) for row in rows}


async def set_gates(c: AsyncConnection, gates: Mapping[str, Gate]) -> None:
    """Write gates that are locked."""
    await c.execute(
        _SET_GATES,
        {
            "keys": list(gates),
            "untils": [gate.until for gate in gates.values()],
            "waiting": [gate.waiting for gate in gates.values()],
        },
    )


async def cancel(c: AsyncConnection, reasons: Mapping[str, str], now: datetime) -> list[Settled]:
    """Cancel what waits for these actions. What may have arrived goes on; what is being sent, too, unless it fails."""
    rows = await c.execute(_CANCEL, {"actions": list(reasons), "reasons": list(reasons.values()), "now": now})
    return [Settled._make(row) for row in rows if row.state == "cancelled"]


async def put_in_inbox(c: AsyncConnection, id: str, recipient: str, at: datetime, message: Message) -> None:
    """Put a message into an inbox, once."""
    await c.execute(
        _PUT_IN_INBOX,
        {"id": id, "recipient": recipient, "at": at, "message": msgspec.json.encode(message).decode()},
    )

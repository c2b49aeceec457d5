"""SQL of the sender: leasing, recording under the lease, and holds. Works in the caller's transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier.core.grouping import Due
from services.notifier.core.message import Message
from services.notifier.store import SETTLED, Settled

EVERY_TARGET: Final = "*"


class Leased(NamedTuple):
    """A delivery that is ours to send until its lease ends."""

    id: str
    message_id: str
    target: str
    shared: bool
    action: bytes
    attempts: int
    tries: int
    uncertain: int
    traceparent: str | None
    lease: str


class Result(NamedTuple):
    """How one attempt at one delivery ended, to be recorded under its lease."""

    id: str
    lease: str
    state: str
    due_at: datetime | None
    reason: str
    uncertain: bool
    message_id: str
    attempt: int
    began_at: datetime
    ended_at: datetime
    outcome: str
    reason_of_attempt: str
    receipt: str


_UNHELD = """NOT EXISTS (
        SELECT FROM holds h WHERE h.transport = d.transport AND h.target IN (d.target, '*') AND h.until > :now)"""
_OPEN = "d.transport = :transport AND (d.state = 'waiting' OR d.state = 'sending')"
_DUE = text(
    f"""
    SELECT d.id, d.message_id, d.group_key, d.target, d.due_at,
        (SELECT max(h.until) FROM holds h WHERE h.transport = d.transport AND h.target IN (d.target, '*')),
        d.state, d.tries
    FROM deliveries d WHERE {_OPEN} AND d.due_at <= :now AND {_UNHELD}
    ORDER BY d.due_at LIMIT :most
    """  # noqa: S608 - constants only
)
_COMPANY = text(
    """
    SELECT d.id, d.message_id, d.group_key, d.target, d.due_at, NULL, d.state, d.tries
    FROM deliveries d WHERE d.message_id = ANY(CAST(:ids AS text[]))
    """
)
_NEXT_DUE = text(
    f"""
    SELECT LEAST(
        (SELECT min(d.due_at) FROM deliveries d WHERE {_OPEN} AND {_UNHELD}),
        (SELECT min(h.until) FROM holds h WHERE h.transport = :transport AND h.until > :now))
    """  # noqa: S608 - constants only
)
# One at a time on a transport, over all workers: what goes together is not torn apart by two of them.
_ONE_LEASER = text("SELECT pg_advisory_xact_lock(hashtext('keepwell.notifier.lease'), hashtext(:transport))")
_LOST = """lost AS (
        INSERT INTO attempts (delivery_id, attempt, message_id, began_at, ended_at, outcome, reason, receipt)
        SELECT d.id, d.attempts, d.message_id, :now, :now, 'uncertain', 'the sender ended before it had an answer', ''
        FROM deliveries d JOIN mine ON mine.id = d.id WHERE mine.state = 'sending'
        ON CONFLICT DO NOTHING
    )"""
_LEASE = text(
    f"""
    WITH mine AS (
        SELECT d.id, n.message_id, d.state FROM deliveries d
        JOIN unnest(CAST(:ids AS text[]), CAST(:message_ids AS text[])) AS n(id, message_id) ON d.id = n.id
        WHERE d.state = 'waiting' OR (d.state = 'sending' AND d.due_at <= :now)
        FOR UPDATE OF d SKIP LOCKED
    ), {_LOST}
    UPDATE deliveries AS d SET state = 'sending', message_id = mine.message_id, lease = :lease, due_at = :until,
        attempts = d.attempts + 1, tries = d.tries + 1,
        uncertain = d.uncertain + CASE WHEN mine.state = 'sending' THEN 1 ELSE 0 END
    FROM mine WHERE d.id = mine.id
    RETURNING d.id, d.message_id, d.target, d.shared, d.action, d.attempts, d.tries, d.uncertain, d.traceparent, d.lease
    """  # noqa: S608 - constants only
)
_GIVE_UP = text(
    f"""
    WITH mine AS (
        SELECT d.id, d.state FROM deliveries d WHERE d.id = ANY(CAST(:ids AS text[]))
            AND (d.state = 'waiting' OR (d.state = 'sending' AND d.due_at <= :now))
        FOR UPDATE OF d
    ), {_LOST}
    UPDATE deliveries AS d SET state = 'failed', lease = NULL, settled_at = :now,
        reason = 'given up after ' || d.tries || ' tries; the last was cut off',
        uncertain = d.uncertain + CASE WHEN mine.state = 'sending' THEN 1 ELSE 0 END
    FROM mine WHERE d.id = mine.id
    RETURNING {SETTLED}
    """  # noqa: S608 - constants only
)
_RECORD = text(
    f"""
    UPDATE deliveries AS d SET state = r.state, due_at = COALESCE(r.due_at, d.due_at), reason = r.reason, lease = NULL,
        uncertain = d.uncertain + r.uncertain,
        -- What surely did not arrive may go together with something else next time.
        message_id = CASE WHEN r.state = 'waiting' AND d.uncertain + r.uncertain = 0 THEN NULL ELSE d.message_id END,
        settled_at = CASE WHEN r.state = 'waiting' THEN NULL ELSE r.ended_at END
    FROM unnest(CAST(:id AS text[]), CAST(:lease AS text[]), CAST(:state AS text[]), CAST(:due_at AS timestamptz[]),
        CAST(:reason AS text[]), CAST(:uncertain AS int[]), CAST(:ended_at AS timestamptz[]))
        AS r(id, lease, state, due_at, reason, uncertain, ended_at)
    WHERE d.id = r.id AND d.lease = r.lease
    RETURNING {SETTLED}
    """  # noqa: S608 - constants only
)
_CANCEL_WHAT_FAILED = text(
    f"""
    UPDATE deliveries AS d SET state = 'cancelled', reason = d.cancelled_because, settled_at = :now
    WHERE d.id = ANY(CAST(:ids AS text[])) AND d.state = 'waiting' AND d.uncertain = 0
      AND d.cancelled_because IS NOT NULL
    RETURNING {SETTLED}
    """  # noqa: S608 - constants only
)
_ATTEMPTS = text(
    """
    INSERT INTO attempts (delivery_id, attempt, message_id, began_at, ended_at, outcome, reason, receipt)
    SELECT * FROM unnest(CAST(:id AS text[]), CAST(:attempt AS int[]), CAST(:message_id AS text[]),
        CAST(:began_at AS timestamptz[]), CAST(:ended_at AS timestamptz[]), CAST(:outcome AS text[]),
        CAST(:reason_of_attempt AS text[]), CAST(:receipt AS text[]))
    ON CONFLICT (delivery_id, attempt) DO UPDATE SET ended_at = excluded.ended_at, outcome = excluded.outcome,
        reason = excluded.reason, receipt = excluded.receipt
    """
)
_MESSAGES = text(
    """
    INSERT INTO messages (id, message, at)
    SELECT n.id, n.message::jsonb, :now FROM unnest(CAST(:ids AS text[]), CAST(:messages AS text[])) AS n(id, message)
    ON CONFLICT (id) DO UPDATE SET message = excluded.message, at = excluded.at
    """
)
_HOLD = text(
    """
    INSERT INTO holds (transport, target, until, reason) VALUES (:transport, :target, :until, :reason)
    ON CONFLICT (transport, target) DO UPDATE SET until = GREATEST(holds.until, excluded.until),
        reason = excluded.reason
    """
)


async def lock_leasing(c: AsyncConnection, transport: str) -> None:
    """Be the only one, over all workers, who leases or records on this transport until the transaction ends.

    A result that comes as its lease ends would else lock some of a message's deliveries while others are leased anew.
    """
    await c.execute(_ONE_LEASER, {"transport": transport})


async def due(c: AsyncConnection, transport: str, now: datetime, most: int) -> list[Due]:
    """What may be sent now, the longest due first; what is held is left out."""
    rows = await c.execute(_DUE, {"transport": transport, "now": now, "most": most})
    return [Due._make(row) for row in rows]


async def company(c: AsyncConnection, message_ids: Sequence[str]) -> list[Due]:
    """Everything that is under these message ids, whatever its state, in the order of its ids."""
    rows = await c.execute(_COMPANY, {"ids": list(message_ids)})
    return sorted(Due._make(row) for row in rows)


async def next_due(c: AsyncConnection, transport: str, now: datetime) -> datetime | None:
    """When the next delivery comes due, a lease ends, or a hold is over."""
    found: datetime | None = (await c.execute(_NEXT_DUE, {"transport": transport, "now": now})).scalar_one()
    return found


async def lease(
    c: AsyncConnection, message_ids: Mapping[str, str], token: str, now: datetime, until: datetime
) -> list[Leased]:
    """Lease these deliveries, each under the message id given. One that was cut off counts as uncertain."""
    rows = await c.execute(
        _LEASE,
        {
            "ids": list(message_ids),
            "message_ids": list(message_ids.values()),
            "lease": token,
            "now": now,
            "until": until,
        },
    )
    return [Leased._make(row) for row in rows]


async def give_up(c: AsyncConnection, ids: Sequence[str], now: datetime) -> list[Settled]:
    """Fail deliveries whose leases ended too often without a result."""
    rows = await c.execute(_GIVE_UP, {"ids": list(ids), "now": now})
    return [Settled._make(row) for row in rows]


async def record(c: AsyncConnection, results: Sequence[Result], now: datetime) -> list[Settled]:
    """Record attempts under their leases. Returns what this ended; a lost lease changes nothing but the history.

    What was cancelled meanwhile and surely did not arrive is not tried again.
    """
    columns: dict[str, Any] = dict(zip(Result._fields, map(list, zip(*results, strict=True)), strict=True))
    columns["uncertain"] = [int(flag) for flag in columns["uncertain"]]
    rows: Sequence[Row[Any]] = (await c.execute(_RECORD, columns)).all()
    await c.execute(_ATTEMPTS, columns)
    ended = [row for row in rows if row.state != "waiting"]
    again = [row.id for row in rows if row.state == "waiting"]
    if again:
        ended += (await c.execute(_CANCEL_WHAT_FAILED, {"ids": again, "now": now})).all()
    return [Settled._make(row) for row in ended]


async def keep_messages(c: AsyncConnection, sent: Mapping[str, Message], now: datetime) -> None:
    """Keep messages as they were sent, by their ids."""
    encoded = [msgspec.json.encode(message).decode() for message in sent.values()]
    await c.execute(_MESSAGES, {"ids": list(sent), "messages": encoded, "now": now})


async def hold(c: AsyncConnection, transport: str, target: str, until: datetime, reason: str) -> None:
    """Send nothing to this target (`*`: on this transport) until then."""
    await c.execute(_HOLD, {"transport": transport, "target": target, "until": until, "reason": reason})

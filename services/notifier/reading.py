"""SQL of the HTTP face: deliveries with their attempts, the inbox, and trying again by hand."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

_FIELDS = """d.id, d.action_id, d.account_id, d.kind, d.playbook, d.recipient, d.transport, d.target, d.because,
    d.state, d.due_at, d.message_id, d.attempts, d.uncertain, d.reason, d.traceparent, d.caused_at, d.created_at,
    d.settled_at"""
_LISTED = text(
    f"""
    SELECT {_FIELDS} FROM deliveries d
    WHERE (CAST(:account AS text) IS NULL OR d.account_id = :account)
      AND (CAST(:state AS text) IS NULL OR d.state = :state)
      AND (CAST(:channel AS text) IS NULL OR d.transport = :channel OR d.transport || ':' || d.target = :channel)
      AND (CAST(:before_at AS timestamptz) IS NULL OR (d.created_at, d.id) < (:before_at, CAST(:before_id AS text)))
    ORDER BY d.created_at DESC, d.id DESC LIMIT :most
    """  # noqa: S608 - constants only
)
_ONE = text(
    f"""
    SELECT {_FIELDS}, d.action, d.shared, m.message, m.at AS message_at
    FROM deliveries d LEFT JOIN messages m ON m.id = d.message_id WHERE d.id = :id
    """  # noqa: S608 - constants only
)
_ATTEMPTS = text("SELECT * FROM attempts WHERE delivery_id = :id ORDER BY attempt")
# What failed as one message is tried again as one, under the same id.
_RETRY = text(
    """
    UPDATE deliveries AS d SET state = 'waiting', due_at = :now, tries = 0, reason = '', settled_at = NULL,
        cancelled_because = NULL
    FROM deliveries one
    WHERE one.id = :id AND one.state = 'failed' AND d.state = 'failed'
      AND (d.id = one.id OR d.message_id = one.message_id)
    RETURNING d.id, d.transport, d.target
    """
)
_RELEASE = text("DELETE FROM holds WHERE transport = :transport AND target IN (:target, '*')")
_INBOX = text(
    """
    SELECT id, recipient, at, message FROM inbox
    WHERE (CAST(:recipient AS text) IS NULL OR recipient = :recipient)
      AND (CAST(:before_at AS timestamptz) IS NULL OR (at, id) < (:before_at, CAST(:before_id AS text)))
    ORDER BY at DESC, id DESC LIMIT :most
    """
)
_COUNTS = text("SELECT state, count(*) FROM deliveries WHERE state IN ('waiting', 'sending', 'failed') GROUP BY state")
_HOLDS = text("SELECT transport, target, until, reason FROM holds WHERE until > :now ORDER BY transport, target")

Before = tuple[datetime, str] | None


async def listed(
    c: AsyncConnection, *, account: str | None, state: str | None, channel: str | None, before: Before, most: int
) -> Sequence[RowMapping]:
    """Deliveries, newest first. `channel` is a transport such as `slack`, or one target such as `slack:#renewals`."""
    at, id = before or (None, None)
    wanted = {"account": account, "state": state, "channel": channel, "before_at": at, "before_id": id, "most": most}
    return (await c.execute(_LISTED, wanted)).mappings().all()


async def one(c: AsyncConnection, id: str) -> RowMapping | None:
    """A delivery with its action and the message as it was last sent."""
    return (await c.execute(_ONE, {"id": id})).mappings().one_or_none()


async def attempts_of(c: AsyncConnection, id: str) -> Sequence[RowMapping]:
    """A delivery's attempts, in order."""
    return (await c.execute(_ATTEMPTS, {"id": id})).mappings().all()


async def retry(c: AsyncConnection, id: str, now: datetime) -> str | None:
    """Let a failed delivery wait again, due now, past any hold. Returns its transport, or None if it had not failed."""
    rows = (await c.execute(_RETRY, {"id": id, "now": now})).all()
    for transport, target in {(row.transport, row.target) for row in rows}:
        await c.execute(_RELEASE, {"transport": transport, "target": target})
    return rows[0].transport if rows else None


async def in_inbox(c: AsyncConnection, *, recipient: str | None, before: Before, most: int) -> Sequence[RowMapping]:
    """What is in an inbox, or in all, newest first."""
    at, id = before or (None, None)
    wanted = {"recipient": recipient, "before_at": at, "before_id": id, "most": most}
    return (await c.execute(_INBOX, wanted)).mappings().all()


async def status(c: AsyncConnection, now: datetime) -> dict[str, Any]:
    """How many deliveries wait, are being sent or failed, and which channels are held, with the reason."""
    counts = {row.state: row.count for row in await c.execute(_COUNTS)}
    holds = [
        {
            "channel": row.transport if row.target == "*" else f"{row.transport}:{row.target}",
            "until": row.until.isoformat(),
            "reason": row.reason,
        }
        for row in await c.execute(_HOLDS, {"now": now})
    ]
    return {"deliveries": {state: counts.get(state, 0) for state in ("waiting", "sending", "failed")}, "holds": holds}

"""How long the notifier keeps what came to an end: a year and a month, so that this year can be compared with the last.

Messages are written to people about customers: they are not kept for ever.
"""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

KEPT: Final = timedelta(days=400)
"""Deliveries that are settled, with their attempts and messages, and what lies in inboxes."""
_MOST: Final = 10_000
"""Rows forgotten at once, so that no lock is held for long; the rest goes an hour later."""

_DELIVERIES = text(
    """
    WITH old AS (
        SELECT id FROM deliveries WHERE created_at < :before AND settled_at < :before
        ORDER BY created_at, id LIMIT :most
    ), gone AS (DELETE FROM deliveries d USING old WHERE d.id = old.id RETURNING d.id)
    DELETE FROM attempts a USING gone WHERE a.delivery_id = gone.id
    """
)
_MESSAGES = text(
    """
    DELETE FROM messages m WHERE m.id IN (
        SELECT o.id FROM messages o
        WHERE o.at < :before AND NOT EXISTS (SELECT FROM deliveries d WHERE d.message_id = o.id) LIMIT :most)
    """
)
_INBOX = text("DELETE FROM inbox WHERE id IN (SELECT id FROM inbox WHERE at < :before ORDER BY at, id LIMIT :most)")


async def forget(c: AsyncConnection, now: datetime) -> None:
    """Forget what ended 400 days ago. What still waits stays, however old it is."""
    for statement in (_DELIVERIES, _MESSAGES, _INBOX):
        await c.execute(statement, {"before": now - KEPT, "most": _MOST})
    for table in ("gates", "holds"):
        # A window or hold that ended a day ago decides nothing any more.
        await c.execute(text(f"DELETE FROM {table} WHERE until < :before"), {"before": now - timedelta(days=1)})  # noqa: S608 - constants only

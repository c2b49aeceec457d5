"""How long the notifier keeps what came to an end: a year and a month, so that this year can be compared with the last.

Messages are written to people about customers: they are not kept for ever.
"""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, delete, exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier import tables as t

KEPT: Final = timedelta(days=400)
"""Deliveries that are settled, with their attempts and messages, and what lies in inboxes."""
_MOST: Final = 10_000
"""Rows forgotten at once, so that no lock is held for long; the rest goes an hour later."""

_d = t.deliveries
_BEFORE: Final = bindparam("before", type_=_d.c.created_at.type)
_settled = (
    select(_d.c.id)
    .where(_d.c.created_at < _BEFORE, _d.c.settled_at < _BEFORE)
    .order_by(_d.c.created_at, _d.c.id)
    .limit(_MOST)
)
_gone = delete(_d).where(_d.c.id.in_(_settled)).returning(_d.c.id).cte("gone")
_unused = (
    select(t.messages.c.id)
    .where(t.messages.c.at < _BEFORE, ~exists().where(_d.c.message_id == t.messages.c.id))
    .limit(_MOST)
)
_read = select(t.inbox.c.id).where(t.inbox.c.at < _BEFORE).order_by(t.inbox.c.at, t.inbox.c.id).limit(_MOST)
_STATEMENTS: Final = (
    (KEPT, delete(t.attempts).where(t.attempts.c.delivery_id.in_(select(_gone.c.id)))),
    (KEPT, delete(t.messages).where(t.messages.c.id.in_(_unused))),
    (KEPT, delete(t.inbox).where(t.inbox.c.id.in_(_read))),
    # A window or hold that ended a day ago decides nothing any more.
    *((timedelta(days=1), delete(table).where(table.c.until < _BEFORE)) for table in (t.gates, t.holds)),
)


async def forget(c: AsyncConnection, now: datetime) -> None:
    """Forget what ended 400 days ago. What still waits stays, however old it is."""
    for kept, statement in _STATEMENTS:
        await c.execute(statement, {"before": now - kept})

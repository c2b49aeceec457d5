"""How long the notifier keeps what came to an end: a year and a month, so that this year can be compared with the last.

Messages are written to people about customers: they are not kept for ever.
"""

from datetime import timedelta
from typing import Final

from sqlalchemy import delete, exists, select

from services.notifier import tables as t
from services.notifier.core.audience import WEEK
from shared.pg.retention import MOST, Term, forgetting, is_past, term

KEPT: Final = timedelta(days=400)
"""Deliveries that are settled, with their attempts and messages, and what lies in inboxes."""

BROKEN_FOR: Final = timedelta(days=30)
"""That a road is broken, which is then found out anew."""

BOUNCED_FOR: Final = KEPT
"""That there is no such address."""

_d, _a, _m, _i = t.deliveries, t.attempts, t.messages, t.inbox
_settled = (
    select(_d.c.id)
    .where(is_past(_d.c.created_at), is_past(_d.c.settled_at))
    .order_by(_d.c.created_at, _d.c.id)
    .limit(MOST)
    .cte("settled")
)
_theirs = delete(_a).where(_a.c.delivery_id.in_(select(_settled.c.id))).cte("theirs")
_deliveries = delete(_d).where(_d.c.id.in_(select(_settled.c.id))).add_cte(_theirs)
_is_used = exists().where(_d.c.message_id == _m.c.id)

forget = forgetting(
    Term(_deliveries, lambda now: now - KEPT),
    term(_m, _m.c.at, KEPT, ~_is_used),
    term(_i, _i.c.at, KEPT),
    # A window or hold that ended a day ago decides nothing any more.
    *(term(table, table.c.until, timedelta(days=1)) for table in (t.gates, t.holds)),
    # Who was written to is counted over a week.
    term(t.written_to, t.written_to.c.at, 2 * WEEK),
    term(t.bounces, t.bounces.c.at, BOUNCED_FOR),
    # One that is broken for longer is told again: nobody has mended it.
    term(t.roads, t.roads.c.broken_since, BROKEN_FOR),
)
"""Forgets what ended 400 days ago. What still waits stays, however old it is."""

"""How long the notifier keeps what came to an end: a year and a month, so that this year can be compared with the last;
and what went to other systems a month.

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

WEBHOOKS_KEPT: Final = timedelta(days=30)
"""Calls of endpoints that are settled, with what went to and fro: whoever missed any asks for them within that."""

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
_c, _e = t.calls, t.endpoints
_old_calls = (
    select(_c.c.id)
    .where(is_past(_c.c.created_at), ~t.CALL_WAITS)
    .order_by(_c.c.created_at)
    .limit(MOST)
    .cte("old_calls")
)
_their_attempts = (
    delete(t.call_attempts).where(t.call_attempts.c.call_id.in_(select(_old_calls.c.id))).cte("their_attempts")
)
_calls = delete(_c).where(_c.c.id.in_(select(_old_calls.c.id))).add_cte(_their_attempts)
_has_calls = exists().where(_c.c.endpoint_id == _e.c.id)
_is_used = exists().where(_d.c.message_id == _m.c.id)

forget = forgetting(
    Term(_deliveries, lambda now: now - KEPT),
    Term(_calls, lambda now: now - WEBHOOKS_KEPT),
    term(_e, _e.c.deleted_at, WEBHOOKS_KEPT, ~_has_calls),
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
"""Forgets what ended 400 days ago, of webhooks 30. What still waits stays, however old it is."""

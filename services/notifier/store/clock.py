"""Instants that were written by a clock that ran ahead: none holds anything longer than it was meant to.

A hold says since when it is one, a delivery when it was written, and an attempt when it ended: what lies ahead of now
was written by a clock that has been set right since. What waits for such an instant is given another, once a minute:

- A lease ends no later than one could that begins now; then what went under it is taken back as any that lapsed.
- What was tried is due: no wait after an attempt is longer than till then.
- What was not yet tried waits as long from now as it was meant to from when it was written; an hour of somebody's day
  stays, unless it is further off than any such hour.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import and_, case, exists, func, or_, update

from services.notifier import tables as t
from services.notifier.core.retry import CLOCKS_APART
from services.notifier.store.leases import Statement
from services.notifier.store.moves import NOW

LONGEST_LEASE: Final = timedelta(minutes=2)
"""Longer than any channel's."""
LONGEST_QUIET: Final = timedelta(days=10)
"""Longer than anybody is not disturbed."""

_d, _a = t.deliveries, t.attempts
_tried_ahead = exists().where(
    _a.c.delivery_id == _d.c.id, _a.c.attempt == _d.c.attempts, _a.c.ended_at > NOW + CLOCKS_APART
)
_has_hour = or_(_d.c.group_key.like("%|timed"), _d.c.group_key.like("alone|%"))
_written_ahead = and_(
    _d.c.attempts == 0, _d.c.created_at > NOW + CLOCKS_APART, or_(~_has_hour, _d.c.due_at > NOW + LONGEST_QUIET)
)
_sending = _d.c.state == "sending"
_SET_RIGHT: Final = (
    update(_d)
    .values(
        due_at=case(
            # Whoever has it in hand has as long as anybody.
            (_sending, NOW + LONGEST_LEASE),
            (_d.c.attempts == 0, NOW + (func.greatest(_d.c.due_at, _d.c.created_at) - _d.c.created_at)),
            else_=NOW,
        )
    )
    .where(
        t.IS_OPEN,
        _d.c.due_at > NOW,
        case((_sending, _d.c.due_at > NOW + LONGEST_LEASE), else_=or_(_tried_ahead, _written_ahead)),
    )
    .returning(_d.c.id)
)


def set_right(now: datetime) -> Statement:
    """Gives another instant to what waits for one that a clock ahead has written. Returns which."""
    given: dict[str, Any] = {"now": now}
    return _SET_RIGHT, given

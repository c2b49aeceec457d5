"""The short road of a message alone: leased by one statement, and recorded by one.

Most of what is sent is one delivery that was just written, due at once, and is sent at the first try. What `leases`
does for it, in two transactions under a lock, is there to keep together what belongs together. Of one delivery alone
nothing can be torn apart, and one statement is a transaction by itself. So:

- *Leasing.* A batch tells the sender which deliveries it has written. Where the sender knows of nothing else that is
  due, it leases just these, each as a message of its own: a gate lets one of a group through at a time. What met a hold
  since it was written is left to `leases`, which puts together what waited.
- *Recording.* Of what was sent alone, all that is told and kept is known beforehand. One statement moves what still has
  the lease's token, and for what it has moved, and only that, keeps the attempt and the message and stages
  `delivery.settled`. What it doesn't move is recorded by `leases`: a lease that is gone, and a person who was erased
  meanwhile, whose words must not be kept.
- *The lock.* Both share it, and don't wait: while anybody looks at this transport as a whole, nothing is done here, and
  it is done by a look instead. So all that is said in `leases` of who comes between whom holds as it stands.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import CTE, ColumnElement, Row, Table, Text, exists, func, literal_column, null, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from services.notifier import tables as t
from services.notifier.core.message import Message
from services.notifier.store import endings
from services.notifier.store.deliveries import EVERY_TARGET
from services.notifier.store.leases import LOCK, TRANSPORT, Statement, leasing
from services.notifier.store.moves import NOW, can, moved
from shared.log.protocol import Outgoing
from shared.pg import bulk
from shared.worker.tables import outbox


class SentAlone(NamedTuple):
    """A delivery that was sent as a message of its own at the first try, and what is kept of that."""

    delivery: Row[Any]
    """As it was leased."""
    message: Message
    began_at: datetime
    ended_at: datetime
    receipt: str

    @property
    def ending(self) -> endings.Ending:
        """How it ends once that is recorded."""
        one = self.delivery
        place = (one.id, one.action_id, one.account_id, one.partition, one.transport, one.target)
        return endings.Ending(*place, "delivered", 1, 0, "", one.traceparent, one.caused_at, self.ended_at, one.kind)


_d, _h, _a, _m, _o = t.deliveries, t.holds, t.attempts, t.messages, outbox
_NOBODY_LOOKS: Final = select(func.pg_try_advisory_xact_lock_shared(*LOCK)).scalar_subquery()
_met_hold = exists().where(
    _h.c.transport == TRANSPORT, or_(_h.c.target == _d.c.target, _h.c.target == EVERY_TARGET), _h.c.until >= _d.c.due_at
)
_wanted = bulk.given(_d.c.id)
_LEASE: Final = leasing(
    _wanted, _d.c.id, _d.c.message_id.is_(None), _d.c.attempts == 0, _d.c.due_at <= NOW, ~_met_hold, _NOBODY_LOOKS
)

_GIVEN: Final = (
    *(_d.c[name] for name in ("id", "lease", "settled_at", "partition")),
    *(_a.c.began_at, _a.c.receipt, _m.c.message, _o.c.topic, _o.c.key, _o.c.value, _o.c.headers),
)
_NAMES: Final = tuple(one.name for one in _GIVEN)
_given = bulk.given(*_GIVEN).c
_nothing = literal_column("''", Text)
_ended = (
    update(_d)
    .values(state=moved("sent"), reason=_nothing, lease=null(), settled_at=_given.settled_at)
    .where(_d.c.id == _given.id, _d.c.lease == _given.lease, can("sent"), ~_d.c.erased, _NOBODY_LOOKS)
    .returning(*_given, _d.c.attempts)
    .cte("ended")
)


def _into(table: Table, **values: ColumnElement[Any]) -> CTE:
    """Keeps something of each that has ended."""
    rows = select(*(value.label(name) for name, value in values.items()))
    return insert(table).from_select(list(values), rows, include_defaults=False).cte(f"into_{table.name}")


_e = _ended.c
_kept = _into(
    _a,
    **{"delivery_id": _e.id, "attempt": _e.attempts, "message_id": _e.id, "began_at": _e.began_at},
    **{"ended_at": _e.settled_at, "outcome": bulk.word("sent"), "reason": _nothing, "receipt": _e.receipt},
)
_said = _into(_m, id=_e.id, message=_e.message, at=NOW)
_told = _into(_o, **{name: _e[name] for name in ("partition", "topic", "key", "value", "headers")})
_RECORD: Final = select(_e.id).add_cte(_kept, _said, _told)


def lease(transport: str, ids: Sequence[str], token: str, now: datetime, until: datetime) -> Statement:
    """Leases these deliveries, each as a message of its own. Returns what is ours to send until then."""
    wanted = bulk.arrays(("id",), ((id,) for id in ids))
    return _LEASE, wanted | {"on_transport": transport, "token": token, "now": now, "until": until}


def record(transport: str, sent: Sequence[SentAlone], now: datetime) -> Statement:
    """Records what was sent alone. Returns the ids of what this ended; of the rest nothing is recorded."""
    rows = [_row(one, endings.settled(one.ending, now)) for one in sent]
    return _RECORD, bulk.arrays(_NAMES, rows) | {"on_transport": transport, "now": now}


def _row(one: SentAlone, told: Outgoing) -> tuple[Any, ...]:
    """As `_GIVEN` has it."""
    return (
        *(one.delivery.id, one.delivery.lease, one.ended_at, one.delivery.partition),
        *(one.began_at, one.receipt, one.message, told.topic, told.key, told.value, dict(told.headers)),
    )

"""What whoever calls endpoints reads and writes: what is due, leases, and results under them.

Many are leased by one statement, and recorded by one. A call goes by itself, so no lock over all is needed: each row's
own keeps two who lease apart, and a result moves only what still has the lease's token.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    CTE,
    ColumnElement,
    Integer,
    Table,
    Text,
    and_,
    bindparam,
    case,
    cast,
    column,
    func,
    literal_column,
    null,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from services.notifier import tables as t
from services.notifier.core.endpoints import FAILING_FROM
from services.notifier.store.leases import Statement
from services.notifier.store.moves import NOW
from shared.pg import bulk
from shared.worker.tables import outbox

CUT_OFF: Final = "the notifier ended before it had an answer"
_c, _e, _a, _o = t.calls, t.endpoints, t.call_attempts, outbox
_TEST: Final = bulk.word("test")
_nothing = literal_column("''", Text)
# One that is held for longer than any can be was held by a clock that was ahead.
_IS_UNHELD: Final = or_(
    _e.c.held_until.is_(None), _e.c.held_until <= NOW, _e.c.held_since > NOW + literal_column("interval '1 minute'")
)
_MAY_GO: Final = and_(t.CALL_WAITS, _c.c.endpoint_id == _e.c.id, or_(_e.c.enabled, _c.c.type == _TEST))
_MOST: Final = bindparam("most", type_=Integer)
_ONE: Final = literal_column("1", Integer)
_busy = bulk.given(_e.c.id, column("room", Integer))
_room = func.least(func.coalesce(_busy.c.room, _MOST), case((_e.c.failures >= FAILING_FROM, _ONE), else_=_MOST))
_due = (
    select(
        _c.c.id, case((_c.c.state == bulk.word("sending"), _ONE), else_=literal_column("0", Integer)).label("lapsed")
    )
    .where(_MAY_GO, _c.c.due_at <= NOW)
    .order_by(_c.c.due_at)
    .limit(_room)
    .with_for_update(of=_c, skip_locked=True)
    .correlate(_e, _busy)
    .lateral("due")
)
_OF_ENDPOINT: Final = tuple(
    _e.c[name] for name in ("name", "url", "secret", "former_secret", "former_until", "failures")
)
_free = (
    select(_due.c.id, _due.c.lapsed, *_OF_ENDPOINT, _e.c.failing_since)
    .select_from(_e.outerjoin(_busy, _busy.c.id == _e.c.id).join(_due, true()))
    .where(_e.c.deleted_at.is_(None), _IS_UNHELD)
    .cte("free")
)
_OF_CALL: Final = tuple(
    _c.c[name]
    for name in (
        *("id", "endpoint_id", "type", "account_id", "partition", "action_id", "body", "lease"),
        *("attempts", "tries", "uncertain", "traceparent", "caused_at", "created_at"),
    )
)
_leased = (
    update(_c)
    .values(
        state=bulk.word("sending"),
        lease=bindparam("token"),
        due_at=bindparam("until"),
        **{name: _c.c[name] + _free.c.lapsed for name in ("attempts", "tries", "uncertain")},
    )
    .where(_c.c.id == _free.c.id)
    .returning(*_OF_CALL, *(_free.c[one.name] for one in _OF_ENDPOINT), _free.c.failing_since, _free.c.lapsed)
    .cte("leased")
)
_lost = select(
    *(_leased.c.id, _leased.c.attempts, NOW.label("began_at"), NOW.label("ended_at")),
    *(bulk.word("uncertain").label("outcome"), bindparam("cut_off", type_=Text).label("reason"), null()),
    *(literal_column("'{}'", Text).label("headers"), literal_column("'{}'", Text).label("answers"), _nothing),
).where(_leased.c.lapsed == _ONE)
_kept_lost = insert(_a).from_select([one.name for one in _a.c], _lost, include_defaults=False).on_conflict_do_nothing()
_LEASE: Final = select(_leased).add_cte(_kept_lost.cte("lost"))

_next = select(_c.c.due_at).where(_MAY_GO).order_by(_c.c.due_at).limit(1).correlate(_e).lateral("next")
_due_next = (
    select(func.min(case((_IS_UNHELD, _next.c.due_at), else_=func.greatest(_next.c.due_at, _e.c.held_until))))
    .select_from(_e.join(_next, true()))
    .where(_e.c.deleted_at.is_(None))
)
_NEXT_DUE: Final = select(_due_next.scalar_subquery(), select(func.max(_e.c.changed_at)).scalar_subquery())


class CallResult(NamedTuple):
    """What an attempt came to for a call, and what is kept of it; or that it was released without one."""

    id: str
    lease: str
    partition: int
    state: str
    began_at: datetime
    ended_at: datetime
    due_at: datetime | None = None
    settled_at: datetime | None = None
    reason: str = ""
    counted: int = 1
    """0 where it was released."""
    uncertain: int = 0
    """1 when nobody knows whether it arrived."""
    outcome: str = ""
    failure: str = ""
    """Why the attempt failed; empty where it did not."""
    status: int | None = None
    sent: str = ""
    """Headers, as JSON."""
    answer_headers: str = ""
    answer: str = ""
    topic: str | None = None
    """What is told of its end, if anything is."""
    key: str | None = None
    value: bytes | None = None
    told: str | None = None
    """The headers of that, as JSON."""


_TYPES: Final[Mapping[str, ColumnElement[Any]]] = {
    **{name: _c.c[name] for name in ("id", "lease", "state", "due_at", "settled_at", "reason")},
    **{name: _c.c[name] for name in ("uncertain", "partition")},
    **{name: _a.c[name] for name in ("began_at", "ended_at", "outcome", "status", "answer_headers", "answer")},
    **{name: _o.c[name] for name in ("topic", "key", "value")},
    **{name: column(name, Text) for name in ("failure", "sent", "told")},
    "counted": column("counted", Integer),
}
_result = bulk.given(*(_TYPES[name] for name in CallResult._fields)).c
_ended = (
    update(_c)
    .values(
        state=_result.state,
        due_at=func.coalesce(_result.due_at, _c.c.due_at),
        settled_at=_result.settled_at,
        reason=_result.reason,
        lease=null(),
        uncertain=_c.c.uncertain + _result.uncertain,
        attempts=_c.c.attempts + _result.counted,
        tries=_c.c.tries + _result.counted,
    )
    .where(_c.c.id == _result.id, _c.c.lease == _result.lease)
    .returning(*_result, _c.c.attempts, _c.c.erased)
    .cte("ended")
)


def _into(table: Table, where: ColumnElement[bool], **values: ColumnElement[Any]) -> CTE:
    rows = select(*(value.label(name) for name, value in values.items())).where(where)
    return insert(table).from_select(list(values), rows, include_defaults=False).cte(f"into_{table.name}")


_n = _ended.c
_kept = _into(
    _a,
    _n.counted == _ONE,
    **{"call_id": _n.id, "attempt": _n.attempts, "began_at": _n.began_at, "ended_at": _n.ended_at},
    **{"outcome": _n.outcome, "reason": _n.failure, "status": _n.status, "headers": _n.sent},
    **{"answer_headers": _n.answer_headers, "answer": case((_n.erased, _nothing), else_=_n.answer)},
)
_told = _into(
    _o,
    _n.value.is_not(None),
    **{name: _n[name] for name in ("partition", "topic", "key", "value")},
    headers=cast(_n.told, _o.c.headers.type),
)
_RECORD: Final = select(_n.id).add_cte(_kept, _told)


def lease(room: Mapping[str, int], most: int, token: str, now: datetime, until: datetime) -> Statement:
    """Leases what is due, the longest due first: of each endpoint at most so many, or for how many it has room; of one
    that only fails, one. Returns each with what its endpoint is."""
    busy = bulk.arrays(("id", "room"), room.items())
    return _LEASE, busy | {"most": most, "token": token, "now": now, "until": until, "cut_off": CUT_OFF}


def next_due(now: datetime) -> Statement:
    """Asks when the next call comes due, a lease ends, or a hold is over; and when an endpoint was changed last."""
    return _NEXT_DUE, {"now": now}


def record(results: Sequence[CallResult]) -> Statement:
    """Records attempts under their leases, and releases what was not begun. Returns the ids of what had its lease."""
    return _RECORD, bulk.arrays(CallResult._fields, results)

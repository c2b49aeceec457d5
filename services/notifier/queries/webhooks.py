"""What HTTP reads of endpoints and their calls. Fields are those of `views`."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Float, RowMapping, bindparam, case, cast, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier import tables as t
from services.notifier.core.endpoints import FAILING_FROM
from services.notifier.queries import Before

_e, _c, _a = t.endpoints, t.calls, t.call_attempts
_waiting = select(func.count()).where(t.CALL_WAITS, _c.c.endpoint_id == _e.c.id).scalar_subquery()
_ENDPOINTS: Final = select(
    *(_e.c[name] for name in ("id", "name", "description", "url", "types", "filter", "score_by", "enabled")),
    *(_e.c[name] for name in ("disabled_because", "failing_since", "failures", "last_failure", "held_until")),
    *(_e.c[name] for name in ("created_at", "created_by")),
    _e.c.former_until.label("rotating_until"),
    _waiting.label("waiting"),
).where(_e.c.deleted_at.is_(None))
_ENDPOINT: Final = _ENDPOINTS.where(_e.c.id == bindparam("endpoint"))
_FIELDS: Final = (
    *(_c.c[name] for name in ("id", "endpoint_id", "type", "state", "attempts", "uncertain", "reason", "erased")),
    *(_c.c[name] for name in ("action_id", "created_at", "settled_at")),
    _c.c.account_id.label("account"),
    case((_c.c.state == "waiting", _c.c.due_at)).label("due_at"),
)
_CALL: Final = (
    select(*_FIELDS, _c.c.body, _c.c.traceparent, _e.c.url)
    .join(_e, _e.c.id == _c.c.endpoint_id)
    .where(_c.c.endpoint_id == bindparam("endpoint"), _c.c.id == bindparam("call"))
)
_ATTEMPTS: Final = (
    select(
        *(_a.c[name] for name in ("attempt", "began_at", "outcome", "reason", "status")),
        *(_a.c[name] for name in ("headers", "answer_headers", "answer")),
        cast(func.round(func.extract("epoch", _a.c.ended_at - _a.c.began_at), 3), Float).label("seconds"),
    )
    .where(_a.c.call_id == bindparam("call"))
    .order_by(_a.c.attempt)
)
_TROUBLED: Final = (
    select(_e.c.id, _e.c.name, _e.c.enabled, _e.c.failing_since, _e.c.disabled_because, _e.c.last_failure)
    .add_columns(_waiting.label("waiting"))
    .where(
        _e.c.deleted_at.is_(None),
        or_(
            ~_e.c.enabled,
            _e.c.failures >= FAILING_FROM,
            _e.c.failing_since <= bindparam("before", type_=_e.c.failing_since.type),
        ),
    )
    .order_by(_e.c.created_at)
)
_NUMBERS: Final = select(
    select(func.count()).select_from(_e).where(_e.c.deleted_at.is_(None)).scalar_subquery().label("endpoints"),
    select(func.count()).where(t.CALL_WAITS).scalar_subquery().label("waiting"),
)
_A_WHILE: Final = timedelta(minutes=5)
"""Failing for less is not worth a word: a deploy takes as long."""


class SoughtCalls(NamedTuple):
    """Which calls of an endpoint are asked for; None is any."""

    endpoint: str
    state: str | None = None
    type: str | None = None
    account: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def holds(self) -> Iterator[ColumnElement[bool]]:
        """What is true of each of them."""
        same = {_c.c.endpoint_id: self.endpoint, _c.c.state: self.state, _c.c.type: self.type}
        yield from (column == value for column, value in same.items() if value is not None)
        if self.account is not None:
            yield _c.c.account_id == self.account
        if self.since is not None:
            yield _c.c.created_at >= self.since
        if self.until is not None:
            yield _c.c.created_at < self.until


async def endpoints(c: AsyncConnection, after: Before, most: int) -> Sequence[RowMapping]:
    """Endpoints, the oldest first."""
    wanted = _ENDPOINTS.order_by(_e.c.created_at, _e.c.id).limit(most)
    if after is not None:
        wanted = wanted.where(tuple_(_e.c.created_at, _e.c.id) > after)
    return (await c.execute(wanted)).mappings().all()


async def endpoint(c: AsyncConnection, id: str) -> RowMapping | None:
    """An endpoint that there is."""
    return (await c.execute(_ENDPOINT, {"endpoint": id})).mappings().one_or_none()


async def calls(c: AsyncConnection, sought: SoughtCalls, *, before: Before, most: int) -> Sequence[RowMapping]:
    """Calls, newest first."""
    wanted = select(*_FIELDS).where(*sought.holds()).order_by(_c.c.created_at.desc(), _c.c.id.desc()).limit(most)
    if before is not None:
        wanted = wanted.where(tuple_(_c.c.created_at, _c.c.id) < before)
    return (await c.execute(wanted)).mappings().all()


async def call(c: AsyncConnection, endpoint: str, id: str) -> RowMapping | None:
    """A call with its body."""
    return (await c.execute(_CALL, {"endpoint": endpoint, "call": id})).mappings().one_or_none()


async def attempts(c: AsyncConnection, call: str) -> Sequence[RowMapping]:
    """A call's attempts, in order."""
    return (await c.execute(_ATTEMPTS, {"call": call})).mappings().all()


async def status(c: AsyncConnection, now: datetime) -> dict[str, Any]:
    """How many endpoints there are and calls wait, and which are failing or disabled, with the reason."""
    numbers = (await c.execute(_NUMBERS)).mappings().one()
    if not numbers["endpoints"]:
        return {}
    troubled = [
        {
            "endpoint": row.name or row.id,
            "state": "failing" if row.enabled else "disabled",
            "since": row.failing_since.isoformat() if row.enabled else None,
            "reason": row.last_failure if row.enabled else row.disabled_because,
            "waiting": row.waiting,
        }
        for row in await c.execute(_TROUBLED, {"before": now - _A_WHILE})
    ]
    return {"webhooks": {**numbers, "troubled": troubled}}

"""Calls as batches and people write them: what is new, called back, missed, sent again, and forgotten."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Boolean, Row, and_, bindparam, case, delete, exists, func, null, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier import tables as t
from services.notifier.core.calls import LONGEST_WAIT, MOVES, State
from services.notifier.core.endpoints import Health
from services.notifier.store import endings
from services.notifier.store.moves import NOW
from shared.log.protocol import Outgoing
from shared.messages.erasing import Forgetting
from shared.pg import bulk
from shared.worker import outbox

_CHANNEL: Final = "webhook"
_ENDS: Final[Mapping[State, Any]] = {
    "delivered": "delivered",
    "failed": "failed",
    "missed": "failed",
    "cancelled": "cancelled",
}
"""How playbooks are told that a call of theirs has ended."""


class NewCall(NamedTuple):
    """An event for an endpoint."""

    id: str
    endpoint_id: str
    type: str
    account_id: str
    contact_id: str | None
    action_id: str | None
    body: bytes
    state: State
    """`waiting`, or `missed` where its endpoint is disabled."""
    reason: str
    settled_at: datetime | None
    traceparent: str | None
    caused_at: datetime | None


class Settling(NamedTuple):
    """A call that a playbook waits for, as it has ended. The tables' columns by their names."""

    id: str
    action_id: str
    account_id: str
    partition: int
    endpoint: str
    """Its name, or else its id."""
    state: State
    attempts: int
    uncertain: int
    reason: str
    traceparent: str | None
    caused_at: datetime | None


_c, _e, _h = t.calls, t.endpoints, t.told_health
_ADD: Final = bulk.Insert(_c, NewCall._fields, same=("partition", "due_at", "created_at"), nothing=True)
_waits = _c.c.state == bulk.word("waiting")
_name = select(func.coalesce(_e.c.name, _e.c.id)).where(_e.c.id == _c.c.endpoint_id).scalar_subquery()
_SETTLING: Final = (
    *(_c.c[name] for name in ("id", "action_id", "account_id", "partition")),
    _name.label("endpoint"),
    *(_c.c[name] for name in ("state", "attempts", "uncertain", "reason", "traceparent", "caused_at")),
)
_wanted = bulk.given(_c.c.action_id, _c.c.reason).c
_CANCEL: Final = (
    update(_c)
    .values(state=bulk.word("cancelled"), reason=_wanted.reason, settled_at=NOW)
    .where(_c.c.action_id == _wanted.action_id, _waits, _c.c.uncertain == 0)
    .returning(*_SETTLING)
)
_is_test = _c.c.type == bulk.word("test")
_is_deleted = exists().where(_e.c.id == _c.c.endpoint_id, _e.c.deleted_at.is_not(None))
_because = select(_e.c.disabled_because).where(_e.c.id == _c.c.endpoint_id).scalar_subquery()
_swept = (
    update(_c)
    .values(
        state=case((_is_deleted, bulk.word("cancelled")), else_=bulk.word("missed")),
        reason=case((_is_deleted, bindparam("deleted")), else_=_because),
        settled_at=NOW,
    )
    .where(_waits, or_(~_is_test, _is_deleted))
    .where(_c.c.endpoint_id.in_(select(_e.c.id).where(or_(~_e.c.enabled, _e.c.deleted_at.is_not(None)))))
    .returning(*_SETTLING)
    .cte("swept")
)
# Only what playbooks wait for is told: of the rest there may be a million.
_SWEEP: Final = select(*_swept.c).where(_swept.c.action_id.is_not(None))
_TOO_FAR: Final = (
    update(_c)
    .values(due_at=NOW)
    .where(t.CALL_WAITS, _c.c.due_at > bindparam("too_far", type_=_c.c.due_at.type))
    .returning(_c.c.id)
)
_AGAIN: Final = update(_c).values(
    # In the order in which they were told, before what comes.
    **{"state": bulk.word("waiting"), "due_at": func.least(_c.c.created_at, NOW), "lease": null()},
    **{"tries": 0, "reason": "", "settled_at": null()},
)
_can_go_again = and_(
    bulk.one_of(_c.c.state, (before for before, event in MOVES if event == "sent_again")), ~_c.c.erased
)
_goes_again = _AGAIN.where(
    _c.c.endpoint_id == bindparam("endpoint"),
    _c.c.created_at >= bindparam("since", type_=_c.c.created_at.type),
    _c.c.created_at < bindparam("until", type_=_c.c.created_at.type),
    _can_go_again,
    or_(_c.c.state != bulk.word("delivered"), ~bindparam("undelivered_only", type_=Boolean)),
).returning(_c.c.id)
_replayed = _goes_again.cte("replayed")
_REPLAY: Final = select(func.count()).select_from(_replayed)
_RETRY: Final = _AGAIN.where(
    _c.c.endpoint_id == bindparam("endpoint"), _c.c.id == bindparam("call"), _can_go_again
).returning(_c.c.id)
_OF_ACCOUNT: Final = select(_c.c.id, _c.c.contact_id, _c.c.body, _c.c.reason).where(
    _c.c.account_id == bindparam("account"), ~_c.c.erased
)
_FORGET: Final = (
    update(_c)
    .values(
        body=b"",
        contact_id=null(),
        erased=True,
        reason=case((_waits, bindparam("why")), else_=""),
        state=case((_waits, bulk.word("cancelled")), else_=_c.c.state),
        settled_at=case((_waits, NOW), else_=_c.c.settled_at),
    )
    .where(bulk.among(_c.c.id, "ids"))
    .returning(*_SETTLING)
)
_FORGET_ANSWERS: Final = update(t.call_attempts).values(answer="").where(bulk.among(t.call_attempts.c.call_id, "ids"))
_FORGET_HEALTH: Final = delete(_h).where(_h.c.account_id == bindparam("account"))
_HEALTH_KEY: Final = ("account_id", "endpoint_id")
_asked = bulk.given(_h.c.account_id, _h.c.endpoint_id).c
_HEALTH: Final = select(*_h.c).where(_h.c.account_id == _asked.account_id, _h.c.endpoint_id == _asked.endpoint_id)
_SAVE_HEALTH: Final = bulk.Insert(_h, (*_HEALTH_KEY, *Health._fields), update=Health._fields)
_AT_ONCE: Final = 500
ERASED: Final = "whom it tells of was erased"
DELETED: Final = "its endpoint was deleted"


def settled(one: Settling, now: datetime) -> Outgoing:
    """What playbooks are told of a call of theirs that has ended."""
    place = (one.id, one.action_id, one.account_id, one.partition, _CHANNEL, one.endpoint)
    how = (_ENDS[one.state], one.attempts, one.uncertain, one.reason, one.traceparent, one.caused_at)
    return endings.settled(endings.Ending(*place, *how, now, "webhook"), now)


def _missed(one: NewCall, partition: int, now: datetime) -> Outgoing:
    place = (one.id, one.action_id or "", one.account_id, partition, one.endpoint_id)
    return settled(Settling(*place, one.state, 0, 0, one.reason, one.traceparent, one.caused_at), now)


async def add(c: AsyncConnection, partition: int, new: Sequence[NewCall], now: datetime) -> None:
    """Write calls as the transaction ends; one that there is already stays as it is."""
    named = [one for one in new if one.action_id is not None and one.state == "missed"]
    settled_now = [(partition, _missed(one, partition, now)) for one in named]
    await bulk.later(c, _ADD.of(new, partition=partition, due_at=now, created_at=now), outbox.staged(c, settled_now))


async def add_test(c: AsyncConnection, new: NewCall, now: datetime) -> None:
    """Write a call that comes before all that waits."""
    await _ADD(c, [new], partition=0, due_at=now - timedelta(days=1), created_at=now)


async def cancel(c: AsyncConnection, reasons: Mapping[str, str], now: datetime) -> None:
    """Cancel what waits for these actions, unless it may have arrived."""
    wanted = bulk.arrays(("action_id", "reason"), reasons.items())
    await _settle(c, (await c.execute(_CANCEL, {**wanted, "now": now})).all(), now)


async def sweep(c: AsyncConnection, now: datetime) -> None:
    """What waits for an endpoint that is disabled is missed, and for one that was deleted cancelled; nothing waits for
    an instant that a clock ahead has set."""
    await c.execute(_TOO_FAR, {"now": now, "too_far": now + LONGEST_WAIT + timedelta(hours=1)})
    await _settle(c, await c.execute(_SWEEP, {"now": now, "deleted": DELETED}), now)


async def replay(
    c: AsyncConnection, endpoint: str, since: datetime, until: datetime, *, undelivered_only: bool, now: datetime
) -> int:
    """Let what was told between these go again, as it was. Returns how many."""
    asked = {"endpoint": endpoint, "since": since, "until": until, "undelivered_only": undelivered_only, "now": now}
    return int((await c.execute(_REPLAY, asked)).scalar_one())


async def retry(c: AsyncConnection, endpoint: str, id: str, now: datetime) -> bool:
    """Let one call go again. False where it can't: it is being sent, or it was erased."""
    return len((await c.execute(_RETRY, {"endpoint": endpoint, "call": id, "now": now})).all()) == 1


async def forget(c: AsyncConnection, forgetting: Forgetting, now: datetime) -> None:
    """Take away the bodies that tell of a contact, or of a whole account."""
    ids = []
    rows = await c.stream(_OF_ACCOUNT.execution_options(yield_per=_AT_ONCE), {"account": forgetting.account})
    async for row in rows:
        if forgetting.whole or row.contact_id == forgetting.contact_id or _names(forgetting, row.body):
            ids.append(row.id)
    if ids:
        found = (await c.execute(_FORGET, {"ids": ids, "now": now, "why": ERASED})).all()
        await c.execute(_FORGET_ANSWERS, {"ids": ids})
        await _settle(c, [row for row in found if row.state == "cancelled" and row.reason == ERASED], now)
    if forgetting.whole:
        await c.execute(_FORGET_HEALTH, {"account": forgetting.account})


async def health(c: AsyncConnection, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Health]:
    """How these accounts stood when these endpoints were told last, by account and endpoint."""
    rows = await c.execute(_HEALTH, bulk.arrays(_HEALTH_KEY, sorted(set(keys))))
    return {(row.account_id, row.endpoint_id): Health(row.rev, row.score, row.band) for row in rows}


async def save_health(c: AsyncConnection, told: Mapping[tuple[str, str], Health]) -> None:
    """Keep how accounts stood when endpoints were told."""
    await _SAVE_HEALTH(c, [(*key, *one) for key, one in told.items()])


async def _settle(c: AsyncConnection, rows: Iterable[Row[Any]], now: datetime) -> None:
    found = [Settling._make(row) for row in rows if row.action_id is not None]
    await bulk.later(c, outbox.staged(c, [(one.partition, settled(one, now)) for one in found]))


def _names(forgetting: Forgetting, body: bytes) -> bool:
    """Whether any text in a body names whoever is forgotten."""
    said = msgspec.json.decode(body)
    return bool(forgetting.within(said) != said)

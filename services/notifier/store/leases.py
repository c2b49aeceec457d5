"""What senders read and write: what is due, leases, results under them, and holds.

Why nothing goes twice, and what belongs together is not torn apart:

- Leasing and recording on one transport happen one at a time, over all workers (`lock`); of what is alone (`alone`)
  beside each other, but never beside these. So between what a sender reads as due and what it leases of that, no other
  sender moves anything; only cancelling and trying by hand come in between. Without it, a result that comes as its
  lease runs out would lock some of a message's deliveries while the others are leased anew, under an id that then
  stands for less than it was first sent with.
- A row that somebody is just cancelling is skipped, not waited for: the next look finds it cancelled, or still due.
- What a lease ran out on is recorded first, as cut off, by whoever finds it. That takes the token away, so a late
  result can't move it, whoever leases it next.
- A result moves only what still has the lease's token. The history takes it all the same: it did happen.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Executable,
    Row,
    TableValuedAlias,
    Text,
    UpdateBase,
    and_,
    bindparam,
    case,
    column,
    delete,
    exists,
    false,
    func,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier import tables as t
from services.notifier.core.delivery import Event
from services.notifier.core.grouping import Due
from services.notifier.core.message import Message
from services.notifier.core.retry import CLOCKS_APART, LONGEST_RETRY_AFTER
from services.notifier.core.routing import Setup
from services.notifier.store import detours, endings
from services.notifier.store.contacts import CELLS
from services.notifier.store.deliveries import EVERY_TARGET
from services.notifier.store.moves import NOW, can, lease_can, moved
from services.notifier.store.updating import UNDER_WAY
from shared.pg import bulk

Statement = tuple[Executable, dict[str, Any]]
"""One that is a transaction by itself, and what it is executed with."""


class AttemptRow(NamedTuple):
    """An attempt in the history: the table's columns behind the delivery's id, by their names."""

    attempt: int
    message_id: str
    began_at: datetime
    ended_at: datetime
    outcome: str
    reason: str
    receipt: str


class Result(NamedTuple):
    """What an attempt came to for one delivery, to be recorded under its lease, and in the history."""

    id: str
    lease: str | None
    event: Event
    due_at: datetime | None
    reason: str
    uncertain: int
    """1 when nobody knows whether it arrived."""
    settled_at: datetime
    """When the attempt ended."""
    history: AttemptRow
    """The last field: what stands before it is what moves the delivery."""


_d, _h, _a = t.deliveries, t.holds, t.attempts
_LEASED: Final = (
    *(_d.c[name] for name in ("id", "message_id", "target", "shared", "action", "attempts", "tries", "uncertain")),
    *(_d.c[name] for name in ("traceparent", "lease", "amends", "action_id", "account_id", "partition", "transport")),
    *(_d.c[name] for name in ("caused_at", "created_at", "kind", "response_url", "item_stands", "task_stands")),
    detours.DETOUR,
    select(_a.c.receipt)
    .where(_a.c.delivery_id == _d.c.amends, _a.c.outcome == "sent")
    .order_by(_a.c.attempt.desc())
    .limit(1)
    .scalar_subquery()
    .label("amended_receipt"),
    CELLS.label("contact"),
)
TRANSPORT: Final = bindparam("on_transport", type_=Text)
_HELD_UNTIL: Final = (
    select(func.max(_h.c.until))
    .where(_h.c.transport == _d.c.transport, or_(_h.c.target == _d.c.target, _h.c.target == EVERY_TARGET))
    # One that ends later than any could that begins now is not believed, nor one that begins later.
    .where(_h.c.until <= NOW + LONGEST_RETRY_AFTER, _h.c.since <= NOW + CLOCKS_APART)
    .scalar_subquery()
)
_UNHELD: Final = and_(_d.c.transport == TRANSPORT, t.IS_OPEN, func.coalesce(_HELD_UNTIL, NOW) <= NOW)
_DUE_FIELDS: Final = tuple(_d.c[name] for name in ("id", "message_id", "group_key", "target", "due_at"))
_MORE_FIELDS: Final = tuple(_d.c[name] for name in ("state", "tries", "attempts", "lease"))
_DUE: Final = (
    select(*_DUE_FIELDS, _HELD_UNTIL, *_MORE_FIELDS)
    .where(_UNHELD, _d.c.due_at <= NOW, ~UNDER_WAY)
    .order_by(_d.c.due_at)
    .limit(bindparam("most"))
)
_COMPANY: Final = select(*_DUE_FIELDS, null(), *_MORE_FIELDS).where(bulk.among(_d.c.message_id, "ids"))
_NEXT_DUE: Final = select(
    func.least(
        select(func.min(_d.c.due_at)).where(_UNHELD).scalar_subquery(),
        select(func.min(_h.c.until)).where(_h.c.transport == TRANSPORT, _h.c.until > NOW).scalar_subquery(),
    )
)
LOCK: Final = (func.hashtext("keepwell.notifier.lease"), func.hashtext(TRANSPORT))
"""The two numbers of a transport's lock."""
_LOCK: Final = select(func.pg_advisory_xact_lock(*LOCK))


def leasing(wanted: TableValuedAlias, message_id: ColumnElement[str], *where: ColumnElement[bool]) -> UpdateBase:
    """Leases what is wanted and still free, each under this id; what somebody else has in hand is left to them."""
    free = (
        select(_d.c.id, message_id.label("message_id"))
        .select_from(wanted)
        .join(_d, _d.c.id == wanted.c.id)
        .where(can("leased"), lease_can("taken"), *where)
        .with_for_update(of=_d, skip_locked=True)
        .cte("free")
    )
    return (
        update(_d)
        .values(
            state=moved("leased"),
            message_id=free.c.message_id,
            lease=bindparam("token"),
            due_at=bindparam("until"),
            attempts=_d.c.attempts + 1,
            tries=_d.c.tries + 1,
            outdated=false(),
        )
        .where(_d.c.id == free.c.id)
        .returning(*_LEASED)
    )


_wanted = bulk.given(_d.c.id, _d.c.message_id)
_LEASE: Final = leasing(_wanted, _wanted.c.message_id)

_RESULT: Final = Result._fields[:-1]
_result = bulk.given(*(column("event", Text) if name == "event" else _d.c[name] for name in _RESULT)).c
_uncertain = _d.c.uncertain + _result.uncertain
_called_back = and_(_result.event == bulk.word("put_off"), _uncertain == 0, _d.c.cancelled_because.is_not(None))
_overtaken = and_(bulk.one_of(_result.event, ("sent", "given_up")), _d.c.outdated)
_event = case((_called_back, bulk.word("withdrawn")), (_overtaken, bulk.word("overtaken")), else_=_result.event)
_waits = moved(_event) == bulk.word("waiting")
_RECORD: Final = (
    update(_d)
    .values(
        state=moved(_event),
        due_at=case((_overtaken, _result.settled_at), else_=func.coalesce(_result.due_at, _d.c.due_at)),
        reason=case((_called_back, _d.c.cancelled_because), else_=_result.reason),
        lease=None,
        # What is new in it has not been tried yet.
        tries=case((_overtaken, 0), else_=_d.c.tries),
        uncertain=_uncertain,
        # What surely did not arrive may go together with something else next time.
        message_id=case((and_(_uncertain == 0, or_(_waits, _called_back)), null()), else_=_d.c.message_id),
        settled_at=case((_waits, null()), else_=_result.settled_at),
    )
    .where(_d.c.id == _result.id, _d.c.lease.is_not_distinct_from(_result.lease), can(_event))
    .where(or_(_result.event != bulk.word("cut_off"), lease_can("taken_back")))
    .returning(*endings.COLUMNS)
)
_KEEP_ATTEMPTS: Final = bulk.Insert(
    t.attempts, ("delivery_id", *AttemptRow._fields), update=("ended_at", "outcome", "reason", "receipt")
)
_KEEP_MESSAGES: Final = bulk.Insert(t.messages, ("id", "message"), same=("at",), update=("message", "at"))
_DROP: Final = delete(t.messages).where(
    bulk.among(t.messages.c.id, "ids"), ~exists().where(_d.c.message_id == t.messages.c.id)
)
_HOLD: Final = bulk.Insert(
    t.holds,
    ("transport", "target", "since", "until", "reason"),
    set=lambda new: {
        "since": new.since,
        "until": case((_h.c.since > new.since + CLOCKS_APART, new.until), else_=func.greatest(_h.c.until, new.until)),
        "reason": new.reason,
    },
)


async def lock(c: AsyncConnection, transport: str) -> None:
    """Be the only one, over all workers, who leases or records on this transport until the transaction ends."""
    await c.execute(_LOCK, {"on_transport": transport})


async def due(c: AsyncConnection, transport: str, now: datetime, most: int) -> list[Due]:
    """What may be sent now, the longest due first; what is held is left out."""
    return [Due._make(row) for row in await c.execute(_DUE, {"on_transport": transport, "now": now, "most": most})]


async def company(c: AsyncConnection, message_ids: Sequence[str]) -> list[Due]:
    """Everything that is under these message ids, whatever its state, in the order of its ids."""
    return sorted(Due._make(row) for row in await c.execute(_COMPANY, {"ids": message_ids}))


def next_due(transport: str, now: datetime) -> Statement:
    """Asks when the next delivery comes due, a lease ends, or a hold is over: one value."""
    return _NEXT_DUE, {"on_transport": transport, "now": now}


async def lease(
    c: AsyncConnection, message_ids: Mapping[str, str], token: str, now: datetime, until: datetime
) -> Sequence[Row[Any]]:
    """Lease these deliveries, each under the message id given. Returns what is ours to send until then."""
    if not message_ids:
        return []
    wanted = bulk.arrays(("id", "message_id"), message_ids.items())
    return (await c.execute(_LEASE, {**wanted, "token": token, "now": now, "until": until})).all()


async def record(
    c: AsyncConnection,
    results: Sequence[Result],
    now: datetime,
    sent: Mapping[str, Message] | None = None,
    setup: Setup | None = None,
) -> list[endings.Ending]:
    """Record attempts under their leases, and keep the messages as they were sent, by their ids. With the setup known,
    what failed takes its next road.

    Returns what this ended; a lost lease changes nothing but the history. What was cancelled meanwhile and surely did
    not arrive is not tried again.
    """
    rows = (await c.execute(_RECORD, {**bulk.arrays(_RESULT, (result[:-1] for result in results)), "now": now})).all()
    attempts = _KEEP_ATTEMPTS.of((result.id, *result.history) for result in results)
    failed = [row.id for row in rows if row.state == "failed"]
    going_on, on = await detours.take(c, failed, setup, now) if failed and setup is not None else (set[str](), None)
    kept = _KEEP_MESSAGES.of((sent or {}).items(), at=now)
    return await endings.stage(c, rows, now, attempts, kept, on, going_on=going_on)


async def drop(c: AsyncConnection, message_ids: Collection[str]) -> None:
    """Keep these messages no more, where no delivery went by them: what waits is composed anew, and nobody would find
    there what is to be forgotten."""
    if message_ids:
        await c.execute(_DROP, {"ids": sorted(message_ids)})


async def hold(c: AsyncConnection, transport: str, target: str, since: datetime, until: datetime, reason: str) -> None:
    """Send nothing to this target (`*`: on this transport) until then."""
    await _HOLD(c, [(transport, target, since, until, reason)])

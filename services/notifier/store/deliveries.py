"""What a batch reads and writes: new deliveries with their gates, what is cancelled, and the inbox."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Row, and_, bindparam, case, delete, false, null, or_, select, union_all, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier import tables as t
from services.notifier.core.amending import amended, amending_id
from services.notifier.core.grouping import ALONE, Gate, Place
from services.notifier.core.message import Message
from services.notifier.core.routing import CONTACT, Route
from services.notifier.store import endings
from services.notifier.store.moves import NOW, can, moved
from services.notifier.store.told import decode
from shared.messages import tracing
from shared.messages.actions import ActionRequested, ItemChanged
from shared.pg import bulk
from shared.worker.handler import Incoming

EVERY_TARGET: Final = "*"
"""A hold of it holds the whole transport."""


class NewDelivery(NamedTuple):
    """What an action that is first heard of becomes: a message on its way."""

    id: str
    asked: Incoming
    route: Route
    group: str
    due_at: datetime
    whom: str | None = None
    """Of a letter to a customer's person: who they are, by id."""

    def row(self) -> tuple[Any, ...]:
        """As `_NEW` has it."""
        action: ActionRequested = self.asked.data
        to, event = self.route, self.asked.event
        return (
            *(self.id, action.action_id, action.account.id, action.kind, action.playbook, *action.tells_of),
            self.whom if to.transport == CONTACT else action.to_call[0],
            *(action.recipient.id if action.recipient else "", to.transport, to.target, to.shared, to.because),
            *(self.group, self.due_at, bytes(event.data), self.asked.record.headers.get(tracing.HEADER)),
            *(action.caused_at or event.accepted, _told_of(action)),
        )


def _told_of(action: ActionRequested) -> list[str] | None:
    """The accounts that a list tells of: whoever erases one finds it by that."""
    if action.kind != "digest":
        return None
    lines = action.day.lines if action.day is not None else ()
    ids = [*(str(one.get("account_id", "")) for one in action.found), *(one.account_id for one in lines)]
    return list(dict.fromkeys(ids))


_NEW: Final = (
    *("id", "action_id", "account_id", "kind", "playbook", "item_id", "task_id", "contact_id"),
    *("recipient", "transport", "target", "shared", "because"),
    *("group_key", "due_at", "action", "traceparent"),
    *("caused_at", "accounts"),
)
_d, _g, _h = t.deliveries, t.gates, t.holds
_come = bulk.given(_d.c.id, _g.c.key)
_known = select(_d.c.id).join(_come, _d.c.id == _come.c.id).cte("known")
_closed = (
    select(_come.c.key, bindparam("closed", type_=_g.c.until.type).label("until"), false().label("waiting"))
    .where(_come.c.key.is_not(None), _come.c.id.not_in(select(_known.c.id)))
    .distinct()
    .order_by(_come.c.key)
)
# To change nothing locks what there is, and what there was not yet begins as it would long after it closed.
_locked = (
    insert(_g)
    .from_select(list(_closed.selected_columns.keys()), _closed, include_defaults=False)
    .on_conflict_do_update(index_elements=[_g.c.key], set_={"until": _g.c.until})
    .returning(_g.c.key, _g.c.until, _g.c.waiting)
    .cte("locked")
)
_MEET: Final = union_all(
    select(_known.c.id, *(null().label(one.name) for one in _locked.c)), select(null(), *_locked.c)
)
_ADD: Final = bulk.Insert(_d, _NEW, same=("partition", "state", "created_at"), nothing=True)
_SET_GATES: Final = bulk.Update(_g, ("key",), ("until", "waiting"))
_wanted = bulk.given(_d.c.action_id, _d.c.reason).c
_waits = moved("cancelled") == "cancelled"
# In one statement: what begins or ends being sent at this moment is seen as one or the other.
_CANCEL: Final = (
    update(_d)
    .values(
        state=moved("cancelled"),
        cancelled_because=_wanted.reason,
        reason=case((_waits, _wanted.reason), else_=_d.c.reason),
        settled_at=case((_waits, NOW)),
    )
    .where(_d.c.action_id == _wanted.action_id, can("cancelled"), _d.c.uncertain == 0)
    .returning(*endings.COLUMNS)
)
_barred = bulk.given(_d.c.id, _d.c.reason).c
_BAR: Final = (
    update(_d)
    .values(state=moved("cancelled"), cancelled_because=_barred.reason, reason=_barred.reason, settled_at=NOW)
    .where(_d.c.id == _barred.id, _d.c.state == bulk.word("waiting"), can("cancelled"), _d.c.uncertain == 0)
    .returning(*endings.COLUMNS)
)
# What failed as one message is tried again as one, under the same id.
_asked = _d.alias("asked")
_RETRY: Final = (
    update(_d)
    .values(state=moved("retried"), due_at=NOW, tries=0, reason="", settled_at=None, cancelled_because=None)
    .where(
        _asked.c.id == bindparam("asked"),
        _asked.c.state == _d.c.state,
        or_(_d.c.id == _asked.c.id, _d.c.message_id == _asked.c.message_id),
        can("retried"),
    )
    .returning(_d.c.transport, _d.c.target)
)
_RELEASE: Final = delete(_h).where(
    _h.c.transport == bindparam("transport"), _h.c.target.in_([bindparam("target"), EVERY_TARGET])
)
# What has been sent, or may have been, stays as it was.
_RESTATE: Final = bulk.Update(
    _d,
    ("id",),
    ("action", "item_id", "task_id", "contact_id"),
    where=lambda _: and_(_d.c.state == "waiting", _d.c.message_id.is_(None)),
)
_RESTATE_DETOURS: Final = bulk.Update(
    _d,
    ("instead_of",),
    ("action", "item_id", "task_id", "contact_id"),
    where=lambda _: and_(_d.c.state == "waiting", _d.c.message_id.is_(None)),
)
_AS_TOLD: Final = (
    *("account_id", "partition", "kind", "playbook", "item_id", "task_id", "contact_id", "recipient"),
    *("transport", "target", "shared", "because", "traceparent"),
)
# What is read elsewhere is changed there (`updating`); a letter about many stays as it was.
_TOLD: Final = select(_d.c.id, _d.c.action_id, _d.c.action, _d.c.state, *(_d.c[name] for name in _AS_TOLD)).where(
    bulk.among(_d.c.action_id, "ids"),
    bulk.one_of(_d.c.state, ("delivered", "sending")),
    _d.c.message_id == _d.c.id,
    _d.c.transport == bulk.word("email"),
)
_AMEND: Final = bulk.Insert(
    _d,
    ("id", "action_id", "group_key", "due_at", "action", "amends", *_AS_TOLD),
    same=("state", "created_at"),
    nothing=True,
)
_IS_SENT: Final = timedelta(minutes=2)
_encode: Final = msgspec.json.Encoder().encode
_PUT_IN_INBOX: Final = bulk.Insert(t.inbox, ("id", "recipient", "at", "message"), nothing=True)
_MEND_IN_INBOX: Final = bulk.Update(t.inbox, ("id",), ("message",))


async def meet(
    c: AsyncConnection, places: Mapping[str, Place], now: datetime
) -> tuple[Collection[str], dict[str, Gate]]:
    """Which of these deliveries there are already, and the gates of the others, locked in one order; one that there was
    not yet is long closed."""
    come = bulk.arrays(("id", "key"), ((id, place.group if place.gated else None) for id, place in places.items()))
    rows = (await c.execute(_MEET, {**come, "closed": now - timedelta(days=1)})).all()
    gates = {key: Gate(until, waiting) for id, key, until, waiting in rows if id is None}
    return {id for id, *_ in rows if id is not None}, gates


async def add(
    c: AsyncConnection, partition: int, new: Sequence[NewDelivery], gates: Mapping[str, Gate], now: datetime
) -> None:
    """Write new deliveries, and the gates that they went through, which are locked, as the transaction ends. A delivery
    that there is already stays as it is."""
    await bulk.later(
        c,
        _SET_GATES.of((key, gate.until, gate.waiting) for key, gate in gates.items()),
        _ADD.of((one.row() for one in new), partition=partition, state="waiting", created_at=now),
    )


async def restate(c: AsyncConnection, anew: Mapping[str, Incoming]) -> None:
    """Let what still waits say what its action says now."""
    said = [(id, bytes(one.event.data), *one.data.tells_of, one.data.to_call[0]) for id, one in anew.items()]
    await _RESTATE(c, said)
    await _RESTATE_DETOURS(c, said)


async def amend(c: AsyncConnection, changed: Mapping[str, ItemChanged], now: datetime) -> set[str]:
    """Answer what was told by mail and is over: each letter about one action, once. Returns the transports that have to
    do so."""
    rows = (await c.execute(_TOLD, {"ids": sorted(changed)})).all()
    await _AMEND(c, [_amending(row, changed[row.action_id], now) for row in rows], state="waiting", created_at=now)
    return {row.transport for row in rows}


def _amending(told: Row[Any], changed: ItemChanged, now: datetime) -> tuple[Any, ...]:
    action = amended(decode(told.action), changed, changed.over_since or now)
    # What is being sent has arrived by then, or never will.
    due_at = now if told.state == "delivered" else now + _IS_SENT
    own = (amending_id(told.id), f"{told.action_id}-over", f"{ALONE}{told.id}", due_at, _encode(action), told.id)
    return *own, *(getattr(told, name) for name in _AS_TOLD)


async def cancel(c: AsyncConnection, reasons: Mapping[str, str], now: datetime) -> None:
    """Cancel what waits for these actions. What may have arrived goes on; what is being sent, too, unless it fails."""
    wanted = bulk.arrays(("action_id", "reason"), reasons.items())
    await endings.stage(c, await c.execute(_CANCEL, {**wanted, "now": now}), now)


async def bar(c: AsyncConnection, reasons: Mapping[str, str], now: datetime) -> None:
    """Cancel these deliveries, as far as they wait and have surely not arrived."""
    if reasons:
        given = bulk.arrays(("id", "reason"), sorted(reasons.items()))
        await endings.stage(c, await c.execute(_BAR, {**given, "now": now}), now)


async def retry(c: AsyncConnection, id: str, now: datetime) -> str | None:
    """Let a failed delivery wait again, due now, past any hold. Returns its transport, or None if it had not failed."""
    places = {(row.transport, row.target) for row in await c.execute(_RETRY, {"asked": id, "now": now})}
    for transport, target in places:
        await c.execute(_RELEASE, {"transport": transport, "target": target})
    return next((transport for transport, _ in places), None)


def mend_in_inbox(id: str, message: Message) -> bulk.Write:
    """Lets a message that lies in an inbox say what it says now."""
    return _MEND_IN_INBOX.statement, bulk.arrays(("id", "message"), [(id, message)])


def put_in_inbox(id: str, recipient: str, at: datetime, message: Message) -> bulk.Write:
    """Puts a message into an inbox, once."""
    return _PUT_IN_INBOX.statement, bulk.arrays(("id", "recipient", "at", "message"), [(id, recipient, at, message)])

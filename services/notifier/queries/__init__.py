"""What HTTP reads: deliveries with their attempts, the inbox, and how it stands. Fields are those of `views`."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import (
    ColumnElement,
    Float,
    Row,
    RowMapping,
    Select,
    bindparam,
    case,
    cast,
    exists,
    func,
    or_,
    select,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier import tables as t
from services.notifier.core.amending import UPDATE
from services.notifier.core.contacts import Cells
from services.notifier.core.retry import CLOCKS_APART
from services.notifier.store.contacts import CELLS
from services.notifier.store.deliveries import EVERY_TARGET
from services.notifier.store.detours import DETOUR, FIRST
from shared.pg import bulk

_d = t.deliveries
_IS_UPDATE: Final = _d.c.kind == bulk.word(UPDATE)
_CHANNEL: Final = _d.c.transport + ":" + _d.c.target
_SECONDS: Final = cast(func.round(func.extract("epoch", _d.c.settled_at - _d.c.caused_at), 3), Float)
_FIELDS: Final = (
    *(_d.c[name] for name in ("id", "action_id", "kind", "playbook", "because", "state", "message_id", "attempts")),
    *(_d.c[name] for name in ("uncertain", "reason", "created_at", "caused_at", "settled_at")),
    *(_d.c[name] for name in ("item_id", "task_id", "contact_id", "instead_of", "road")),
    _d.c.account_id.label("account"),
    func.nullif(_d.c.recipient, "").label("recipient"),
    _CHANNEL.label("channel"),
    case((_d.c.state == "waiting", _d.c.due_at)).label("due_at"),
    case((_d.c.state == "delivered", _SECONDS)).label("seconds"),
)
_ONE: Final = (
    select(
        *_FIELDS,
        *(_d.c[name] for name in ("traceparent", "transport", "target", "group_key", "action", "shared")),
        *(_d.c[name] for name in ("item_stands", "task_stands")),
        *(_d.c.due_at.label("comes_due"), t.messages.c.message, CELLS.label("contact"), DETOUR),
    )
    .select_from(_d)
    .outerjoin(t.messages, t.messages.c.id == case((_IS_UPDATE, _d.c.amends), else_=_d.c.message_id))
)
_goes_on = _d.alias()
_HAS_GONE_ON: Final = exists().where(_goes_on.c.instead_of == FIRST, _goes_on.c.road > _d.c.road)
_ROADS: Final = (
    select(*(_d.c[name] for name in ("id", "because", "state", "reason", "attempts", "created_at", "settled_at")))
    .add_columns(_CHANNEL.label("channel"))
    .where(or_(_d.c.id == bindparam("first"), _d.c.instead_of == bindparam("first")))
    .order_by(_d.c.road)
)
_TOGETHER: Final = select(func.count()).where(_d.c.message_id == bindparam("message"))
_HELD: Final = (
    select(t.holds)
    .where(
        t.holds.c.transport == bindparam("transport"), t.holds.c.until > bindparam("now", type_=t.holds.c.until.type)
    )
    .where(t.holds.c.since <= bindparam("now", type_=t.holds.c.since.type) + CLOCKS_APART)
    .where(or_(t.holds.c.target == bindparam("target"), t.holds.c.target == EVERY_TARGET))
    .order_by(t.holds.c.until.desc())
    .limit(1)
)
_n = t.contacts.c
_CONTACTS: Final = select(_n.cells).where(~_n.erased)
_WHOLE_BOOK: Final = (
    select(_n.account_id, _n.contact_id, _n.erased, _n.cells)
    .order_by(_n.account_id, _n.contact_id)
    .execution_options(yield_per=500)
)
_COUNTS: Final = (
    select(_d.c.state, func.count().label("count"))
    .where(bulk.one_of(_d.c.state, ("waiting", "sending", "failed")), ~_IS_UPDATE)
    # What failed and has gone on by another road is as that ends.
    .where(or_(_d.c.state != "failed", ~_HAS_GONE_ON))
    .group_by(_d.c.state)
)

Before = tuple[Any, ...] | None


class Sought(NamedTuple):
    """Which deliveries are asked for; None is any."""

    account: str | None = None
    recipient: str | None = None
    """The id of whom it is for."""
    state: str | None = None
    channel: str | None = None
    """A transport such as `slack`, or one target such as `slack:#renewals`."""
    item: str | None = None
    """The alert, task or flag that it tells of."""
    since: datetime | None = None
    """Asked for then or later."""
    until: datetime | None = None
    """Asked for before then."""
    contact: str | None = None
    """The id of the customer's person that it is about, or goes to."""

    def holds(self) -> Iterator[ColumnElement[bool]]:
        """What is true of each of them."""
        same = {_d.c.account_id: self.account, _d.c.recipient: self.recipient, _d.c.state: self.state}
        same[_d.c.contact_id] = self.contact
        yield from (column == value for column, value in same.items() if value is not None)
        if self.channel is not None:
            yield (_CHANNEL if ":" in self.channel else _d.c.transport) == self.channel
        if self.item is not None:
            yield or_(_d.c.item_id == self.item, _d.c.task_id == self.item)
        if self.since is not None:
            yield _d.c.created_at >= self.since
        if self.until is not None:
            yield _d.c.created_at < self.until


async def deliveries(c: AsyncConnection, sought: Sought, *, before: Before, most: int) -> Sequence[RowMapping]:
    """Deliveries, newest first. What brings a message up to date is told with that."""
    wanted = select(*_FIELDS).where(~_IS_UPDATE, *sought.holds())
    return await _newest(c, wanted, _d.c.created_at, _d.c.id, before, most)


async def delivery(c: AsyncConnection, id: str) -> RowMapping | None:
    """A delivery with its action and the message as it was last sent."""
    return (await c.execute(_ONE.where(_d.c.id == id))).mappings().one_or_none()


async def roads(c: AsyncConnection, first: str) -> Sequence[RowMapping]:
    """Every road that was taken for a delivery, which is named by its first, in order."""
    return (await c.execute(_ROADS, {"first": first})).mappings().all()


async def together(c: AsyncConnection, message: str) -> int:
    """How many deliveries went as one message."""
    return int((await c.execute(_TOGETHER, {"message": message})).scalar_one())


async def held(c: AsyncConnection, transport: str, target: str, now: datetime) -> str:
    """Until when a road is held and why, in words; empty where it is not."""
    asked = {"transport": transport, "target": target, "now": now}
    one = (await c.execute(_HELD, asked)).one_or_none()
    return f"held until {one.until:%H:%M:%S} UTC: {one.reason}" if one is not None else ""


async def attempts(c: AsyncConnection, id: str) -> Sequence[RowMapping]:
    """A delivery's attempts, in order."""
    wanted = select(t.attempts).where(t.attempts.c.delivery_id == id).order_by(t.attempts.c.attempt)
    return (await c.execute(wanted)).mappings().all()


async def inbox(c: AsyncConnection, *, recipient: str | None, before: Before, most: int) -> Sequence[RowMapping]:
    """What is in an inbox, or in all, newest first."""
    wanted = select(t.inbox) if recipient is None else select(t.inbox).where(t.inbox.c.recipient == recipient)
    return await _newest(c, wanted, t.inbox.c.at, t.inbox.c.id, before, most)


async def contact(c: AsyncConnection, account: str, id: str) -> Cells | None:
    """A person of the address book; None where nothing is known, or nothing any more."""
    found: Cells | None = (
        await c.execute(_CONTACTS.where(_n.account_id == account, _n.contact_id == id))
    ).scalar_one_or_none()
    return found


async def contacts(c: AsyncConnection, account: str, after: str, most: int) -> Sequence[Row[Any, Any]]:
    """The people of an account that come after this one, by id."""
    wanted = _CONTACTS.with_only_columns(_n.contact_id, _n.cells).where(_n.account_id == account, _n.contact_id > after)
    return (await c.execute(wanted.order_by(_n.contact_id).limit(most))).all()


async def fingerprint(c: AsyncConnection) -> tuple[str, int]:
    """One hash of the address book, who was erased included, and how many people are in it."""
    hashed, count = sha256(), 0
    rows = await c.stream(_WHOLE_BOOK)
    async for account, contact, erased, cells in rows:
        hashed.update(msgspec.msgpack.encode((account, contact, erased, sorted(cells.items()))))
        count += not erased
    return hashed.hexdigest(), count


async def _newest(
    c: AsyncConnection, wanted: Select[Any], at: ColumnElement[Any], id: ColumnElement[Any], before: Before, most: int
) -> Sequence[RowMapping]:
    if before is not None:
        wanted = wanted.where(tuple_(at, id) < before)
    found: Sequence[RowMapping] = (await c.execute(wanted.order_by(at.desc(), id.desc()).limit(most))).mappings().all()
    return found


async def status(c: AsyncConnection, now: datetime) -> dict[str, Any]:
    """How many deliveries wait, are being sent or failed, and which channels are held, with the reason."""
    counts = {row.state: row.count for row in await c.execute(_COUNTS)}
    believed = t.holds.c.since <= now + CLOCKS_APART
    held = select(t.holds).where(t.holds.c.until > now, believed).order_by(t.holds.c.transport, t.holds.c.target)
    holds = [
        {
            "channel": row.transport if row.target == EVERY_TARGET else f"{row.transport}:{row.target}",
            "until": row.until.isoformat(),
            "reason": row.reason,
        }
        for row in await c.execute(held)
    ]
    return {"deliveries": {state: counts.get(state, 0) for state in ("waiting", "sending", "failed")}, "holds": holds}

"""Deliveries that came to their end, and how playbooks are told.

Of a message to a customer's people they are told once, when all its letters have ended. Whoever ends some of them locks
the action's id and then looks for what is left: of two at once, the second sees what the first has ended.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import Row, Text, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier import tables as t
from services.notifier.core.amending import OURS
from services.notifier.core.audience import told_of_all
from services.notifier.core.delivery import OPEN
from services.notifier.core.routing import CONTACT
from shared.log.protocol import Outgoing
from shared.messages import envelope, registry, tracing
from shared.messages.deliveries import DeliverySettled
from shared.pg import bulk
from shared.worker import outbox

_SOURCE: Final = "keepwell/notifier"
_TYPE: Final = "delivery.settled"


class Ending(NamedTuple):
    """Of a delivery that came to its end: how, and what is told of it. The table's columns by their names."""

    id: str
    action_id: str
    account_id: str
    partition: int
    transport: str
    target: str
    state: Literal["delivered", "failed", "cancelled"]
    attempts: int
    uncertain: int
    reason: str
    traceparent: str | None
    caused_at: datetime | None
    settled_at: datetime
    kind: str


_d: Final = t.deliveries.c
_LOCK: Final = select(
    func.pg_advisory_xact_lock(
        func.hashtext("keepwell.notifier.letters"), func.hashtext(bindparam("action", type_=Text))
    )
)
_LETTERS: Final = (
    select(*(_d[name] for name in Ending._fields))
    .where(bulk.among(_d.action_id, "actions"), _d.transport == bulk.word(CONTACT))
    .order_by(_d.action_id, _d.id)
)
COLUMNS: Final = tuple(t.deliveries.c[name] for name in Ending._fields)
"""Of a delivery that was moved: what says whether it has ended, and how."""


async def stage(
    c: AsyncConnection,
    moved: Iterable[Row[Any]],
    now: datetime,
    *beside: bulk.Write | None,
    going_on: Collection[str] = (),
) -> list[Ending]:
    """Of deliveries that were moved, find those that ended, and stage a `delivery.settled` for each but those that go
    on by another road: the last settles it. What else is to be written goes with it. Of what comes of messages (`OURS`)
    nobody else hears."""
    found = [Ending._make(row) for row in moved if row.state not in OPEN and row.kind not in OURS]
    told = [(one.partition, settled(one, now)) for one in found if one.id not in going_on and one.transport != CONTACT]
    await bulk.together(c, *beside, outbox.staged(c, told))
    if letters := sorted({one.action_id for one in found if one.transport == CONTACT}):
        await _stage_letters(c, letters, now)
    return found


async def _stage_letters(c: AsyncConnection, actions: Sequence[str], now: datetime) -> None:
    for action in actions:
        await c.execute(_LOCK, {"action": action})
    by_action: dict[str, list[Ending]] = {}
    for row in await c.execute(_LETTERS, {"actions": actions}):
        by_action.setdefault(row.action_id, []).append(Ending._make(row))
    whole = [of_one for of_one in by_action.values() if all(one.state not in OPEN for one in of_one)]
    await bulk.together(c, outbox.staged(c, [(of_one[0].partition, _all_settled(of_one, now)) for of_one in whole]))


def _all_settled(letters: Sequence[Ending], now: datetime) -> Outgoing:
    """What playbooks are told of a message to a customer's people, all of whose letters have ended."""
    state, reason = told_of_all([(one.state, one.reason) for one in letters])
    first = next(one for one in letters if one.state == state)
    data = DeliverySettled(
        delivery_id=first.id,
        action_ids=[first.action_id],
        channel=CONTACT if len(letters) > 1 else f"{CONTACT}:{first.target}",
        state=first.state,
        at=now,
        attempts=max(one.attempts for one in letters),
        reason=reason,
        uncertain=any(one.uncertain > 0 for one in letters),
    )
    # What failed and is tried by hand settles again.
    return _outgoing(first, data, f"{first.action_id}-letters-{sum(one.attempts for one in letters)}-{state}", now)


def settled(ending: Ending, now: datetime) -> Outgoing:
    """What playbooks are told of it."""
    data = DeliverySettled(
        delivery_id=ending.id,
        action_ids=[ending.action_id],
        channel=f"{ending.transport}:{ending.target}",
        state=ending.state,
        at=now,
        attempts=ending.attempts,
        reason=ending.reason,
        uncertain=ending.uncertain > 0,
    )
    # A delivery that is tried by hand settles again.
    return _outgoing(ending, data, f"{ending.id}-{ending.attempts}-{ending.state}", now)


def _outgoing(ending: Ending, data: DeliverySettled, id: str, now: datetime) -> Outgoing:
    event = envelope.wrap(
        data,
        id=id,
        source=_SOURCE,
        type=_TYPE,
        subject=ending.account_id,
        time=now,
        accepted=ending.caused_at,
    )
    trace = {tracing.HEADER: ending.traceparent} if ending.traceparent else {}
    return Outgoing(registry.DELIVERIES, ending.account_id, envelope.encode(event), {"ce_type": _TYPE} | trace)

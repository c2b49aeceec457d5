"""Deliveries that came to their end, and how playbooks are told."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier import tables as t
from services.notifier.core.amending import OURS
from services.notifier.core.delivery import OPEN
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
    told = [(one.partition, settled(one, now)) for one in found if one.id not in going_on]
    await bulk.together(c, *beside, outbox.staged(c, told))
    return found


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
    event = envelope.wrap(
        data,
        # A delivery that is tried by hand settles again.
        id=f"{ending.id}-{ending.attempts}-{ending.state}",
        source=_SOURCE,
        type=_TYPE,
        subject=ending.account_id,
        time=now,
        accepted=ending.caused_at,
    )
    trace = {tracing.HEADER: ending.traceparent} if ending.traceparent else {}
    return Outgoing(registry.DELIVERIES, ending.account_id, envelope.encode(event), {"ce_type": _TYPE} | trace)

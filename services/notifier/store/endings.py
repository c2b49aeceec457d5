"""Deliveries that came to their end, and how playbooks are told."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier import tables as t
from services.notifier.core.delivery import OPEN
from shared.log.protocol import Outgoing
from shared.messages import envelope, registry, tracing
from shared.messages.deliveries import DeliverySettled
from shared.pg import bulk
from shared.worker import outbox

_SOURCE: Final = "keepwell/notifier"
_TYPE: Final = "delivery.settled"


_NAMES: Final = (
    *("id", "action_id", "account_id", "partition", "transport", "target", "state", "attempts", "uncertain"),
    *("reason", "traceparent", "caused_at", "settled_at"),
)
COLUMNS: Final = tuple(t.deliveries.c[name] for name in _NAMES)
"""Of a delivery that was moved: what says whether it has ended, and how."""


async def stage(
    c: AsyncConnection, moved: Iterable[Row[Any]], now: datetime, *beside: bulk.Write | None
) -> list[Row[Any]]:
    """Of deliveries that were moved, find those that ended, and stage a `delivery.settled` for each. What else is to be
    written goes with it."""
    found = [row for row in moved if row.state not in OPEN]
    await bulk.together(c, *beside, outbox.staged(c, [(one.partition, _message(one, now)) for one in found]))
    return found


def _message(ending: Row[Any], now: datetime) -> Outgoing:
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

"""Tells playbooks which deliveries came to their end."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier.store import Settled
from shared.log.protocol import Outgoing
from shared.messages import envelope, registry, tracing
from shared.messages.deliveries import DeliverySettled
from shared.worker import outbox

SOURCE: Final = "keepwell/notifier"
_TYPE: Final = "delivery.settled"


async def stage_settled(c: AsyncConnection, settled: Sequence[Settled], now: datetime) -> None:
    """Stage a `delivery.settled` for each, in its account's partition."""
    by_partition: dict[int, list[Outgoing]] = {}
    for delivery in settled:
        by_partition.setdefault(delivery.partition, []).append(_message(delivery, now))
    for partition, messages in sorted(by_partition.items()):
        await outbox.stage(c, partition, messages)


def _message(delivery: Settled, now: datetime) -> Outgoing:
    data = DeliverySettled(
        delivery_id=delivery.id,
        action_ids=[delivery.action_id],
        channel=f"{delivery.transport}:{delivery.target}",
        state=delivery.state,  # type: ignore[arg-type]  # the query returns the three end states only
        at=now,
        attempts=delivery.attempts,
        reason=delivery.reason,
        uncertain=delivery.uncertain > 0,
    )
    event = envelope.wrap(
        data,
        # A delivery that is tried by hand settles again.
        id=f"{delivery.id}-{delivery.attempts}-{delivery.state}",
        source=SOURCE,
        type=_TYPE,
        subject=delivery.account_id,
        time=now,
        accepted=delivery.caused_at,
    )
    headers = {"ce_type": _TYPE}
    if delivery.traceparent:
        headers[tracing.HEADER] = delivery.traceparent
    return Outgoing(registry.DELIVERIES, delivery.account_id, envelope.encode(event), headers)

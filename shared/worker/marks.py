"""Marks: what scoring vouches for, so that the timers of whoever reads the assessments may run."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import not_, select

from shared.log.protocol import Outgoing
from shared.messages import envelope, registry
from shared.messages.assessments import PartitionMark
from shared.pg import bulk
from shared.pg.uow import UnitOfWork
from shared.worker import tables as t
from shared.worker.relay import Relay

_TYPE = "partition.mark"
_UNSENT = (
    select(t.outbox.c.partition)
    .distinct()
    .where(bulk.among(t.outbox.c.partition, "partitions"), not_(bulk.among(t.outbox.c.id, "confirmed")))
)


async def send(
    through: Mapping[int, datetime], uow: UnitOfWork, relay: Relay, interrupted: Mapping[str, datetime]
) -> Collection[int]:
    """Vouch for those partitions of which the broker has confirmed all that was decided. Returns which these were.

    The outbox is asked after the partitions were found ready: what they decided by then is in it, or confirmed. Raises
    `Unconfirmed`.
    """
    if not through:
        return ()
    # Looked up before the rows are: one that is confirmed in between only delays a mark.
    confirmed = list(relay.confirmed)
    unsent = {row.partition for row in await uow.once(_UNSENT, {"partitions": list(through), "confirmed": confirmed})}
    marks = {number: at for number, at in through.items() if number not in unsent}
    if marks:
        await relay.publish([_mark(number, at, interrupted) for number, at in marks.items()])
    return marks


def _mark(number: int, through: datetime, interrupted: Mapping[str, datetime]) -> Outgoing:
    event = envelope.wrap(
        PartitionMark(through=through, interrupted=dict(interrupted)),
        id=f"{number}-{through.isoformat()}",
        source="keepwell/scoring",
        type=_TYPE,
        subject=str(number),
        time=through,
    )
    return Outgoing(registry.ASSESSMENTS, "", envelope.encode(event), {"ce_type": _TYPE}, partition=number)

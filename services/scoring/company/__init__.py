"""What is decided about ourselves, by the owner of `$company`'s partition: which sources are interrupted, whether NPS
has dropped."""

from datetime import datetime

import msgspec

from services.scoring.core.batch import SOURCE
from shared.log.partitioner import partition_of
from shared.log.protocol import Outgoing
from shared.messages import envelope, registry


def is_ours(partition: int, partitions: int) -> bool:
    """Whether who owns this partition decides about us."""
    return partition == partition_of(registry.COMPANY, partitions)


def told(type: str, data: msgspec.Struct, id: str, at: datetime, now: datetime) -> Outgoing:
    """What happened to us, as an event of the reserved account."""
    event = envelope.wrap(data, id=id, source=SOURCE, type=type, subject=registry.COMPANY, time=at, accepted=now)
    return Outgoing(registry.topic_of(type), registry.COMPANY, envelope.encode(event), {"ce_type": type})

"""Effects leave through the outbox: written in the transaction that decided them, published after it."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.log.protocol import Outgoing
from shared.pg import bulk
from shared.pg.direct import notes
from shared.worker import tables as t

_STAGE = bulk.Insert(t.outbox, ("partition", "topic", "key", "value", "headers", "to_partition"))
_STAGED: Final = "staged"


async def stage(c: AsyncConnection, partition: int, messages: Sequence[Outgoing]) -> None:
    """Write messages to the outbox, in order, as the transaction ends. `partition` says whose owner relays them."""
    await bulk.later(c, staged(c, [(partition, message) for message in messages]))


def staged(c: AsyncConnection, messages: Sequence[tuple[int, Outgoing]]) -> bulk.Write | None:
    """The same, of several partitions, to be executed together with what else this transaction writes."""
    if messages:
        notes(c)[_STAGED] = True
    return _STAGE.of((number, m.topic, m.key, m.value, dict(m.headers), m.partition) for number, m in messages)


def has_staged(c: AsyncConnection) -> bool:
    """Whether this transaction has staged something, so that the relay has work when it has committed."""
    return _STAGED in notes(c)

"""Effects leave through the outbox: written in the transaction that decided them, published after it."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.log.protocol import Outgoing

_STAGE = text(
    """
    INSERT INTO outbox (partition, topic, key, value, headers, to_partition)
    SELECT :partition, m.topic, m.key, m.value, m.headers::jsonb, m.to_partition
    FROM unnest(CAST(:topics AS text[]), CAST(:keys AS text[]), CAST(:values AS bytea[]), CAST(:headers AS text[]),
                CAST(:to_partitions AS int[])) WITH ORDINALITY AS m(topic, key, value, headers, to_partition, place)
    ORDER BY m.place
    """
)


async def stage(c: AsyncConnection, partition: int, messages: Sequence[Outgoing]) -> None:
    """Write messages to the outbox, in order. `partition` says whose owner relays them."""
    if not messages:
        return
    await c.execute(
        _STAGE,
        {
            "partition": partition,
            "topics": [m.topic for m in messages],
            "keys": [m.key for m in messages],
            "values": [m.value for m in messages],
            "headers": [msgspec.json.encode(dict(m.headers)).decode() for m in messages],
            "to_partitions": [m.partition for m in messages],
        },
    )

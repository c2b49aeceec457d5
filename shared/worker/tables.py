"""The tables that every service with a worker keeps in its own schema.

Statements name these; a service's metadata gets copies, which its migrations are compared with. Neither names a schema:
each connection's search path does.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    false,
)
from sqlalchemy.dialects.postgresql import JSONB

_metadata = MetaData()
_Time = DateTime(timezone=True)

outbox = Table(
    "outbox",
    _metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("partition", Integer, nullable=False),
    Column("topic", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("to_partition", Integer),
    Index("outbox_by_partition", "partition", "id"),
)
"""Messages that a transaction decided on and the relay has yet to publish."""

partitions = Table(
    "partitions",
    _metadata,
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("epoch", BigInteger, nullable=False),
    Column("owner", Text, nullable=False),
)

offsets = Table(
    "offsets",
    _metadata,
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("next", BigInteger, nullable=False),
    Column("cluster", Text, nullable=False),
    Column("last_time", _Time),
    Column("last_digest", LargeBinary),
)

timers = Table(
    "timers",
    _metadata,
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("key", Text, primary_key=True),
    Column("due", _Time, nullable=False),
    Index("timers_by_due", "partition", "due"),
)

dead_letters = Table(
    "dead_letters",
    _metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("key", Text, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", _Time, nullable=False),
    Column("replayed_at", _Time),
    Column("replayed_by", Text),
    Index("dead_letters_by_place", "topic", "partition", "offset", unique=True),
)

claims = Table(
    "claims",
    _metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("partition", Integer, nullable=False),
    Column("day", Date, nullable=False),
    Column("digests", LargeBinary, nullable=False),
    Column("history", Boolean, nullable=False, server_default=false()),
    Index("claims_by_day", "partition", "day", "id"),
)
"""Which events were counted: packed digests, a row a batch and day."""

claim_filters = Table(
    "claim_filters",
    _metadata,
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("day", Date, primary_key=True),
    Column("through", BigInteger, nullable=False),
    Column("bits", LargeBinary, nullable=False),
)
"""A filter for each closed day, of its claims up to an id."""


def relay_tables(metadata: MetaData) -> None:
    """Add the outbox alone, for a service that publishes and reads nothing."""
    outbox.to_metadata(metadata)


def worker_tables(metadata: MetaData) -> None:
    """Add ownership, offsets, timers, dead letters and the outbox."""
    for table in (outbox, partitions, offsets, timers, dead_letters):
        table.to_metadata(metadata)


def claim_tables(metadata: MetaData) -> None:
    """Add what remembers which events were counted."""
    for table in (claims, claim_filters):
        table.to_metadata(metadata)

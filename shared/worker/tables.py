"""The tables that every service with a worker keeps in its own schema."""

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
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

_Time = DateTime(timezone=True)


def relay_tables(metadata: MetaData) -> None:
    """The outbox: messages that a transaction decided on and the relay has yet to publish."""
    Table(
        "outbox",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("partition", Integer, nullable=False),
        Column("topic", Text, nullable=False),
        Column("key", Text, nullable=False),
        Column("value", LargeBinary, nullable=False),
        Column("headers", JSONB, nullable=False),
        Column("to_partition", Integer),
        Index("outbox_by_partition", "partition", "id"),
    )


def worker_tables(metadata: MetaData) -> None:
    """Ownership, offsets, timers, dead letters and the outbox."""
    relay_tables(metadata)
    Table(
        "partitions",
        metadata,
        Column("partition", Integer, primary_key=True, autoincrement=False),
        Column("epoch", BigInteger, nullable=False),
        Column("owner", Text, nullable=False),
    )
    Table(
        "offsets",
        metadata,
        Column("topic", Text, primary_key=True),
        Column("partition", Integer, primary_key=True, autoincrement=False),
        Column("next", BigInteger, nullable=False),
        Column("cluster", Text, nullable=False),
        Column("last_time", _Time),
        Column("last_digest", LargeBinary),
    )
    Table(
        "timers",
        metadata,
        Column("partition", Integer, primary_key=True, autoincrement=False),
        Column("key", Text, primary_key=True),
        Column("due", _Time, nullable=False),
        Index("timers_by_due", "partition", "due"),
    )
    Table(
        "dead_letters",
        metadata,
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


def claim_tables(metadata: MetaData) -> None:
    """Which events were counted: packed digests, a row a batch and day, and a filter for each closed day."""
    Table(
        "claims",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("partition", Integer, nullable=False),
        Column("day", Date, nullable=False),
        Column("digests", LargeBinary, nullable=False),
        Column("history", Boolean, nullable=False, server_default=text("false")),
        Index("claims_by_day", "partition", "day", "id"),
    )
    Table(
        "claim_filters",
        metadata,
        Column("partition", Integer, primary_key=True, autoincrement=False),
        Column("day", Date, primary_key=True),
        Column("through", BigInteger, nullable=False),
        Column("bits", LargeBinary, nullable=False),
    )

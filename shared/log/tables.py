"""The tables of the local log, in a schema of their own that every role may append to and read."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    literal_column,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()

counters = Table(
    "counters",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("begin", BigInteger, nullable=False, server_default=literal_column("0")),
    Column("next", BigInteger, nullable=False, server_default=literal_column("0")),
)

records = Table(
    "records",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("offset", BigInteger, primary_key=True, autoincrement=False),
    Column("time", DateTime(timezone=True), nullable=False),
    Column("mark", Boolean, nullable=False),
    Column("key", Text, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("headers", JSONB, nullable=False),
    Index("records_by_time", "time", postgresql_using="brin"),
    Index("records_marks", "time", postgresql_where=literal_column("mark")),
)

identity = Table("identity", metadata, Column("cluster", Text, primary_key=True))

readers = Table(
    "readers",
    metadata,
    Column("service", Text, primary_key=True),
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("next", BigInteger, nullable=False),
)
"""How far each service has read: never further than it has committed. What is not read stays."""

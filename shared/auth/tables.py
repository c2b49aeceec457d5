"""The key store's tables, in the schema `access`: every service reads them, ingest writes them."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    false,
)
from sqlalchemy.dialects.postgresql import ARRAY

metadata = MetaData()

keys = Table(
    "keys",
    metadata,
    Column("name", Text, primary_key=True),
    Column("hash", LargeBinary, nullable=False, unique=True),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("source", Text, nullable=False),
    Column("sources", ARRAY(Text), nullable=False),
    Column("csm", Text),
    # The only types of events that it may send; none: all.
    Column("types", ARRAY(Text), nullable=False, server_default="{}"),
    # Null: what the installation's settings say. 0: as many as it likes.
    Column("events_per_second", Integer),
    # The longest event that it may send, in bytes.
    Column("largest", Integer),
    Column("test", Boolean, nullable=False, server_default=false()),
    # The key before the last rotation, which works until then.
    Column("old_hash", LargeBinary),
    Column("old_until", DateTime(timezone=True)),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("revoked_at", DateTime(timezone=True)),
)

secret = Table(
    "secret",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("value", LargeBinary, nullable=False),
    CheckConstraint("id = 1", name="only_one"),
)
"""What the keys' hashes are made with; one row, made once."""

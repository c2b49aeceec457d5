"""The documents' tables, in the schema `rules`: every service reads them, and the owner of a kind writes it."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Integer, LargeBinary, MetaData, Table, Text

metadata = MetaData()

# How often the documents of a service have changed; whoever changes them locks its row.
revisions = Table(
    "revisions",
    metadata,
    Column("service", Text, primary_key=True),
    Column("revision", BigInteger, nullable=False),
)

versions = Table(
    "versions",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    # As it was put; none: it was deleted.
    Column("text", LargeBinary),
    Column("media_type", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    # It is as a release has it, so the next one may replace it.
    Column("shipped", Boolean, nullable=False),
)

"""The table that a service with jobs keeps in its own schema. Statements name it; a service's metadata gets a copy."""

from sqlalchemy import Column, DateTime, Integer, LargeBinary, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

_metadata = MetaData()
_Time = DateTime(timezone=True)

jobs = Table(
    "jobs",
    _metadata,
    Column("id", Text, primary_key=True),
    # waiting, running, done or failed
    Column("state", Text, nullable=False),
    # What is done: preview, dry-run or backtest.
    Column("work", Text, nullable=False),
    # Of which document it is; without a draft, of the one in force.
    Column("kind", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("draft", LargeBinary),
    # What else was asked, such as one account, or the days.
    Column("options", JSONB, nullable=False),
    Column("author", Text, nullable=False),
    Column("asked_at", _Time, nullable=False),
    Column("heard_at", _Time, nullable=False),
    # Accounts that were looked at, of how many.
    Column("done", Integer, nullable=False, server_default="0"),
    Column("total", Integer),
    Column("result", JSONB(none_as_null=True)),
    Column("failure", Text),
)
"""What was asked for in the last day."""


def job_tables(metadata: MetaData) -> None:
    """Add the jobs."""
    jobs.to_metadata(metadata)

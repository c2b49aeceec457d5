"""The playbooks' schema."""

from collections.abc import Callable
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    cast,
    type_coerce,
)
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB

from services.playbooks.core.episode import Episode
from services.playbooks.core.standing import Standing
from shared.conditions import LeafReading
from shared.messages.actions import ActionRequested
from shared.worker.tables import worker_tables


class _Packed(TypeDecorator[Any]):
    """A value of a msgspec type, encoded as it is written and decoded once, as what it is; NULL is None."""

    codec: Any

    def __init__(self, type: Any) -> None:
        super().__init__()
        self.type = type

    def bind_processor(self, dialect: Any) -> Callable[[Any], Any]:
        """Encode it."""
        del dialect
        return lambda value: None if value is None else self.codec.encode(value)

    def result_processor(self, dialect: Any, coltype: Any) -> Callable[[Any], Any]:
        """Decode it."""
        del dialect, coltype
        decode = self.codec.Decoder(self.type).decode
        return lambda value: None if value is None else decode(value)


class Packed(_Packed):
    """As MessagePack."""

    impl, codec, cache_ok = LargeBinary, msgspec.msgpack, True


class Json(_Packed):
    """As JSON, which is read as text: else it would be decoded twice."""

    impl, codec, cache_ok = JSONB, msgspec.json, True

    def bind_processor(self, dialect: Any) -> Callable[[Any], Any]:
        """Encode it."""
        encode = super().bind_processor(dialect)
        return lambda value: None if value is None else encode(value).decode()

    def column_expression(self, column: Any) -> Any:
        """Read it as text."""
        return type_coerce(cast(column, Text), self)


metadata = MetaData()
worker_tables(metadata)

_Time = DateTime(timezone=True)

# Each account's last assessment.
accounts = Table(
    "accounts",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("partition", Integer, nullable=False),
    Column("standing", Packed(Standing), nullable=False),
)

# The texts that playbooks were loaded from, for episodes that stay with the version that opened them.
playbook_versions = Table(
    "playbook_versions",
    metadata,
    Column("playbook", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("seen_at", _Time, nullable=False),
)

# `latest`: the account's last episode of the playbook, open or not; the only one that can move.
episodes = Table(
    "episodes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("playbook", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("latest", Boolean, nullable=False),
    Column("opened_at", _Time, nullable=False),
    Column("fired_at", _Time),
    Column("ended_at", _Time),
    Column("body", Json(Episode), nullable=False),
    Index("episodes_latest", "account_id", "playbook", unique=True, postgresql_where=sql("latest")),
    Index("episodes_by_time", "opened_at", "id"),
    Index("episodes_by_account", "account_id", "opened_at"),
)

# Every move of an episode, a task, an alert or a flag.
moves = Table(
    "moves",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("subject", Text, nullable=False),
    Column("at", _Time, nullable=False),
    Column("before", Text),
    Column("after", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("readings", Json(tuple[LeafReading, ...])),
    Index("moves_by_subject", "subject", "id"),
)

# What episodes asked for and people work through: tasks, alerts and flags.
items = Table(
    "items",
    metadata,
    Column("id", Text, primary_key=True),
    # The action that told of it last: a task that changed hands was told again.
    Column("action_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("episode_id", Text, nullable=False),
    Column("playbook", Text, nullable=False),
    # What it may be is said by the machines of `core/item.py`.
    Column("state", Text, nullable=False),
    Column("assignee", Text),
    Column("because", Text, nullable=False),
    Column("opened_at", _Time, nullable=False),
    Column("due_at", _Time),
    Column("not_before", _Time),
    Column("snoozed_until", _Time),
    Column("escalated_at", _Time),
    Column("closed_at", _Time),
    Column("closed_by", Text),
    Column("note", Text, nullable=False, server_default=sql("''")),
    Column("amount_minor", BigInteger),
    Column("currency", Text),
    # delivered, failed or cancelled; empty while nothing is known
    Column("delivery", Text, nullable=False, server_default=sql("''")),
    Column("request", Json(ActionRequested), nullable=False),
    Index("items_by_time", "kind", "opened_at", "id"),
    Index("items_by_account", "account_id", "playbook"),
    Index("items_by_action", "action_id"),
    Index("items_by_assignee", "assignee", "opened_at"),
)

# What imports found, until the lists of it are sent.
found = Table(
    "found",
    metadata,
    Column("import_id", Text, primary_key=True),
    Column("episode_id", Text, primary_key=True),
    Column("owner", Text),
    Column("at", _Time, nullable=False),
    Column("sent_in", Text),
)

# Open tasks and turns of the people in the directory; locked while somebody is chosen.
csm_load = Table(
    "csm_load",
    metadata,
    Column("csm_id", Text, primary_key=True),
    Column("open_tasks", Integer, nullable=False),
    Column("turn", BigInteger, nullable=False),
)

"""Ingest's tables: outbox, aliases, what waits for one, merged accounts, imports, users, used links, what was refused,
what each key sent, and what came in lately."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    column,
    false,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.jobs.tables import job_tables
from shared.worker.tables import relay_tables

metadata = MetaData()
relay_tables(metadata)

aliases = Table(
    "aliases",
    metadata,
    Column("alias", Text, primary_key=True),
    Column("account_id", Text),
    Column("seen_at", DateTime(timezone=True), nullable=False),
    Column("set_at", DateTime(timezone=True)),
    Column("release", Text),
    Index("aliases_in_release", "alias", postgresql_where=column("release").is_not(None)),
)
"""Other systems' names for accounts. No account: something waits for it. Set once, for good.

`release`: some of what waited is still to be moved; its text is the id of the import that takes what is old of it.
"""

merged = Table(
    "merged",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("into_id", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)
"""Accounts that go on as others, for good: their ids are other names of these."""

waiting = Table(
    "waiting",
    metadata,
    Column("source", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("alias", Text, ForeignKey("aliases.alias"), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("type", Text, nullable=False),
    Column("time", DateTime(timezone=True), nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("headers", JSONB, nullable=False),
    Index("waiting_by_alias", "alias", "received_at"),
)
"""Events, as they will be published, whose alias has no account yet; `day` is the UTC day of their time.

What differs in any part of the key may be another event, once the account is known: then claims decide.
"""

imports = Table(
    "imports",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("opened_at", DateTime(timezone=True), nullable=False),
    Column("last_event_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("ended_by", Text),
    Column("act_on_found", Boolean, nullable=False, server_default=false()),
    Column("events", BigInteger, nullable=False, server_default=text("0")),
    Index("imports_by_state", "state", postgresql_where=column("state") != "ended"),
)
"""History that is sent: open, then ending (publishes are still under way), then ended."""

import_publishes = Table(
    "import_publishes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("import_id", Text, ForeignKey("imports.id"), nullable=False),
    Column("begun_at", DateTime(timezone=True), nullable=False),
    Index("import_publishes_by_import", "import_id"),
)
"""Publishes of history that the broker has not confirmed yet: an import ends when it has none."""

known_users = Table(
    "known_users",
    metadata,
    Column("source", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
    Column("at", DateTime(timezone=True), primary_key=True),
    Column("other", Text, primary_key=True),
    Column("account_id", Text),
    Index("known_users_by_other", "source", "other", postgresql_where=column("other") != ""),
    Index("known_users_by_account", "account_id"),
    Index("known_users_by_time", "at"),
)
"""What was said of a user of a key's source, from then on: at which account (or alias of one) they are; or, without
one, that they are the same as `other`, which is empty else."""

resolved = Table(
    "resolved",
    metadata,
    Column("source", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Index("resolved_by_time", "at"),
)
"""Of which account, or alias, an event without one was taken to be, by its user: kept a day, as it may come again."""

used_links = Table(
    "used_links",
    metadata,
    Column("id", Text, primary_key=True),
    Column("said", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Index("used_links_by_expiry", "expires_at"),
)
"""Links in letters that were used up: what was said by each, in words. Kept until the link expires by itself."""

_COUNTED = ("requests", "events", "bytes", "refused", "limited")
key_usage = Table(
    "key_usage",
    metadata,
    Column("key", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("type", Text, primary_key=True),
    *(Column(name, BigInteger, nullable=False, server_default=text("0")) for name in _COUNTED),
    Index("key_usage_by_day", "day"),
)
"""What was sent by each key on each UTC day: events by their type, and all else in the row without one."""
refused = Table(
    "refused",
    metadata,
    Column("id", Text, primary_key=True),
    Column("key", Text, nullable=False),
    Column("door", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("bytes", LargeBinary, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("source", Text),
    Column("event_id", Text),
    Column("account", Text),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("last_at", DateTime(timezone=True), nullable=False),
    Column("times", BigInteger, nullable=False, server_default=text("1")),
    Index("refused_newest", "at", "id"),
    Index("refused_by_last", "last_at"),
)
"""What was not taken, as it was sent by the key of this name. The same again is one row: its id is a digest.

`size` is that of the whole in bytes; of what is very large only the beginning is kept.
"""

refused_days = Table(
    "refused_days",
    metadata,
    Column("key", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("records", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("left_out", BigInteger, nullable=False),
)
"""How much was kept of what a key was refused on a UTC day, and how many records more were not."""

recent = Table(
    "recent",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("key", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("door", Text, nullable=False),
    Column("test", Boolean, nullable=False),
    Column("mapping", Text, nullable=False),
    Column("fate", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("sent", LargeBinary, nullable=False),
    Column("size", Integer, nullable=False),
    Column("understood", JSONB, nullable=False),
    Column("skipped", Integer, nullable=False),
    Index("recent_by_test", "test", "id"),
)
"""Some of what came in lately, as it was sent: the last thousand, and as many of keys in test mode."""

forgotten = Table(
    "forgotten",
    metadata,
    Column("account", Text, primary_key=True),
    Column("contact", Text, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Index("forgotten_by_contact", "contact"),
)
"""Digests of whoever was erased, of a contact with its account: so that what is still sent about them is not shown."""

job_tables(metadata)

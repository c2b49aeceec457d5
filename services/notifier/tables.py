"""The notifier's schema."""

from sqlalchemy import Boolean, Column, DateTime, Float, Index, Integer, LargeBinary, MetaData, Table, Text, false
from sqlalchemy.dialects.postgresql import JSONB

from services.notifier.core.contacts import Cells
from services.notifier.core.delivery import OPEN
from services.notifier.core.endpoints import Filter
from services.notifier.core.standing import Standing
from shared.messages.preferences import Preferences
from shared.pg.bulk import one_of, word
from shared.pg.records import Json, Packed
from shared.worker.tables import worker_tables

metadata = MetaData()
worker_tables(metadata)

_Time = DateTime(timezone=True)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Text, primary_key=True),
    Column("action_id", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("playbook", Text, nullable=False),
    # The alert, task or flag that it tells of, and the task in it.
    Column("item_id", Text),
    Column("task_id", Text),
    # The customer's person that it is about.
    Column("contact_id", Text),
    Column("recipient", Text, nullable=False),
    Column("transport", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("shared", Boolean, nullable=False),
    Column("because", Text, nullable=False),
    Column("group_key", Text, nullable=False),
    # One of core.delivery's.
    Column("state", Text, nullable=False),
    # While it waits: when to send. While it is being sent: when the lease ends.
    Column("due_at", _Time, nullable=False),
    # The id that it is sent under; shared by what goes as one message.
    Column("message_id", Text),
    # Of what took another road: the delivery that was the first, and how many roads were tried before.
    Column("instead_of", Text),
    Column("road", Integer, nullable=False, server_default="0"),
    # The delivered message that it brings up to date.
    Column("amends", Text),
    # Of what brings one up to date: what that tells has changed since this was leased.
    Column("outdated", Boolean, nullable=False, server_default=false()),
    # Where Slack takes a word back for whoever clicked, for half an hour.
    Column("response_url", Text),
    Column("lease", Text),
    Column("attempts", Integer, nullable=False, server_default="0"),
    # Attempts since it was last tried by hand: what is bounded.
    Column("tries", Integer, nullable=False, server_default="0"),
    # Attempts whose end is not known.
    Column("uncertain", Integer, nullable=False, server_default="0"),
    Column("reason", Text, nullable=False, server_default=""),
    # Asked for while it was being sent: heeded once that has surely failed.
    Column("cancelled_because", Text),
    Column("action", LargeBinary, nullable=False),
    # How the item stands since that was told, and the task in it.
    Column("item_stands", Packed(Standing)),
    Column("task_stands", Packed(Standing)),
    # It has lost words about somebody who was erased.
    Column("erased", Boolean, nullable=False, server_default=false()),
    # Of a list: the ids of the accounts that it tells of.
    Column("accounts", JSONB(none_as_null=True)),
    Column("traceparent", Text),
    Column("caused_at", _Time),
    Column("created_at", _Time, nullable=False),
    Column("settled_at", _Time),
    Index("deliveries_by_time", "created_at", "id"),
    Index("deliveries_by_account", "account_id", "created_at"),
    Index("deliveries_by_action", "action_id"),
    Index("deliveries_by_message", "message_id"),
)
IS_OPEN = one_of(deliveries.c.state, OPEN)
for _of in (deliveries.c.item_id, deliveries.c.task_id, deliveries.c.instead_of):
    Index(f"deliveries_by_{_of.name.removesuffix('_id')}", _of, postgresql_where=_of.is_not(None))
Index("deliveries_by_due", deliveries.c.transport, deliveries.c.due_at, postgresql_where=IS_OPEN)

IS_LIST = deliveries.c.kind == word("digest")
Index("deliveries_lists", deliveries.c.id, postgresql_where=IS_LIST & deliveries.c.accounts.is_(None))
Index(
    "deliveries_told",
    deliveries.c.accounts,
    postgresql_using="gin",
    postgresql_ops={"accounts": "jsonb_path_ops"},
    postgresql_where=IS_LIST,
)

attempts = Table(
    "attempts",
    metadata,
    Column("delivery_id", Text, primary_key=True),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("message_id", Text, nullable=False),
    Column("began_at", _Time, nullable=False),
    Column("ended_at", _Time, nullable=False),
    # sent, later, never, fatal, uncertain or barred
    Column("outcome", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("receipt", Text, nullable=False),
)

messages = Table(
    "messages",
    metadata,
    Column("id", Text, primary_key=True),
    Column("message", JSONB, nullable=False),
    Column("at", _Time, nullable=False),
)

inbox = Table(
    "inbox",
    metadata,
    Column("id", Text, primary_key=True),
    Column("recipient", Text, nullable=False),
    Column("at", _Time, nullable=False),
    Column("message", JSONB, nullable=False),
    Index("inbox_by_time", "at", "id"),
    Index("inbox_by_recipient", "recipient", "at"),
)

# The address book: how customers' people are reached, and what they agreed to. Of who was erased nothing but a digest
# in place of their id, and of an account that was no id at all. A digest of the address finds them at other accounts.
contacts = Table(
    "contacts",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("contact_id", Text, primary_key=True),
    Column("erased", Boolean, nullable=False),
    Column("cells", Packed(Cells), nullable=False),
    Column("address", Text, nullable=False),
    Index("contacts_by_address", "address"),
)

# Who was written to, by a digest of the address: so often in a week, and no more.
written_to = Table(
    "written_to",
    metadata,
    Column("delivery_id", Text, primary_key=True),
    Column("address", Text, nullable=False),
    Column("at", _Time, nullable=False),
    Index("written_to_by_address", "address", "at"),
)

# Addresses, by their digest, that a mail server says there are not, and of whom they were.
bounces = Table(
    "bounces",
    metadata,
    Column("address", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("contact_id", Text, nullable=False),
    Column("at", _Time, nullable=False),
    Column("reason", Text, nullable=False),
    Index("bounces_by_contact", "account_id", "contact_id"),
)

# When and how people want to hear, by how whoever set it called them, in small letters.
preferences = Table(
    "preferences",
    metadata,
    Column("person", Text, primary_key=True),
    Column("body", Json(Preferences), nullable=False),
    Column("at", _Time, nullable=False),
    Column("author", Text, nullable=False),
)

# The window of one recipient and playbook: the first message goes at once, those until its end go as one.
gates = Table(
    "gates",
    metadata,
    Column("key", Text, primary_key=True),
    Column("until", _Time, nullable=False),
    Column("waiting", Boolean, nullable=False),
)

# Roads that lead nowhere until somebody mends them (`*`: a whole transport), and when ops were told.
roads = Table(
    "roads",
    metadata,
    Column("transport", Text, primary_key=True),
    Column("target", Text, primary_key=True),
    Column("broken_since", _Time, nullable=False),
    Column("reason", Text, nullable=False),
    Column("told_at", _Time),
)

# Send nothing to this target (`*`: on this transport) until then.
holds = Table(
    "holds",
    metadata,
    Column("transport", Text, primary_key=True),
    Column("target", Text, primary_key=True),
    # When it began: one that begins after now was written by a clock that was ahead.
    Column("since", _Time, nullable=False),
    Column("until", _Time, nullable=False),
    Column("reason", Text, nullable=False),
)

# Other systems that hear of what happens. One that was deleted stays for as long as its calls do.
endpoints = Table(
    "endpoints",
    metadata,
    Column("id", Text, primary_key=True),
    # How a playbook's step calls it.
    Column("name", Text),
    Column("description", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("types", JSONB(none_as_null=True)),
    Column("filter", Json(Filter), nullable=False),
    Column("score_by", Float),
    Column("secret", Text, nullable=False),
    # It signs beside the other until then.
    Column("former_secret", Text),
    Column("former_until", _Time),
    Column("enabled", Boolean, nullable=False),
    Column("disabled_because", Text, nullable=False, server_default=""),
    # Attempts that failed since the last that did not.
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("failing_since", _Time),
    Column("last_failure", Text, nullable=False, server_default=""),
    # Nothing is sent to it between these.
    Column("held_since", _Time),
    Column("held_until", _Time),
    Column("created_at", _Time, nullable=False),
    Column("created_by", Text, nullable=False),
    # When it was last another: never the same twice.
    Column("changed_at", _Time, nullable=False),
    Column("deleted_at", _Time),
)
Index("endpoints_by_name", endpoints.c.name, unique=True, postgresql_where=endpoints.c.deleted_at.is_(None))

# One event on its way to one endpoint.
calls = Table(
    "calls",
    metadata,
    # The webhook-id.
    Column("id", Text, primary_key=True),
    Column("endpoint_id", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("contact_id", Text),
    Column("partition", Integer, nullable=False),
    # The playbook's step that it is made for.
    Column("action_id", Text),
    Column("body", LargeBinary, nullable=False),
    # One of core.calls'; the rest as of a delivery.
    Column("state", Text, nullable=False),
    Column("due_at", _Time, nullable=False),
    Column("lease", Text),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("uncertain", Integer, nullable=False, server_default="0"),
    Column("reason", Text, nullable=False, server_default=""),
    Column("erased", Boolean, nullable=False, server_default=false()),
    Column("traceparent", Text),
    Column("caused_at", _Time),
    Column("created_at", _Time, nullable=False),
    Column("settled_at", _Time),
    Index("calls_by_time", "endpoint_id", "created_at", "id"),
    Index("calls_by_account", "account_id"),
    Index("calls_by_age", "created_at"),
)
CALL_WAITS = one_of(calls.c.state, OPEN)
Index("calls_by_due", calls.c.endpoint_id, calls.c.due_at, postgresql_where=CALL_WAITS)
Index("calls_by_action", calls.c.action_id, postgresql_where=calls.c.action_id.is_not(None))

# What went to and fro; headers are JSON.
call_attempts = Table(
    "call_attempts",
    metadata,
    Column("call_id", Text, primary_key=True),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("began_at", _Time, nullable=False),
    Column("ended_at", _Time, nullable=False),
    # delivered, failed or uncertain
    Column("outcome", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("status", Integer),
    Column("headers", Text, nullable=False),
    Column("answer_headers", Text, nullable=False),
    Column("answer", Text, nullable=False),
)

# How an account stood when an endpoint was told last.
told_health = Table(
    "told_health",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("endpoint_id", Text, primary_key=True),
    Column("rev", Integer, nullable=False),
    Column("score", Float),
    Column("band", Text, nullable=False),
)

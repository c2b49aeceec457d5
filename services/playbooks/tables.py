"""The playbooks' schema."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Computed,
    Date,
    DateTime,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    text,
)

from services.playbooks.core.books import Moved
from services.playbooks.core.days import Before
from services.playbooks.core.directory import Csm
from services.playbooks.core.episode import Episode, Move
from services.playbooks.core.findings import Finding
from services.playbooks.core.item import OPEN, Item
from services.playbooks.core.moved import MovedItem
from services.playbooks.core.outcomes import Firing, Outcome, Sending
from services.playbooks.core.rules import Pause
from services.playbooks.core.standing import Standing
from shared.jobs.tables import job_tables
from shared.messages.outward import WebhooksWanted
from shared.messages.preferences import Preferences
from shared.pg.bulk import one_of
from shared.pg.records import Json, Packed, columns_of
from shared.worker.tables import worker_tables

_Time = DateTime(timezone=True)
metadata = MetaData()
worker_tables(metadata)
job_tables(metadata)

# Each account's last assessment, and when it was last looked at. Of `day`, which is not over, there is no row in `days`
# yet; score (in hundredths), band and stage stand beside the facts for who asks of many accounts, and so do those that
# make a digest, of whoever's book it is in: the owner, as it is written, and revenue, renewal and the band's last turn.
accounts = Table(
    "accounts",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("partition", Integer, nullable=False),
    Column("looked_at", _Time, nullable=False),
    Column("standing", Packed(Standing), nullable=False),
    Column("day", Date),
    Column("score", Integer),
    Column("band", Text),
    Column("stage", Text),
    Column("muted_until", _Time),
    Column("owner", Text),
    Column("mrr_minor", BigInteger),
    Column("renews_at", _Time),
    Column("turned_at", _Time),
    Column("turned_from", Text),
    Index("accounts_muted", "muted_until", postgresql_where=text("muted_until IS NOT NULL")),
    Index("accounts_turned", "owner", "turned_at", postgresql_where=text("turned_at IS NOT NULL")),
    Index("accounts_renewing", "owner", "renews_at", postgresql_where=text("renews_at IS NOT NULL")),
    Index("accounts_red", "owner", "mrr_minor", postgresql_where=text("band = 'red'")),
)

# What changed on each day of an account, as it was before: from how it stands, one reads back to how it stood. Score,
# band and stage are those at the day's end.
days = Table(
    "days",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("record", Packed(Before), nullable=False),
    Column("score", Integer),
    Column("band", Text, nullable=False),
    Column("stage", Text),
    Index("days_by_day", "day"),
)

# When sources of evidence were interrupted lately, and which still are, by the partition's marks.
interruptions = Table(
    "interruptions",
    metadata,
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("source", Text, primary_key=True),
    Column("since", _Time, primary_key=True),
    Column("until", _Time),
)

# Which set of playbooks a partition's accounts meet, since when, and when the last of them will have met it.
adopted = Table(
    "adopted",
    metadata,
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("digest", Text, nullable=False),
    # Of the texts and the people that are kept for the day on which they are not in force any more.
    Column("kept", Text, nullable=False),
    Column("at", _Time, nullable=False),
    Column("met_by", _Time, nullable=False),
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

# `latest`: the account's last episode of the playbook and its subject, open or not; the only one that can move.
episodes = Table(
    "episodes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("playbook", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("latest", Boolean, nullable=False),
    Column("opened_at", _Time, nullable=False),
    Column("fired_at", _Time),
    Column("ended_at", _Time),
    Column("body", Json(Episode), nullable=False),
    Index("episodes_by_time", "opened_at", "id"),
    Index("episodes_by_account", "account_id", "opened_at"),
    Index("episodes_found", "playbook", "opened_at", postgresql_where=text("state = 'found'")),
)
_KEY = (episodes.c.account_id, episodes.c.playbook, episodes.c.subject)
Index("episodes_latest", *_KEY, unique=True, postgresql_where=episodes.c.latest)

# Every move of an episode, a task, an alert or a flag.
moves = Table(
    "moves",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    *columns_of(Move),
    Index("moves_by_subject", "subject", "id"),
)

# What episodes asked for and people work through: tasks, alerts and flags.
items = Table(
    "items",
    metadata,
    *columns_of(Item, "id"),
    Column("severity", Text, Computed("request ->> 'severity'", persisted=True)),
    Index("items_by_time", "kind", "opened_at", "id"),
    Index("items_by_account", "account_id", "kind", "opened_at", "id"),
    Index("items_by_playbook", "playbook", "kind", "opened_at", "id"),
    Index("items_by_action", "action_id"),
    Index("items_by_assignee", "assignee", "kind", "opened_at", "id"),
    Index("items_closed", "assignee", "closed_at", postgresql_where=text("closed_at IS NOT NULL")),
)
_IS_OPEN = one_of(items.c.state, sorted(OPEN))
Index("items_open_by_time", items.c.kind, items.c.opened_at, items.c.id, postgresql_where=_IS_OPEN)
Index("items_open_by_due", items.c.kind, items.c.due_at, items.c.id, postgresql_where=_IS_OPEN)
Index("items_open_by_assignee", items.c.assignee, items.c.kind, items.c.due_at, postgresql_where=_IS_OPEN)

# Each episode's first firing, how its account stood then, and what came of it.
firings = Table(
    "firings",
    metadata,
    *columns_of(Firing, "episode_id"),
    Index("firings_by_playbook", "playbook", "fired_at"),
    Index("firings_by_account", "account_id", "fired_at"),
)

# What episodes asked to be sent to contacts and other systems, and what became of it.
sendings = Table(
    "sendings",
    metadata,
    *columns_of(Sending, "action_id"),
    Index("sendings_by_playbook", "playbook", "at"),
    Index("sendings_by_episode", "episode_id"),
)

# What became of contracts, and that accounts left.
outcomes = Table(
    "outcomes",
    metadata,
    *columns_of(Outcome, "account_id", "kind", "due_at"),
    Index("outcomes_by_time", "kind", "at"),
)

# What imports found; `sent_in` says when the list of it was sent.
found = Table("found", metadata, *columns_of(Finding, "import_id", "episode_id"), Column("sent_in", Text))

# What moved from whom to whom; `sent_in` says when the list of it was sent.
moved = Table(
    "moved",
    metadata,
    *columns_of(MovedItem, "list_id", "item_id"),
    Column("sent_in", Text),
    Index("moved_to", "to", "at"),
)

# Whose digests are due when, the day's and the week's; `done` is the day of the last, in their own zone, `told_at` the
# instant up to which it told what happened.
digests = Table(
    "digests",
    metadata,
    Column("csm_id", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("done", Date, nullable=False),
    Column("told_at", _Time),
    Column("due_at", _Time, nullable=False),
    Column("by", BigInteger, nullable=False),
    Index("digests_due", "due_at"),
)

# Everybody who is or was in the directory, as they were known last: who answers for what somebody left behind.
known_people = Table(
    "known_people", metadata, Column("csm_id", Text, primary_key=True), Column("body", Json(Csm), nullable=False)
)

# When and how people want to hear, as the notifier told: by how whoever set it called them.
preferences = Table(
    "preferences",
    metadata,
    Column("person", Text, primary_key=True),
    Column("body", Json(Preferences), nullable=False),
    Column("at", _Time, nullable=False),
)

# What endpoints want to be told, as the notifier (`source`) said last.
subscribed = Table(
    "subscribed",
    metadata,
    Column("source", Text, primary_key=True),
    Column("body", Json(WebhooksWanted), nullable=False),
    Column("at", _Time, nullable=False),
)

# What people answered where they read it: each is done once, however often it comes.
responses = Table(
    "responses",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("response_id", Text, primary_key=True),
    Column("at", _Time, nullable=False),
)

# Accounts and their monthly revenue by owner, as accounts name one. Each partition moves its own rows.
books = Table(
    "books",
    metadata,
    Column("partition", Integer, primary_key=True, autoincrement=False),
    *columns_of(Moved, "owner", "touch", "currency"),
)

# What people wrote by hand under a key of their own (`Idempotency-Key`): the same again is the same task.
written = Table(
    "written",
    metadata,
    Column("item_id", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("at", _Time, nullable=False),
)

# The latest pause of each playbook; accounts meet a playbook anew when its pause begins, and when that has ended.
pauses = Table("pauses", metadata, *columns_of(Pause, "playbook"))

# Open tasks and turns of the people in the directory; locked while somebody is chosen.
csm_load = Table(
    "csm_load",
    metadata,
    Column("csm_id", Text, primary_key=True),
    Column("open_tasks", Integer, nullable=False),
    Column("turn", BigInteger, nullable=False),
)

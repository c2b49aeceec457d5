"""Scoring's schema."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    column,
    false,
    literal_column,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from services.scoring.core.profile import BOOKS
from shared.jobs.tables import job_tables
from shared.worker.tables import claim_tables, worker_tables

metadata = MetaData()
worker_tables(metadata)
claim_tables(metadata)
job_tables(metadata)

_Time = DateTime(timezone=True)

accounts = Table(
    "accounts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("partition", Integer, nullable=False),
    Column("state", LargeBinary, nullable=False),
    Column("decision", LargeBinary),
    # Open imports that touched it.
    Column("imports", JSONB, nullable=False, server_default="[]"),
    # Since when it waits to be assessed, and the import whose end it waits for to be told.
    Column("marked_at", _Time),
    Column("found_in", Text),
    Column("act_on_found", Boolean, nullable=False, server_default=false()),
    # It waits because scorecards or catalogue have changed.
    Column("rescore", Boolean, nullable=False, server_default=false()),
    # Which sources of evidence it was heard of from: a bit each, as `core/sources.py` says.
    Column("heard", SmallInteger, nullable=False, server_default="0"),
    # On which day it was last used, by people where there ever were any: days since 1970-01-01.
    Column("used_day", Integer),
    # How many goals were ever set of it.
    Column("goals_set", SmallInteger, nullable=False, server_default="0"),
    # Below: the last assessment, for lists.
    Column("gone", Boolean, nullable=False, server_default=false()),
    *(Column(name, Text) for name in ("name", "segment", "plan", "stage", "owner", "currency", "scorecard")),
    *(Column(name, Text) for name in ("parent_id", "excluded", "churn_reason", "region", "merged_into")),
    Column("churn_voluntary", Boolean),
    *(Column(name, BigInteger) for name in ("mrr_minor", "seats")),
    *(Column(name, _Time) for name in ("renews_at", "leaves_at", "churned_at", "assessed_at")),
    # In hundredths of points, as everywhere.
    *(Column(name, Integer) for name in ("score", "previous_score")),
    Column("coverage", Integer, nullable=False, server_default="0"),
    Column("band", Text, nullable=False, server_default="unknown"),
    Column("reason", Text, nullable=False, server_default=""),
    Column("rev", BigInteger, nullable=False, server_default="0"),
    Index("accounts_by_owner", "owner"),
    Index("accounts_by_parent", "parent_id", postgresql_where=column("parent_id").is_not(None)),
    Index("accounts_with_goals", "id", postgresql_where=column("goals_set") > 0),
    Index("accounts_merged", "merged_into", postgresql_where=column("merged_into").is_not(None)),
    Index("accounts_marked", "partition", postgresql_where=column("marked_at").is_not(None)),
)

in_imports = accounts.c.imports != literal_column("'[]'::jsonb")
"""Of an account: an open import has touched it. Spelled as its index is, which few accounts are in."""
Index("accounts_in_imports", accounts.c.partition, postgresql_where=in_imports)

# The rules that a partition has adopted: a digest, since when, and up to which account all were marked; none: all are.
rules = Table(
    "rules",
    metadata,
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("digest", Text, nullable=False),
    Column("since", _Time, nullable=False),
    Column("marked_to", Text),
)

# When the last event happened that came from a source, to the minute.
sources = Table(
    "sources",
    metadata,
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("source", Text, primary_key=True),
    Column("last_at", _Time, nullable=False),
)

# How many live events came of a source, by the hour in which they were accepted (since 1970, UTC).
source_hours = Table(
    "source_hours",
    metadata,
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("source", Text, primary_key=True),
    Column("hour", Integer, primary_key=True, autoincrement=False),
    Column("events", Integer, nullable=False),
)

# The last hour of which a partition has counted all, the last that was judged from all, how often was told of it, and
# the last day on which NPS was compared.
counted_hours = Table(
    "counted_hours",
    metadata,
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("counted", Integer, nullable=False),
    Column("judged", Integer),
    Column("told", Integer, nullable=False, server_default="0"),
    Column("compared", Integer),
)

# When a drop of NPS was last told: of all products together, or of one.
nps_drops = Table(
    "nps_drops",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("product", Text, primary_key=True),
    Column("day", Integer, nullable=False),
)

# When a source was interrupted, in hours; what it sent in the first of them, and what is usual then.
interruptions = Table(
    "interruptions",
    metadata,
    Column("source", Text, primary_key=True),
    Column("since", Integer, primary_key=True, autoincrement=False),
    Column("until", Integer),
    Column("sent", Integer, nullable=False),
    Column("usual", Integer, nullable=False),
)

users = Table(
    "users",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
    # Days since 1970-01-01.
    Column("last_day", Integer, nullable=False),
)

papers = Table(
    "papers",
    metadata,
    Column("account_id", Text, primary_key=True),
    # tickets or invoices
    Column("kind", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("row", LargeBinary, nullable=False),
    # When it was closed, paid or voided; long after that the row is only a tombstone.
    Column("settled_at", _Time),
    # Below, for lists: when a ticket was opened, or an invoice is due, else was heard of last.
    Column("at", _Time),
    Column("due_at", _Time),
    Column("priority", Text),
    Index("papers_of_account", "account_id", "kind", "at", "id"),
    Index("papers_newest", "kind", "at", "account_id", "id"),
    Index("papers_open", "kind", "at", "account_id", "id", postgresql_where=column("settled_at").is_(None)),
    Index("papers_by_priority", "priority", "at", "account_id", "id", postgresql_where=column("priority").is_not(None)),
)

answers = Table(
    "answers",
    metadata,
    Column("account_id", Text, primary_key=True),
    # Its invitation, else its source, id and day: with the account what makes an event.
    Column("key", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("id", Text, nullable=False),
    # nps, csat or ces
    Column("kind", Text, nullable=False),
    Column("survey_kind", Text, nullable=False),
    # A digest, where the contact was erased.
    Column("contact_id", Text, nullable=False),
    Column("erased", Boolean, nullable=False, server_default=false()),
    Column("score", SmallInteger, nullable=False),
    Column("at", _Time, nullable=False),
    Column("further", JSONB(none_as_null=True)),
    *(Column(name, Text) for name in ("role", "comment", "touchpoint", "survey_id", "product", "invitation_id")),
    # Of relational ones: when the same contact answered next, and what before.
    Column("next_at", _Time),
    Column("previous_score", SmallInteger),
    Index("answers_by_time", "kind", "survey_kind", "at"),
    Index("answers_by_contact", "account_id", "contact_id"),
    Index("answers_newest", "at", "account_id", "key"),
)

invitations = Table(
    "invitations",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("invitation_id", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("at", _Time, nullable=False),
    Column("contact_id", Text, nullable=False),
    *(Column(name, Text) for name in ("role", "survey_id", "touchpoint", "measure", "survey_kind")),
    # Where it was answered: of which kind the answer was.
    *(Column(measure, Text) for measure in ("nps", "csat", "ces")),
    Index("invitations_by_time", "at"),
    Index("invitations_by_contact", "account_id", "contact_id"),
)

# How a feature was used on a day, as far as state has forgotten it: in days since 1970-01-01, and millionths.
usage_days = Table(
    "usage_days",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("feature", Text, primary_key=True),
    Column("events", BigInteger, nullable=False),
    Column("quantity", BigInteger, nullable=False),
    Index("usage_days_by_day", "day", postgresql_using="brin"),
)

# What an account brings in a month, from a day on until the next step; of each currency that it has, or had, then.
money = Table(
    "money",
    metadata,
    Column("account_id", Text, primary_key=True),
    # Days since 1970-01-01.
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("currency", Text, primary_key=True),
    Column("until", Integer, nullable=False),
    *(Column(name, BigInteger, nullable=False) for name in ("minor", "before_minor")),
    *(Column(name, Text) for name in ("plan", "before_plan")),
    # It brings something in whatever currency, did until then, ever did before.
    *(Column(name, Boolean, nullable=False) for name in ("pays", "paid", "had")),
    # Why it doesn't any more.
    Column("reason", Text),
    Column("voluntary", Boolean),
    Index("money_by_day", "day"),
)

# The renewals of contracts of six months or more: those that were, the next, and some after it.
renewals = Table(
    "renewals",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("subscription_id", Text, nullable=False),
    # When the contract ends or renews, and the renewal before it: until that is past it doesn't come up.
    *(Column(name, _Time, nullable=False) for name in ("ends_at", "notice_at")),
    Column("after_at", _Time),
    Column("term_months", Integer, nullable=False),
    # What it brings in a month before, and after where that is known.
    *(Column(name, BigInteger) for name in ("mrr_minor", "renewed_minor")),
    Column("currency", Text),
    # What it will be once its end is past, and what came of it.
    Column("then", Text, nullable=False),
    *(Column(name, Text) for name in ("forecast", "outcome", "reason", "owner")),
    Index("renewals_of_account", "account_id"),
    Index("renewals_by_end", "ends_at", "id"),
)

# What happened to an account, usage apart, and when its band moved.
timeline = Table(
    "timeline",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("at", _Time, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("type", Text, nullable=False),
    # Digests, where they were erased; who wrote a ticket, where that is another.
    Column("contact_id", Text),
    Column("requester", Text),
    # Which ticket, invoice, subscription, milestone, measure, invitation, goal or renewal it is about.
    Column("subject", Text),
    # JSON as it was sent, with a bound; none where the contact was erased.
    Column("data", LargeBinary),
    Index("timeline_newest", "at", "account_id", "source", "id"),
    Index("timeline_of_type", "type", "at"),
    Index("timeline_of_account_by_type", "account_id", "type", "at"),
)

# What the score did: each assessment that an event caused, or that moved score, band or the books it is in.
assessments = Table(
    "assessments",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("rev", BigInteger, primary_key=True, autoincrement=False),
    Column("at", _Time, nullable=False),
    Column("cause", JSONB, nullable=False),
    # The contact whose words the drivers may quote.
    Column("contact_id", Text),
    Column("score", Integer),
    Column("previous_score", Integer),
    Column("band", Text, nullable=False),
    Column("previous_band", Text, nullable=False),
    Column("coverage", Integer, nullable=False),
    Column("scorecard", Text, nullable=False),
    Column("drivers", JSONB, nullable=False),
    # Where there are none: why there is no score, or that the customer came back.
    Column("reason", Text, nullable=False, server_default=""),
    Column("found_in", Text),
    # Whose account it was then, and what it was counted with.
    *(Column(name, Text) for name in BOOKS),
    # Rows come in the order of time, nearly, so that a few bytes find what is old.
    Index("assessments_by_time", "at", postgresql_using="brin"),
)

# How an account stood at the end of each UTC day on which that changed.
health_days = Table(
    "health_days",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("score", Integer),
    Column("band", Text, nullable=False),
    Column("coverage", Integer, nullable=False),
    Index("health_days_by_day", "day", postgresql_using="brin"),
)

# Imports whose end was told here, by the event topics that told it; closed when all have.
imports = Table(
    "imports",
    metadata,
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("import_id", Text, primary_key=True),
    Column("topics", ARRAY(Text), nullable=False),
    Column("act_on_found", Boolean, nullable=False),
    Column("closed_at", _Time),
)

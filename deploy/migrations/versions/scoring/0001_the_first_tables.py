"""The first tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from deploy.migrations import first_tables

revision = '0001'
down_revision = None


def upgrade() -> None:
    first_tables.create_worker_tables()
    first_tables.create_jobs()
    op.create_table('accounts',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('partition', sa.Integer(), nullable=False),
    sa.Column('state', sa.LargeBinary(), nullable=False),
    sa.Column('decision', sa.LargeBinary(), nullable=True),
    sa.Column('imports', postgresql.JSONB(astext_type=sa.Text()), server_default='[]', nullable=False),
    sa.Column('marked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('found_in', sa.Text(), nullable=True),
    sa.Column('act_on_found', sa.Boolean(), server_default=sa.false(), nullable=False),
    sa.Column('rescore', sa.Boolean(), server_default=sa.false(), nullable=False),
    sa.Column('heard', sa.SmallInteger(), server_default='0', nullable=False),
    sa.Column('used_day', sa.Integer(), nullable=True),
    sa.Column('goals_set', sa.SmallInteger(), server_default='0', nullable=False),
    sa.Column('gone', sa.Boolean(), server_default=sa.false(), nullable=False),
    sa.Column('name', sa.Text(), nullable=True),
    sa.Column('segment', sa.Text(), nullable=True),
    sa.Column('plan', sa.Text(), nullable=True),
    sa.Column('stage', sa.Text(), nullable=True),
    sa.Column('owner', sa.Text(), nullable=True),
    sa.Column('mrr_minor', sa.BigInteger(), nullable=True),
    sa.Column('currency', sa.Text(), nullable=True),
    sa.Column('seats', sa.BigInteger(), nullable=True),
    sa.Column('parent_id', sa.Text(), nullable=True),
    sa.Column('excluded', sa.Text(), nullable=True),
    sa.Column('churn_reason', sa.Text(), nullable=True),
    sa.Column('region', sa.Text(), nullable=True),
    sa.Column('merged_into', sa.Text(), nullable=True),
    sa.Column('churn_voluntary', sa.Boolean(), nullable=True),
    sa.Column('renews_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('leaves_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('churned_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('score', sa.Integer(), nullable=True),
    sa.Column('previous_score', sa.Integer(), nullable=True),
    sa.Column('band', sa.Text(), server_default='unknown', nullable=False),
    sa.Column('coverage', sa.Integer(), server_default='0', nullable=False),
    sa.Column('reason', sa.Text(), server_default='', nullable=False),
    sa.Column('scorecard', sa.Text(), nullable=True),
    sa.Column('rev', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('assessed_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('accounts_by_owner', 'accounts', ['owner'], unique=False)
    op.create_index('accounts_by_parent', 'accounts', ['parent_id'], unique=False, postgresql_where=sa.text('parent_id IS NOT NULL'))
    op.create_index('accounts_with_goals', 'accounts', ['id'], unique=False, postgresql_where=sa.text('goals_set > 0'))
    op.create_index('accounts_merged', 'accounts', ['merged_into'], unique=False, postgresql_where=sa.text('merged_into IS NOT NULL'))
    op.create_index('accounts_in_imports', 'accounts', ['partition'], unique=False, postgresql_where=sa.text("imports != '[]'::jsonb"))
    op.create_index('accounts_marked', 'accounts', ['partition'], unique=False, postgresql_where=sa.text('marked_at IS NOT NULL'))
    op.create_table('answers',
    sa.Column('account_id', sa.Text(), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('survey_kind', sa.Text(), nullable=False),
    sa.Column('contact_id', sa.Text(), nullable=False),
    sa.Column('erased', sa.Boolean(), server_default=sa.false(), nullable=False),
    sa.Column('score', sa.SmallInteger(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('further', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    sa.Column('role', sa.Text(), nullable=True),
    sa.Column('comment', sa.Text(), nullable=True),
    sa.Column('touchpoint', sa.Text(), nullable=True),
    sa.Column('survey_id', sa.Text(), nullable=True),
    sa.Column('product', sa.Text(), nullable=True),
    sa.Column('invitation_id', sa.Text(), nullable=True),
    sa.Column('next_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('previous_score', sa.SmallInteger(), nullable=True),
    sa.PrimaryKeyConstraint('account_id', 'key')
    )
    op.create_index('answers_by_contact', 'answers', ['account_id', 'contact_id'], unique=False)
    op.create_index('answers_by_time', 'answers', ['kind', 'survey_kind', 'at'], unique=False)
    op.create_index('answers_newest', 'answers', ['at', 'account_id', 'key'], unique=False)
    op.create_table('invitations',
    sa.Column('account_id', sa.Text(), nullable=False),
    sa.Column('invitation_id', sa.Text(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('contact_id', sa.Text(), nullable=False),
    sa.Column('role', sa.Text(), nullable=True),
    sa.Column('survey_id', sa.Text(), nullable=True),
    sa.Column('touchpoint', sa.Text(), nullable=True),
    sa.Column('measure', sa.Text(), nullable=True),
    sa.Column('survey_kind', sa.Text(), nullable=True),
    sa.Column('nps', sa.Text(), nullable=True),
    sa.Column('csat', sa.Text(), nullable=True),
    sa.Column('ces', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('account_id', 'invitation_id')
    )
    op.create_index('invitations_by_contact', 'invitations', ['account_id', 'contact_id'], unique=False)
    op.create_index('invitations_by_time', 'invitations', ['at'], unique=False)
    op.create_table('assessments',
    sa.Column('account_id', sa.Text(), nullable=False),
    sa.Column('rev', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('cause', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('contact_id', sa.Text(), nullable=True),
    sa.Column('score', sa.Integer(), nullable=True),
    sa.Column('previous_score', sa.Integer(), nullable=True),
    sa.Column('band', sa.Text(), nullable=False),
    sa.Column('previous_band', sa.Text(), nullable=False),
    sa.Column('coverage', sa.Integer(), nullable=False),
    sa.Column('scorecard', sa.Text(), nullable=False),
    sa.Column('drivers', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('reason', sa.Text(), server_default='', nullable=False),
    sa.Column('found_in', sa.Text(), nullable=True),
    sa.Column('owner', sa.Text(), nullable=True),
    sa.Column('segment', sa.Text(), nullable=True),
    sa.Column('plan', sa.Text(), nullable=True),
    sa.Column('stage', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('account_id', 'rev')
    )
    op.create_index('assessments_by_time', 'assessments', ['at'], unique=False, postgresql_using='brin')
    op.create_table('claim_filters',
    sa.Column('partition', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('through', sa.BigInteger(), nullable=False),
    sa.Column('bits', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('partition', 'day')
    )
    op.create_table('claims',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('partition', sa.Integer(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('digests', sa.LargeBinary(), nullable=False),
    sa.Column('history', sa.Boolean(), server_default=sa.false(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('claims_by_day', 'claims', ['partition', 'day', 'id'], unique=False)
    op.create_table('health_days',
    sa.Column('account_id', sa.Text(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('score', sa.Integer(), nullable=True),
    sa.Column('band', sa.Text(), nullable=False),
    sa.Column('coverage', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('account_id', 'day')
    )
    op.create_index('health_days_by_day', 'health_days', ['day'], unique=False, postgresql_using='brin')
    op.create_table('imports',
    sa.Column('partition', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('import_id', sa.Text(), nullable=False),
    sa.Column('topics', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('act_on_found', sa.Boolean(), nullable=False),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('partition', 'import_id')
    )
    op.create_table('money',
    sa.Column('account_id', sa.Text(), nullable=False),
    sa.Column('day', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('currency', sa.Text(), nullable=False),
    sa.Column('until', sa.Integer(), nullable=False),
    sa.Column('minor', sa.BigInteger(), nullable=False),
    sa.Column('before_minor', sa.BigInteger(), nullable=False),
    sa.Column('plan', sa.Text(), nullable=True),
    sa.Column('before_plan', sa.Text(), nullable=True),
    sa.Column('pays', sa.Boolean(), nullable=False),
    sa.Column('paid', sa.Boolean(), nullable=False),
    sa.Column('had', sa.Boolean(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('voluntary', sa.Boolean(), nullable=True),
    sa.PrimaryKeyConstraint('account_id', 'day', 'currency')
    )
    op.create_index('money_by_day', 'money', ['day'], unique=False)
    op.create_table('papers',
    sa.Column('account_id', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('row', sa.LargeBinary(), nullable=False),
    sa.Column('settled_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('priority', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('account_id', 'kind', 'id')
    )
    op.create_index('papers_by_priority', 'papers', ['priority', 'at', 'account_id', 'id'], unique=False, postgresql_where=sa.text('priority IS NOT NULL'))
    op.create_index('papers_newest', 'papers', ['kind', 'at', 'account_id', 'id'], unique=False)
    op.create_index('papers_of_account', 'papers', ['account_id', 'kind', 'at', 'id'], unique=False)
    op.create_index('papers_open', 'papers', ['kind', 'at', 'account_id', 'id'], unique=False, postgresql_where=sa.text('settled_at IS NULL'))
    op.create_table('renewals',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('account_id', sa.Text(), nullable=False),
    sa.Column('subscription_id', sa.Text(), nullable=False),
    sa.Column('ends_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('notice_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('after_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('term_months', sa.Integer(), nullable=False),
    sa.Column('mrr_minor', sa.BigInteger(), nullable=True),
    sa.Column('renewed_minor', sa.BigInteger(), nullable=True),
    sa.Column('currency', sa.Text(), nullable=True),
    sa.Column('then', sa.Text(), nullable=False),
    sa.Column('forecast', sa.Text(), nullable=True),
    sa.Column('outcome', sa.Text(), nullable=True),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('owner', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('renewals_by_end', 'renewals', ['ends_at', 'id'], unique=False)
    op.create_index('renewals_of_account', 'renewals', ['account_id'], unique=False)
    op.create_table('rules',
    sa.Column('partition', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('digest', sa.Text(), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('marked_to', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('partition')
    )
    op.create_table('counted_hours',
    sa.Column('partition', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('counted', sa.Integer(), nullable=False),
    sa.Column('judged', sa.Integer(), nullable=True),
    sa.Column('told', sa.Integer(), server_default='0', nullable=False),
    sa.Column('compared', sa.Integer(), nullable=True),
    sa.PrimaryKeyConstraint('partition')
    )
    op.create_table('nps_drops',
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('product', sa.Text(), nullable=False),
    sa.Column('day', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('kind', 'product')
    )
    op.create_table('interruptions',
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('since', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('until', sa.Integer(), nullable=True),
    sa.Column('sent', sa.Integer(), nullable=False),
    sa.Column('usual', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('source', 'since')
    )
    op.create_table('source_hours',
    sa.Column('partition', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('hour', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('events', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('partition', 'source', 'hour')
    )
    op.create_table('sources',
    sa.Column('partition', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('last_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('partition', 'source')
    )
    op.create_table('timeline',
    sa.Column('account_id', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('type', sa.Text(), nullable=False),
    sa.Column('contact_id', sa.Text(), nullable=True),
    sa.Column('requester', sa.Text(), nullable=True),
    sa.Column('subject', sa.Text(), nullable=True),
    sa.Column('data', sa.LargeBinary(), nullable=True),
    sa.PrimaryKeyConstraint('account_id', 'at', 'source', 'id')
    )
    op.create_index('timeline_newest', 'timeline', ['at', 'account_id', 'source', 'id'], unique=False)
    op.create_index('timeline_of_account_by_type', 'timeline', ['account_id', 'type', 'at'], unique=False)
    op.create_index('timeline_of_type', 'timeline', ['type', 'at'], unique=False)
    op.create_table('usage_days',
    sa.Column('account_id', sa.Text(), nullable=False),
    sa.Column('day', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('feature', sa.Text(), nullable=False),
    sa.Column('events', sa.BigInteger(), nullable=False),
    sa.Column('quantity', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('account_id', 'day', 'feature')
    )
    op.create_index('usage_days_by_day', 'usage_days', ['day'], unique=False, postgresql_using='brin')
    op.create_table('users',
    sa.Column('account_id', sa.Text(), nullable=False),
    sa.Column('user_id', sa.Text(), nullable=False),
    sa.Column('last_day', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('account_id', 'user_id')
    )
    # What ingest may ask: which of these accounts were heard of, and not erased. It reads no table.
    op.execute("""
        CREATE FUNCTION known(ids text[]) RETURNS SETOF text
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = scoring, pg_temp
        AS 'SELECT id FROM accounts WHERE id = ANY (ids) AND (NOT gone OR merged_into IS NOT NULL)'
    """)
    op.execute("REVOKE ALL ON FUNCTION known(text[]) FROM PUBLIC")

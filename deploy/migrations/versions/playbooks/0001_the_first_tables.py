"""the first tables."""

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
    sa.Column('account_id', sa.Text(), nullable=False),
    sa.Column('partition', sa.Integer(), nullable=False),
    sa.Column('looked_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('standing', sa.LargeBinary(), nullable=False),
    sa.Column('day', sa.Date(), nullable=True),
    sa.Column('score', sa.Integer(), nullable=True),
    sa.Column('band', sa.Text(), nullable=True),
    sa.Column('stage', sa.Text(), nullable=True),
    sa.Column('muted_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('owner', sa.Text(), nullable=True),
    sa.Column('mrr_minor', sa.BigInteger(), nullable=True),
    sa.Column('renews_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('turned_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('turned_from', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('account_id')
    )
    op.create_index('accounts_red', 'accounts', ['owner', 'mrr_minor'], unique=False, postgresql_where=sa.text("band = 'red'"))
    op.create_index('accounts_renewing', 'accounts', ['owner', 'renews_at'], unique=False, postgresql_where=sa.text('renews_at IS NOT NULL'))
    op.create_index('accounts_turned', 'accounts', ['owner', 'turned_at'], unique=False, postgresql_where=sa.text('turned_at IS NOT NULL'))
    op.create_index('accounts_muted', 'accounts', ['muted_until'], unique=False, postgresql_where=sa.text('muted_until IS NOT NULL'))
    op.create_table('adopted',
    sa.Column('partition', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('digest', sa.Text(), nullable=False),
    sa.Column('kept', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('met_by', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('partition')
    )
    op.create_table('books',
    sa.Column('partition', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('owner', sa.Text(), nullable=False),
    sa.Column('touch', sa.Text(), nullable=False),
    sa.Column('currency', sa.Text(), nullable=False),
    sa.Column('accounts', sa.BigInteger(), nullable=False),
    sa.Column('mrr_minor', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('partition', 'owner', 'touch', 'currency')
    )
    op.create_table('known_people',
    sa.Column('csm_id', sa.Text(), nullable=False),
    sa.Column('body', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.PrimaryKeyConstraint('csm_id')
    )
    op.create_table('moved',
    sa.Column('list_id', sa.Text(), nullable=False),
    sa.Column('item_id', sa.Text(), nullable=False),
    sa.Column('whose', sa.Text(), nullable=False),
    sa.Column('to', sa.Text(), nullable=False),
    sa.Column('why', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('sent_in', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('list_id', 'item_id')
    )
    op.create_index('moved_to', 'moved', ['to', 'at'], unique=False)
    op.create_table('digests',
    sa.Column('csm_id', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('done', sa.Date(), nullable=False),
    sa.Column('told_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('by', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('csm_id', 'kind')
    )
    op.create_index('digests_due', 'digests', ['due_at'], unique=False)
    op.create_table('csm_load',
    sa.Column('csm_id', sa.Text(), nullable=False),
    sa.Column('open_tasks', sa.Integer(), nullable=False),
    sa.Column('turn', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('csm_id')
    )
    op.create_table('days',
    sa.Column('account_id', sa.Text(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('record', sa.LargeBinary(), nullable=False),
    sa.Column('score', sa.Integer(), nullable=True),
    sa.Column('band', sa.Text(), nullable=False),
    sa.Column('stage', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('account_id', 'day')
    )
    op.create_index('days_by_day', 'days', ['day'], unique=False)
    op.create_table('episodes',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('account_id', sa.Text(), nullable=False),
    sa.Column('playbook', sa.Text(), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('latest', sa.Boolean(), nullable=False),
    sa.Column('opened_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('fired_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('body', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('episodes_by_account', 'episodes', ['account_id', 'opened_at'], unique=False)
    op.create_index('episodes_by_time', 'episodes', ['opened_at', 'id'], unique=False)
    op.create_index('episodes_latest', 'episodes', ['account_id', 'playbook', 'subject'], unique=True, postgresql_where=sa.text('latest'))
    op.create_index('episodes_found', 'episodes', ['playbook', 'opened_at'], unique=False, postgresql_where=sa.text("state = 'found'"))
    op.create_table('firings',
    sa.Column('episode_id', sa.Text(), nullable=False),
    sa.Column('account_id', sa.Text(), nullable=False),
    sa.Column('playbook', sa.Text(), nullable=False),
    sa.Column('fired_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('shadow', sa.Boolean(), nullable=False),
    sa.Column('held_out', sa.Boolean(), nullable=False),
    sa.Column('holdout', sa.BigInteger(), nullable=False),
    sa.Column('score', sa.BigInteger(), nullable=True),
    sa.Column('band', sa.Text(), nullable=False),
    sa.Column('stage', sa.Text(), nullable=False),
    sa.Column('leaving', sa.Boolean(), nullable=False),
    sa.Column('touched_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('touched_by', sa.Text(), nullable=True),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ended_as', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('episode_id')
    )
    op.create_index('firings_by_account', 'firings', ['account_id', 'fired_at'], unique=False)
    op.create_index('firings_by_playbook', 'firings', ['playbook', 'fired_at'], unique=False)
    op.create_table('outcomes',
    sa.Column('account_id', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('before_minor', sa.BigInteger(), nullable=True),
    sa.Column('after_minor', sa.BigInteger(), nullable=True),
    sa.Column('currency', sa.Text(), nullable=True),
    sa.Column('stands', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('account_id', 'kind', 'due_at')
    )
    op.create_index('outcomes_by_time', 'outcomes', ['kind', 'at'], unique=False)
    op.create_table('sendings',
    sa.Column('action_id', sa.Text(), nullable=False),
    sa.Column('episode_id', sa.Text(), nullable=False),
    sa.Column('playbook', sa.Text(), nullable=False),
    sa.Column('account_id', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('delivery', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('action_id')
    )
    op.create_index('sendings_by_episode', 'sendings', ['episode_id'], unique=False)
    op.create_index('sendings_by_playbook', 'sendings', ['playbook', 'at'], unique=False)
    op.create_table('found',
    sa.Column('import_id', sa.Text(), nullable=False),
    sa.Column('episode_id', sa.Text(), nullable=False),
    sa.Column('owner', sa.Text(), nullable=True),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('sent_in', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('import_id', 'episode_id')
    )
    op.create_table('items',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('action_id', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('account_id', sa.Text(), nullable=False),
    sa.Column('episode_id', sa.Text(), nullable=False),
    sa.Column('playbook', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('assignee', sa.Text(), nullable=True),
    sa.Column('because', sa.Text(), nullable=False),
    sa.Column('opened_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('not_before', sa.DateTime(timezone=True), nullable=True),
    sa.Column('snoozed_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('escalated_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('closed_by', sa.Text(), nullable=True),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('amount_minor', sa.BigInteger(), nullable=True),
    sa.Column('currency', sa.Text(), nullable=True),
    sa.Column('delivery', sa.Text(), nullable=False),
    sa.Column('feeders', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('matter', sa.Text(), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('names', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('touched', sa.Boolean(), nullable=False),
    sa.Column('keep', sa.Boolean(), nullable=False),
    sa.Column('over_since', sa.DateTime(timezone=True), nullable=True),
    sa.Column('over_because', sa.Text(), nullable=False),
    sa.Column('said_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('last_resort', sa.Boolean(), nullable=False),
    sa.Column('passed_over', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('touched_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('touched_by', sa.Text(), nullable=True),
    sa.Column('taken_by', sa.Text(), nullable=True),
    sa.Column('checklist', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('request', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('severity', sa.Text(), sa.Computed("request ->> 'severity'", persisted=True), nullable=True),
    sa.Column('stands_for', sa.Text(), nullable=True),
    sa.Column('though_away', sa.Boolean(), nullable=False),
    sa.Column('went_by', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('items_by_account', 'items', ['account_id', 'kind', 'opened_at', 'id'], unique=False)
    op.create_index('items_by_action', 'items', ['action_id'], unique=False)
    op.create_index('items_by_assignee', 'items', ['assignee', 'kind', 'opened_at', 'id'], unique=False)
    op.create_index('items_by_playbook', 'items', ['playbook', 'kind', 'opened_at', 'id'], unique=False)
    op.create_index('items_by_time', 'items', ['kind', 'opened_at', 'id'], unique=False)
    is_open = sa.text("state IN ('accepted', 'acknowledged', 'open', 'snoozed', 'taken')")
    op.create_index('items_closed', 'items', ['assignee', 'closed_at'], unique=False, postgresql_where=sa.text('closed_at IS NOT NULL'))
    op.create_index('items_open_by_assignee', 'items', ['assignee', 'kind', 'due_at'], unique=False, postgresql_where=is_open)
    op.create_index('items_open_by_due', 'items', ['kind', 'due_at', 'id'], unique=False, postgresql_where=is_open)
    op.create_index('items_open_by_time', 'items', ['kind', 'opened_at', 'id'], unique=False, postgresql_where=is_open)
    op.create_table('moves',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('before', sa.Text(), nullable=True),
    sa.Column('after', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('actor', sa.Text(), nullable=False),
    sa.Column('readings', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('moves_by_subject', 'moves', ['subject', 'id'], unique=False)
    op.create_table('interruptions',
    sa.Column('partition', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('until', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('partition', 'source', 'since')
    )
    op.create_table('playbook_versions',
    sa.Column('playbook', sa.Text(), nullable=False),
    sa.Column('version', sa.Text(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('seen_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('playbook', 'version')
    )
    op.create_table('preferences',
    sa.Column('person', sa.Text(), nullable=False),
    sa.Column('body', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('person')
    )
    op.create_table('responses',
    sa.Column('account_id', sa.Text(), nullable=False),
    sa.Column('response_id', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('account_id', 'response_id')
    )
    op.create_table('subscribed',
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('body', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('source')
    )
    op.create_table('written',
    sa.Column('item_id', sa.Text(), nullable=False),
    sa.Column('digest', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('item_id')
    )
    op.create_table('pauses',
    sa.Column('playbook', sa.Text(), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('actor', sa.Text(), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('playbook')
    )

"""The first tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from deploy.migrations import first_tables

revision = '0001'
down_revision = None


def upgrade() -> None:
    first_tables.create_worker_tables()
    op.create_table('preferences',
    sa.Column('person', sa.Text(), nullable=False),
    sa.Column('body', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('author', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('person')
    )
    op.create_table('attempts',
    sa.Column('delivery_id', sa.Text(), nullable=False),
    sa.Column('attempt', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('message_id', sa.Text(), nullable=False),
    sa.Column('began_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('outcome', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('receipt', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('delivery_id', 'attempt')
    )
    op.create_table('contacts',
    sa.Column('account_id', sa.Text(), nullable=False),
    sa.Column('contact_id', sa.Text(), nullable=False),
    sa.Column('erased', sa.Boolean(), nullable=False),
    sa.Column('cells', sa.LargeBinary(), nullable=False),
    sa.Column('address', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('account_id', 'contact_id')
    )
    op.create_index('contacts_by_address', 'contacts', ['address'], unique=False)
    op.create_table('deliveries',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('action_id', sa.Text(), nullable=False),
    sa.Column('account_id', sa.Text(), nullable=False),
    sa.Column('partition', sa.Integer(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('playbook', sa.Text(), nullable=False),
    sa.Column('item_id', sa.Text(), nullable=True),
    sa.Column('task_id', sa.Text(), nullable=True),
    sa.Column('contact_id', sa.Text(), nullable=True),
    sa.Column('recipient', sa.Text(), nullable=False),
    sa.Column('transport', sa.Text(), nullable=False),
    sa.Column('target', sa.Text(), nullable=False),
    sa.Column('shared', sa.Boolean(), nullable=False),
    sa.Column('because', sa.Text(), nullable=False),
    sa.Column('group_key', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('message_id', sa.Text(), nullable=True),
    sa.Column('instead_of', sa.Text(), nullable=True),
    sa.Column('road', sa.Integer(), server_default='0', nullable=False),
    sa.Column('amends', sa.Text(), nullable=True),
    sa.Column('outdated', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('response_url', sa.Text(), nullable=True),
    sa.Column('lease', sa.Text(), nullable=True),
    sa.Column('attempts', sa.Integer(), server_default='0', nullable=False),
    sa.Column('tries', sa.Integer(), server_default='0', nullable=False),
    sa.Column('uncertain', sa.Integer(), server_default='0', nullable=False),
    sa.Column('reason', sa.Text(), server_default='', nullable=False),
    sa.Column('cancelled_because', sa.Text(), nullable=True),
    sa.Column('action', sa.LargeBinary(), nullable=False),
    sa.Column('item_stands', sa.LargeBinary(), nullable=True),
    sa.Column('task_stands', sa.LargeBinary(), nullable=True),
    sa.Column('erased', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('accounts', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    sa.Column('traceparent', sa.Text(), nullable=True),
    sa.Column('caused_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('settled_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('deliveries_by_account', 'deliveries', ['account_id', 'created_at'], unique=False)
    op.create_index('deliveries_by_action', 'deliveries', ['action_id'], unique=False)
    op.create_index('deliveries_by_due', 'deliveries', ['transport', 'due_at'], unique=False, postgresql_where=sa.text("state IN ('waiting', 'sending')"))
    op.create_index('deliveries_by_instead_of', 'deliveries', ['instead_of'], unique=False, postgresql_where=sa.text('instead_of IS NOT NULL'))
    op.create_index('deliveries_by_item', 'deliveries', ['item_id'], unique=False, postgresql_where=sa.text('item_id IS NOT NULL'))
    op.create_index('deliveries_by_message', 'deliveries', ['message_id'], unique=False)
    op.create_index('deliveries_lists', 'deliveries', ['id'], unique=False, postgresql_where=sa.text("kind = 'digest' AND accounts IS NULL"))
    op.create_index('deliveries_told', 'deliveries', ['accounts'], unique=False, postgresql_using='gin', postgresql_ops={'accounts': 'jsonb_path_ops'}, postgresql_where=sa.text("kind = 'digest'"))
    op.create_index('deliveries_by_task', 'deliveries', ['task_id'], unique=False, postgresql_where=sa.text('task_id IS NOT NULL'))
    op.create_index('deliveries_by_time', 'deliveries', ['created_at', 'id'], unique=False)
    op.create_table('gates',
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('until', sa.DateTime(timezone=True), nullable=False),
    sa.Column('waiting', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('key')
    )
    op.create_table('written_to',
    sa.Column('delivery_id', sa.Text(), nullable=False),
    sa.Column('address', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('delivery_id')
    )
    op.create_index('written_to_by_address', 'written_to', ['address', 'at'], unique=False)
    op.create_table('bounces',
    sa.Column('address', sa.Text(), nullable=False),
    sa.Column('account_id', sa.Text(), nullable=False),
    sa.Column('contact_id', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('address')
    )
    op.create_index('bounces_by_contact', 'bounces', ['account_id', 'contact_id'], unique=False)
    op.create_table('holds',
    sa.Column('transport', sa.Text(), nullable=False),
    sa.Column('target', sa.Text(), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('until', sa.DateTime(timezone=True), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('transport', 'target')
    )
    op.create_table('inbox',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('recipient', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('message', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('inbox_by_recipient', 'inbox', ['recipient', 'at'], unique=False)
    op.create_index('inbox_by_time', 'inbox', ['at', 'id'], unique=False)
    op.create_table('roads',
    sa.Column('transport', sa.Text(), nullable=False),
    sa.Column('target', sa.Text(), nullable=False),
    sa.Column('broken_since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('told_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('transport', 'target')
    )
    op.create_table('messages',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('message', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_table('call_attempts',
    sa.Column('call_id', sa.Text(), nullable=False),
    sa.Column('attempt', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('began_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('outcome', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('status', sa.Integer(), nullable=True),
    sa.Column('headers', sa.Text(), nullable=False),
    sa.Column('answer_headers', sa.Text(), nullable=False),
    sa.Column('answer', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('call_id', 'attempt')
    )
    op.create_table('calls',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('endpoint_id', sa.Text(), nullable=False),
    sa.Column('type', sa.Text(), nullable=False),
    sa.Column('account_id', sa.Text(), nullable=False),
    sa.Column('contact_id', sa.Text(), nullable=True),
    sa.Column('partition', sa.Integer(), nullable=False),
    sa.Column('action_id', sa.Text(), nullable=True),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('lease', sa.Text(), nullable=True),
    sa.Column('attempts', sa.Integer(), server_default='0', nullable=False),
    sa.Column('tries', sa.Integer(), server_default='0', nullable=False),
    sa.Column('uncertain', sa.Integer(), server_default='0', nullable=False),
    sa.Column('reason', sa.Text(), server_default='', nullable=False),
    sa.Column('erased', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('traceparent', sa.Text(), nullable=True),
    sa.Column('caused_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('settled_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('calls_by_account', 'calls', ['account_id'], unique=False)
    op.create_index('calls_by_action', 'calls', ['action_id'], unique=False, postgresql_where=sa.text('action_id IS NOT NULL'))
    op.create_index('calls_by_age', 'calls', ['created_at'], unique=False)
    op.create_index('calls_by_due', 'calls', ['endpoint_id', 'due_at'], unique=False, postgresql_where=sa.text("state IN ('waiting', 'sending')"))
    op.create_index('calls_by_time', 'calls', ['endpoint_id', 'created_at', 'id'], unique=False)
    op.create_table('endpoints',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=True),
    sa.Column('description', sa.Text(), nullable=False),
    sa.Column('url', sa.Text(), nullable=False),
    sa.Column('types', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    sa.Column('filter', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('score_by', sa.Float(), nullable=True),
    sa.Column('secret', sa.Text(), nullable=False),
    sa.Column('former_secret', sa.Text(), nullable=True),
    sa.Column('former_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('enabled', sa.Boolean(), nullable=False),
    sa.Column('disabled_because', sa.Text(), server_default='', nullable=False),
    sa.Column('failures', sa.Integer(), server_default='0', nullable=False),
    sa.Column('failing_since', sa.DateTime(timezone=True), nullable=True),
    sa.Column('last_failure', sa.Text(), server_default='', nullable=False),
    sa.Column('held_since', sa.DateTime(timezone=True), nullable=True),
    sa.Column('held_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('created_by', sa.Text(), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('deleted_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('endpoints_by_name', 'endpoints', ['name'], unique=True, postgresql_where=sa.text('deleted_at IS NULL'))
    op.create_table('told_health',
    sa.Column('account_id', sa.Text(), nullable=False),
    sa.Column('endpoint_id', sa.Text(), nullable=False),
    sa.Column('rev', sa.Integer(), nullable=False),
    sa.Column('score', sa.Float(), nullable=True),
    sa.Column('band', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('account_id', 'endpoint_id')
    )

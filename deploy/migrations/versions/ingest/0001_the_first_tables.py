"""The first tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from deploy.migrations import first_tables

revision = '0001'
down_revision = None


def upgrade() -> None:
    first_tables.create_relay_tables()
    first_tables.create_jobs()
    op.create_table('aliases',
    sa.Column('alias', sa.Text(), primary_key=True),
    sa.Column('account_id', sa.Text(), nullable=True),
    sa.Column('seen_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('set_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('release', sa.Text(), nullable=True)
    )
    op.create_index('aliases_in_release', 'aliases', ['alias'], unique=False, postgresql_where=sa.column('release').is_not(None))
    op.create_table('merged',
    sa.Column('account_id', sa.Text(), primary_key=True),
    sa.Column('into_id', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False)
    )
    op.create_table('imports',
    sa.Column('id', sa.Text(), primary_key=True),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('actor', sa.Text(), nullable=False),
    sa.Column('opened_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('last_event_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ended_by', sa.Text(), nullable=True),
    sa.Column('act_on_found', sa.Boolean(), server_default=sa.false(), nullable=False),
    sa.Column('events', sa.BigInteger(), server_default=sa.text('0'), nullable=False)
    )
    op.create_index('imports_by_state', 'imports', ['state'], unique=False, postgresql_where=sa.column('state') != 'ended')
    op.create_table('import_publishes',
    sa.Column('id', sa.Text(), primary_key=True),
    sa.Column('import_id', sa.Text(), sa.ForeignKey('imports.id'), nullable=False),
    sa.Column('begun_at', sa.DateTime(timezone=True), nullable=False)
    )
    op.create_index('import_publishes_by_import', 'import_publishes', ['import_id'], unique=False)
    op.create_table('waiting',
    sa.Column('source', sa.Text(), primary_key=True),
    sa.Column('id', sa.Text(), primary_key=True),
    sa.Column('alias', sa.Text(), sa.ForeignKey('aliases.alias'), primary_key=True),
    sa.Column('day', sa.Date(), primary_key=True),
    sa.Column('type', sa.Text(), nullable=False),
    sa.Column('time', sa.DateTime(timezone=True), nullable=False),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('value', sa.LargeBinary(), nullable=False),
    sa.Column('headers', postgresql.JSONB(astext_type=sa.Text()), nullable=False)
    )
    op.create_index('waiting_by_alias', 'waiting', ['alias', 'received_at'], unique=False)
    op.create_table('known_users',
    sa.Column('source', sa.Text(), primary_key=True),
    sa.Column('user_id', sa.Text(), primary_key=True),
    sa.Column('at', sa.DateTime(timezone=True), primary_key=True),
    sa.Column('other', sa.Text(), primary_key=True),
    sa.Column('account_id', sa.Text(), nullable=True)
    )
    op.create_index('known_users_by_account', 'known_users', ['account_id'], unique=False)
    op.create_index('known_users_by_other', 'known_users', ['source', 'other'], unique=False, postgresql_where=sa.column('other') != '')
    op.create_index('known_users_by_time', 'known_users', ['at'], unique=False)
    op.create_table('resolved',
    sa.Column('source', sa.Text(), primary_key=True),
    sa.Column('id', sa.Text(), primary_key=True),
    sa.Column('user_id', sa.Text(), primary_key=True),
    sa.Column('account_id', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False)
    )
    op.create_index('resolved_by_time', 'resolved', ['at'], unique=False)
    op.create_table('refused',
    sa.Column('id', sa.Text(), primary_key=True),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('door', sa.Text(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('bytes', sa.LargeBinary(), nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=False),
    sa.Column('source', sa.Text(), nullable=True),
    sa.Column('event_id', sa.Text(), nullable=True),
    sa.Column('account', sa.Text(), nullable=True),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('last_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('times', sa.BigInteger(), server_default=sa.text('1'), nullable=False)
    )
    op.create_index('refused_by_last', 'refused', ['last_at'], unique=False)
    op.create_index('refused_newest', 'refused', ['at', 'id'], unique=False)
    op.create_table('refused_days',
    sa.Column('key', sa.Text(), primary_key=True),
    sa.Column('day', sa.Date(), primary_key=True),
    sa.Column('records', sa.BigInteger(), nullable=False),
    sa.Column('bytes', sa.BigInteger(), nullable=False),
    sa.Column('left_out', sa.BigInteger(), nullable=False)
    )
    op.create_table('used_links',
    sa.Column('id', sa.Text(), primary_key=True),
    sa.Column('said', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False)
    )
    op.create_index('used_links_by_expiry', 'used_links', ['expires_at'], unique=False)
    op.create_table('recent',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('door', sa.Text(), nullable=False),
    sa.Column('test', sa.Boolean(), nullable=False),
    sa.Column('mapping', sa.Text(), nullable=False),
    sa.Column('fate', sa.Text(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('sent', sa.LargeBinary(), nullable=False),
    sa.Column('size', sa.Integer(), nullable=False),
    sa.Column('understood', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('skipped', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('recent_by_test', 'recent', ['test', 'id'], unique=False)
    op.create_table('forgotten',
    sa.Column('account', sa.Text(), primary_key=True),
    sa.Column('contact', sa.Text(), primary_key=True),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False)
    )
    op.create_index('forgotten_by_contact', 'forgotten', ['contact'], unique=False)
    op.create_table('key_usage',
    sa.Column('key', sa.Text(), primary_key=True),
    sa.Column('day', sa.Date(), primary_key=True),
    sa.Column('type', sa.Text(), primary_key=True),
    sa.Column('requests', sa.BigInteger(), server_default=sa.text('0'), nullable=False),
    sa.Column('events', sa.BigInteger(), server_default=sa.text('0'), nullable=False),
    sa.Column('bytes', sa.BigInteger(), server_default=sa.text('0'), nullable=False),
    sa.Column('refused', sa.BigInteger(), server_default=sa.text('0'), nullable=False),
    sa.Column('limited', sa.BigInteger(), server_default=sa.text('0'), nullable=False)
    )
    op.create_index('key_usage_by_day', 'key_usage', ['day'], unique=False)

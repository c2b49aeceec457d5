"""The local log."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
revision = '0001'
down_revision = None


def upgrade() -> None:
    op.create_table('counters',
    sa.Column('topic', sa.Text(), nullable=False),
    sa.Column('partition', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('begin', sa.BigInteger(), server_default=sa.text('0'), nullable=False),
    sa.Column('next', sa.BigInteger(), server_default=sa.text('0'), nullable=False),
    sa.PrimaryKeyConstraint('topic', 'partition')
    )
    op.create_table('identity',
    sa.Column('cluster', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('cluster')
    )
    op.create_table('readers',
    sa.Column('service', sa.Text(), nullable=False),
    sa.Column('topic', sa.Text(), nullable=False),
    sa.Column('partition', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('next', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('service', 'topic', 'partition')
    )
    op.create_table('records',
    sa.Column('topic', sa.Text(), nullable=False),
    sa.Column('partition', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('offset', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('time', sa.DateTime(timezone=True), nullable=False),
    sa.Column('mark', sa.Boolean(), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('value', sa.LargeBinary(), nullable=False),
    sa.Column('headers', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.PrimaryKeyConstraint('topic', 'partition', 'offset')
    )
    op.create_index('records_by_time', 'records', ['time'], unique=False, postgresql_using='brin')
    op.create_index('records_marks', 'records', ['time'], unique=False, postgresql_where=sa.text('mark'))
    # The log's own id, which travels with offsets: another log is never mistaken for this one.
    op.execute("INSERT INTO identity (cluster) VALUES (gen_random_uuid()::text)")

"""The first tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
revision = '0001'
down_revision = None


def upgrade() -> None:
    op.create_table('keys',
    sa.Column('name', sa.Text(), primary_key=True),
    sa.Column('hash', sa.LargeBinary(), nullable=False, unique=True),
    sa.Column('scopes', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('sources', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('csm', sa.Text(), nullable=True),
    sa.Column('types', postgresql.ARRAY(sa.Text()), server_default='{}', nullable=False),
    sa.Column('events_per_second', sa.Integer(), nullable=True),
    sa.Column('largest', sa.Integer(), nullable=True),
    sa.Column('test', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('old_hash', sa.LargeBinary(), nullable=True),
    sa.Column('old_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True)
    )
    op.create_table('secret',
    sa.Column('id', sa.SmallInteger(), primary_key=True, autoincrement=False),
    sa.Column('value', sa.LargeBinary(), nullable=False),
    sa.CheckConstraint('id = 1', name='only_one')
    )

"""The first tables."""

import sqlalchemy as sa
from alembic import op
revision = '0001'
down_revision = None


def upgrade() -> None:
    op.create_table('revisions',
    sa.Column('service', sa.Text(), nullable=False),
    sa.Column('revision', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('service')
    )
    op.create_table('versions',
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('version', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('text', sa.LargeBinary(), nullable=True),
    sa.Column('media_type', sa.Text(), nullable=False),
    sa.Column('author', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('shipped', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('kind', 'id', 'version')
    )

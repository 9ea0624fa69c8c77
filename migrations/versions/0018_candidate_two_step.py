"""Centres choose whether their candidates need two-step verification.

Revision ID: 0018_candidate_two_step
Revises: 0017_attempt_limits
"""

import sqlalchemy as sa
from alembic import op

revision = "0018_candidate_two_step"
down_revision = "0017_attempt_limits"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("centre", sa.Column("candidates_need_two_step", sa.Boolean(), nullable=True))


def downgrade():
    op.drop_column("centre", "candidates_need_two_step")

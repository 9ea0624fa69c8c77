"""Centres choose whether their recording forms have an annex.

Revision ID: 0008_form_annex
Revises: 0007_answers_to_returns
"""

import sqlalchemy as sa
from alembic import op

revision = "0008_form_annex"
down_revision = "0007_answers_to_returns"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("centre", sa.Column("has_form_annex", sa.Boolean(), nullable=True))


def downgrade():
    op.drop_column("centre", "has_form_annex")

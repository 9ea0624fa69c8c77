"""Emails that could not be delivered are recorded by address, for the page of the person who has it.

Revision ID: 0005_delivery_failure
Revises: 0004_evidence_warnings
"""

import sqlalchemy as sa
from alembic import op

revision = "0005_delivery_failure"
down_revision = "0004_evidence_warnings"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "delivery_failure",
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("code", sa.Integer(), nullable=True),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("given_up", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("address", name=op.f("pk_delivery_failure")),
    )


def downgrade():
    op.drop_table("delivery_failure")

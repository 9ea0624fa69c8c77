"""Files of evidence have an order: that of the draft, and of each version the one it was submitted with.

Revision ID: 0012_file_order
Revises: 0011_witnesses
"""

import sqlalchemy as sa
from alembic import op

revision = "0012_file_order"
down_revision = "0011_witnesses"
branch_labels = None
depends_on = None


def upgrade():
    for table in ("attachment", "version_attachment"):
        op.add_column(table, sa.Column("position", sa.Integer(), nullable=True))
    op.execute("UPDATE attachment SET position = id")


def downgrade():
    for table in ("attachment", "version_attachment"):
        op.drop_column(table, "position")

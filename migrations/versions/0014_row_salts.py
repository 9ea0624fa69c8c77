"""Row seals name the columns that an event changed: the salts of a row are kept by row.

Seals in events that exist already (format 1) are checked as before, with the salts in `event_text`.

Revision ID: 0014_row_salts
Revises: 0013_confirmed_addresses
"""

import sqlalchemy as sa
from alembic import op

revision = "0014_row_salts"
down_revision = "0013_confirmed_addresses"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "row_salt",
        sa.Column("row_key", sa.String(length=60), nullable=False),
        sa.Column("salt", sa.String(length=64), nullable=False),
        sa.Column("column_salts", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("row_key", name=op.f("pk_row_salt")),
    )


def downgrade():
    op.drop_table("row_salt")

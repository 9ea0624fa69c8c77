"""The signature of each nightly check's result, which a row planted in the database does not have.

Revision ID: 0041_signed_check_runs
Revises: 0040_questions_asked
"""

import sqlalchemy as sa
from alembic import op

revision = "0041_signed_check_runs"
down_revision = "0040_questions_asked"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("integrity_check_run", sa.Column("signature", sa.String(200), nullable=True))


def downgrade():
    op.drop_column("integrity_check_run", "signature")

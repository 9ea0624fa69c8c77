"""The product's note of each file that a step of a job made, which a step planted in the database does not have.

Revision ID: 0043_job_step_note
Revises: 0042_witness_list
"""

import sqlalchemy as sa
from alembic import op

revision = "0043_job_step_note"
down_revision = "0042_witness_list"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("job_step", sa.Column("file_note", sa.String(200), nullable=True))


def downgrade():
    op.drop_column("job_step", "file_note")

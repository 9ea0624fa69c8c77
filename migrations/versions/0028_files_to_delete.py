"""Files of job runs that are to be deleted, so that none is left when the process that deletes them is killed.

Revision ID: 0028_files_to_delete
Revises: 0027_import_jobs
"""

import sqlalchemy as sa
from alembic import op

revision = "0028_files_to_delete"
down_revision = "0027_import_jobs"
branch_labels = None
depends_on = None

CONDITION = sa.text("files_to_delete IS NOT NULL")


def upgrade():
    op.add_column("job_run", sa.Column("files_to_delete", sa.JSON(), nullable=True))
    op.create_index(
        "ix_job_run_files_to_delete", "job_run", ["id"], sqlite_where=CONDITION, postgresql_where=CONDITION
    )


def downgrade():
    op.drop_index("ix_job_run_files_to_delete", "job_run")
    with op.batch_alter_table("job_run") as batch:
        batch.drop_column("files_to_delete")

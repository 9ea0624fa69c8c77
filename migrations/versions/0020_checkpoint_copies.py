"""The database keeps a copy of each numbered checkpoint, so that the file cannot lose one unnoticed.

Revision ID: 0020_checkpoint_copies
Revises: 0019_derived_files
"""

import sqlalchemy as sa
from alembic import op

revision = "0020_checkpoint_copies"
down_revision = "0019_derived_files"
branch_labels = None
depends_on = None

TABLE = "checkpoint_copy"


def upgrade():
    op.create_table(
        TABLE,
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_checkpoint_copy")),
    )
    if op.get_bind().dialect.name == "postgresql":
        for act, level in (("UPDATE", "ROW"), ("DELETE", "ROW"), ("TRUNCATE", "STATEMENT")):
            op.execute(
                f"CREATE TRIGGER {TABLE}_no_{act.lower()} BEFORE {act} ON {TABLE} "
                f"FOR EACH {level} EXECUTE FUNCTION refuse_change()"
            )
        return
    for act in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {TABLE}_no_{act.lower()} BEFORE {act} ON {TABLE} "
            f"BEGIN SELECT RAISE(ABORT, 'rows of {TABLE} are append-only'); END"
        )


def downgrade():
    op.drop_table(TABLE)

"""An assessor says why a unit with warnings is signed off: drafted on the attempt, kept with the signature.

Revision ID: 0010_sign_off_warnings
Revises: 0009_account_changes
"""

import sqlalchemy as sa
from alembic import op

revision = "0010_sign_off_warnings"
down_revision = "0009_account_changes"
branch_labels = None
depends_on = None

ERASABLE = ["comment", "unsampled_reason"]
ADDED = ["warnings_reason"]


def upgrade():
    drop_trigger()
    for table in ("unit_attempt", "signature"):
        op.add_column(table, sa.Column("warnings_reason", sa.Text(), nullable=True))
    create_trigger([*ERASABLE, *ADDED])


def downgrade():
    drop_trigger()
    for table in ("unit_attempt", "signature"):
        op.drop_column(table, "warnings_reason")
    create_trigger(ERASABLE)


def create_trigger(erasable):
    """Refuse every UPDATE of a signature, except that it is superseded, and that an erasure may blank its texts."""
    columns = [column["name"] for column in sa.inspect(op.get_bind()).get_columns("signature")]
    sealed = [name for name in columns if name != "superseded_at"]
    update = f"BEFORE UPDATE OF {', '.join(sealed)} ON signature"
    if op.get_bind().dialect.name == "postgresql":
        names = ", ".join(f"'{name}'" for name in erasable)
        op.execute(
            f"CREATE TRIGGER signature_no_update {update} FOR EACH ROW EXECUTE FUNCTION refuse_unless_erased({names})"
        )
        return
    same = [f"NEW.{name} IS OLD.{name}" for name in sealed if name not in erasable]
    erased = [f"(NEW.{name} IS OLD.{name} OR IFNULL(NEW.{name}, '') IN ('Erased', '[]'))" for name in erasable]
    allowed = " AND ".join(["EXISTS (SELECT 1 FROM erasure WHERE is_open)", *same, *erased])
    op.execute(
        f"CREATE TRIGGER signature_no_update {update} WHEN NOT ({allowed}) "
        "BEGIN SELECT RAISE(ABORT, 'rows of signature are append-only'); END"
    )


def drop_trigger():
    table = " ON signature" if op.get_bind().dialect.name == "postgresql" else ""
    op.execute(f"DROP TRIGGER signature_no_update{table}")

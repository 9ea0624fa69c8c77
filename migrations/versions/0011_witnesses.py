"""Evidence names the witness of a testimony, their relationship to the candidate, and an expert's status.

Revision ID: 0011_witnesses
Revises: 0010_sign_off_warnings
"""

import sqlalchemy as sa
from alembic import op

revision = "0011_witnesses"
down_revision = "0010_sign_off_warnings"
branch_labels = None
depends_on = None

ERASABLE = [
    "title", "occasion", "customers", "narrative", "workplace_location", "workplace_holder", "workplace_seen_by", "response",
]  # fmt: skip
ADDED = ["witness_name", "witness_relationship", "witness_status"]


def upgrade():
    drop_trigger()
    for table in ("evidence", "evidence_version"):
        for name in ADDED:
            op.add_column(table, sa.Column(name, sa.String(length=200), nullable=True))
    create_trigger([*ERASABLE, *ADDED])


def downgrade():
    drop_trigger()
    for table in ("evidence", "evidence_version"):
        for name in reversed(ADDED):
            op.drop_column(table, name)
    create_trigger(ERASABLE)


def create_trigger(erasable):
    """Refuse every UPDATE of a sealed version, except that an erasure may blank its texts."""
    if op.get_bind().dialect.name == "postgresql":
        names = ", ".join(f"'{name}'" for name in erasable)
        op.execute(
            "CREATE TRIGGER evidence_version_no_update BEFORE UPDATE ON evidence_version "
            f"FOR EACH ROW EXECUTE FUNCTION refuse_unless_erased({names})"
        )
        return
    columns = [column["name"] for column in sa.inspect(op.get_bind()).get_columns("evidence_version")]
    same = [f"NEW.{name} IS OLD.{name}" for name in columns if name not in erasable]
    erased = [f"(NEW.{name} IS OLD.{name} OR IFNULL(NEW.{name}, '') IN ('Erased', '[]'))" for name in erasable]
    allowed = " AND ".join(["EXISTS (SELECT 1 FROM erasure WHERE is_open)", *same, *erased])
    op.execute(
        f"CREATE TRIGGER evidence_version_no_update BEFORE UPDATE ON evidence_version WHEN NOT ({allowed}) "
        "BEGIN SELECT RAISE(ABORT, 'rows of evidence_version are append-only'); END"
    )


def drop_trigger():
    table = " ON evidence_version" if op.get_bind().dialect.name == "postgresql" else ""
    op.execute(f"DROP TRIGGER evidence_version_no_update{table}")

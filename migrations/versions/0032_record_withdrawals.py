"""The author of a record of assessment can withdraw a version that does not count, with a reason.

Revision ID: 0032_record_withdrawals
Revises: 0031_records
"""

import sqlalchemy as sa
from alembic import op

revision = "0032_record_withdrawals"
down_revision = "0031_records"
branch_labels = None
depends_on = None

COLUMNS = ("id", "evidence_version_id", "reason", "withdrawn_at", "withdrawn_by_id")
OF_CANDIDATE = (
    "EXISTS (SELECT 1 FROM erasure JOIN registration ON registration.id = erasure.registration_id"
    " JOIN evidence ON evidence.candidate_id = registration.candidate_id AND evidence.centre_id = registration.centre_id"
    " WHERE erasure.is_open"
    " AND evidence.id = (SELECT evidence_id FROM evidence_version WHERE id = OLD.evidence_version_id))"
)


def upgrade():
    op.create_table(
        "record_withdrawal",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("evidence_version_id", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_by_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["evidence_version_id"], ["evidence_version.id"], name=op.f("fk_record_withdrawal_evidence_version_id")
        ),
        sa.ForeignKeyConstraint(
            ["withdrawn_by_id"], ["person.id"], name=op.f("fk_record_withdrawal_withdrawn_by_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_record_withdrawal")),
        sa.UniqueConstraint("evidence_version_id", name=op.f("uq_record_withdrawal_evidence_version_id")),
    )
    op.create_index("ix_record_withdrawal_withdrawn_by_id", "record_withdrawal", ["withdrawn_by_id"])
    create_triggers()


def downgrade():
    op.drop_table("record_withdrawal")


def create_triggers():
    """Refuse every change of a withdrawal, except that an erasure may blank its reason."""
    if op.get_bind().dialect.name == "postgresql":
        for act, level, function in (
            ("UPDATE", "ROW", "refuse_unless_erased('reason')"),
            ("DELETE", "ROW", "refuse_change()"),
            ("TRUNCATE", "STATEMENT", "refuse_change()"),
        ):
            op.execute(
                f"CREATE TRIGGER record_withdrawal_no_{act.lower()} BEFORE {act} ON record_withdrawal "
                f"FOR EACH {level} EXECUTE FUNCTION {function}"
            )
        return
    same = [f"NEW.{name} IS OLD.{name}" for name in COLUMNS if name != "reason"]
    erased = "(NEW.reason IS OLD.reason OR IFNULL(NEW.reason, '') IN ('Erased', '[]'))"
    op.execute(
        "CREATE TRIGGER record_withdrawal_no_update BEFORE UPDATE ON record_withdrawal "
        f"WHEN NOT ({' AND '.join([OF_CANDIDATE, *same, erased])}) "
        "BEGIN SELECT RAISE(ABORT, 'rows of record_withdrawal are append-only'); END"
    )
    op.execute(
        "CREATE TRIGGER record_withdrawal_no_delete BEFORE DELETE ON record_withdrawal "
        "BEGIN SELECT RAISE(ABORT, 'rows of record_withdrawal are append-only'); END"
    )

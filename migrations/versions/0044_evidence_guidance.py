"""Evidence guidance that units ship with, and what of it was not met when an assessor signed.

Revision ID: 0044_evidence_guidance
Revises: 0043_job_step_note
"""

import sqlalchemy as sa
from alembic import op

revision = "0044_evidence_guidance"
down_revision = "0043_job_step_note"
branch_labels = None
depends_on = None

OPEN_FOR_ROW = (
    "EXISTS (SELECT 1 FROM erasure JOIN registration ON registration.id = erasure.registration_id"
    " JOIN unit_attempt ON unit_attempt.candidate_id = registration.candidate_id"
    " AND unit_attempt.centre_id = registration.centre_id"
    " WHERE erasure.is_open AND unit_attempt.id = OLD.attempt_id)"
)
"""An erasure of the candidate and centre whose signature it is, as revision 0015 binds it."""
ERASABLE = ["comment", "unsampled_reason", "warnings_reason"]


def upgrade():
    op.add_column("unit", sa.Column("evidence_guidance", sa.JSON(), nullable=False, server_default=sa.text("'[]'")))
    drop_trigger()
    op.add_column("signature", sa.Column("unmet_guidance", sa.JSON(), nullable=True))
    create_trigger()


def downgrade():
    drop_trigger()
    op.drop_column("signature", "unmet_guidance")
    create_trigger()
    op.drop_column("unit", "evidence_guidance")


def create_trigger():
    """Refuse every UPDATE of a signature, except that it is superseded, and that an erasure may blank its texts."""
    columns = [column["name"] for column in sa.inspect(op.get_bind()).get_columns("signature")]
    sealed = [name for name in columns if name != "superseded_at"]
    update = f"BEFORE UPDATE OF {', '.join(sealed)} ON signature"
    if op.get_bind().dialect.name == "postgresql":
        names = ", ".join(f"'{name}'" for name in ERASABLE)
        op.execute(
            f"CREATE TRIGGER signature_no_update {update} FOR EACH ROW EXECUTE FUNCTION refuse_unless_erased({names})"
        )
        return
    same = [f"NEW.{name} IS OLD.{name}" for name in sealed if name not in ERASABLE]
    erased = [f"(NEW.{name} IS OLD.{name} OR IFNULL(NEW.{name}, '') IN ('Erased', '[]'))" for name in ERASABLE]
    allowed = " AND ".join([OPEN_FOR_ROW, *same, *erased])
    op.execute(
        f"CREATE TRIGGER signature_no_update {update} WHEN NOT ({allowed}) "
        "BEGIN SELECT RAISE(ABORT, 'rows of signature are append-only'); END"
    )


def drop_trigger():
    table = " ON signature" if op.get_bind().dialect.name == "postgresql" else ""
    op.execute(f"DROP TRIGGER signature_no_update{table}")

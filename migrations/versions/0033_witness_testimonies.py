"""Witnesses without an account are asked for testimonies, which become evidence when an assessor authenticates them.

Revision ID: 0033_witness_testimonies
Revises: 0032_record_withdrawals
"""

import sqlalchemy as sa
from alembic import op

revision = "0033_witness_testimonies"
down_revision = "0032_record_withdrawals"
branch_labels = None
depends_on = None

WIDENED = (
    ("evidence", "record_kind", "recordkind", ("observation",), ("observation", "witness_testimony")),
    ("evidence_version", "record_kind", "recordkind", ("observation",), ("observation", "witness_testimony")),
    (
        "acknowledgement",
        "answer",
        "acknowledgementanswer",
        ("agreed", "objected", "upheld", "dismissed"),
        ("agreed", "objected", "upheld", "dismissed", "authenticated"),
    ),
)
"""Terms that a column may have: its table, its name, the name of the CHECK, and the terms before and after."""


def upgrade():
    triggers = take_sqlite_triggers()
    for table, column, name, _before, after in WIDENED:
        replace_check(table, column, name, after)
    restore_triggers(triggers)
    op.create_table(
        "witness_testimony",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("attempt_id", sa.Integer(), nullable=False),
        sa.Column("asked_by_id", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("witness_name", sa.String(200), nullable=False),
        sa.Column("is_in_person", sa.Boolean(), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("happened_on", sa.Date(), nullable=False),
        sa.Column("place", sa.String(200), nullable=False),
        sa.Column("criterion_ids", sa.JSON(), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("code_sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("asker_told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("declined_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decline_reason", sa.Text(), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("narrative", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=True),
        sa.Column("witness_id", sa.Integer(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_by_id", sa.Integer(), nullable=True),
        sa.Column("refusal_reason", sa.Text(), nullable=True),
        sa.Column("evidence_id", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "(signed_at IS NULL) = (content IS NULL)", name=op.f("ck_witness_testimony_content_when_signed")
        ),
        sa.CheckConstraint(
            "(answered_at IS NULL) = (answered_by_id IS NULL)", name=op.f("ck_witness_testimony_answered_by_somebody")
        ),
        sa.CheckConstraint(
            "answered_at IS NULL OR signed_at IS NOT NULL", name=op.f("ck_witness_testimony_answered_when_signed")
        ),
        sa.CheckConstraint(
            "signed_at IS NULL OR (withdrawn_at IS NULL AND declined_at IS NULL)",
            name=op.f("ck_witness_testimony_one_end"),
        ),
        sa.ForeignKeyConstraint(["attempt_id"], ["unit_attempt.id"], name=op.f("fk_witness_testimony_attempt_id")),
        sa.ForeignKeyConstraint(["asked_by_id"], ["person.id"], name=op.f("fk_witness_testimony_asked_by_id")),
        sa.ForeignKeyConstraint(["witness_id"], ["person.id"], name=op.f("fk_witness_testimony_witness_id")),
        sa.ForeignKeyConstraint(["answered_by_id"], ["person.id"], name=op.f("fk_witness_testimony_answered_by_id")),
        sa.ForeignKeyConstraint(["evidence_id"], ["evidence.id"], name=op.f("fk_witness_testimony_evidence_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_witness_testimony")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_witness_testimony_token_hash")),
    )
    for column in ("attempt_id", "asked_by_id", "witness_id", "evidence_id"):
        op.create_index(op.f(f"ix_witness_testimony_{column}"), "witness_testimony", [column])


def downgrade():
    """Go back; it fails while there is evidence by a witness."""
    op.drop_table("witness_testimony")
    triggers = take_sqlite_triggers()
    for table, column, name, before, _after in WIDENED:
        replace_check(table, column, name, before)
    restore_triggers(triggers)


def replace_check(table, column, name, terms):
    listed = ", ".join(f"'{term}'" for term in terms)
    with op.batch_alter_table(table) as batch:
        batch.drop_constraint(op.f(f"ck_{table}_{name}"), type_="check")
        batch.create_check_constraint(op.f(f"ck_{table}_{name}"), f"{column} IN ({listed})")


def take_sqlite_triggers():
    """Drop every trigger of SQLite and return the statements that make them again.

    SQLite makes a table anew for another CHECK, and refuses that while triggers of other tables name it.
    """
    if op.get_bind().dialect.name == "postgresql":
        return []
    query = sa.text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name")
    triggers = op.get_bind().execute(query).all()
    for name, _statement in triggers:
        op.execute(f"DROP TRIGGER {name}")
    return [statement for _name, statement in triggers]


def restore_triggers(statements):
    for statement in statements:
        op.get_bind().exec_driver_sql(statement)

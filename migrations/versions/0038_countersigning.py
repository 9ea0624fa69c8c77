"""Countersigning: countersigners of assessors without an award, and what they were asked and answered.

Revision ID: 0038_countersigning
Revises: 0037_professional_discussions
"""

import sqlalchemy as sa
from alembic import op

revision = "0038_countersigning"
down_revision = "0037_professional_discussions"
branch_labels = None
depends_on = None

WIDENED = (
    (
        "assessment",
        "state",
        "assessmentstate",
        ("draft", "released"),
        ("draft", "awaiting_countersignature", "released"),
    ),
    (
        "reopening",
        "kind",
        "reopeningkind",
        ("dispute", "retraction", "return", "reopening", "disagreement"),
        ("dispute", "retraction", "return", "reopening", "disagreement", "not_countersigned"),
    ),
)
"""Fixed terms that get another one: table, column, name of the CHECK, the terms before and after."""
ENDS = (
    "new_version", "allocation", "withdrawal", "void", "unit_version", "disagreement", "round", "new_countersigner",
    "not_releasable",
)  # fmt: skip
OPEN = sa.text("answered_at IS NULL AND ended_at IS NULL")
RUNNING = sa.text("ends_at IS NULL")


def upgrade():
    triggers = take_sqlite_triggers()
    for table, column, name, _before, after in WIDENED:
        replace_check(table, column, name, after)
    op.add_column("assessment", sa.Column("needs_countersigner", sa.Boolean(), nullable=True))
    restore_triggers(triggers)
    op.add_column("centre", sa.Column("has_countersigning", sa.Boolean(), nullable=True))
    create_countersigner()
    create_countersignature()


def downgrade():
    """Go back; it fails while an assessment waits or a round ended because it was not countersigned."""
    op.drop_table("countersignature")
    op.drop_table("countersigner")
    # Not by a new table, in which the checks of columns that later steps drop would belong to the table.
    op.execute("ALTER TABLE centre DROP COLUMN has_countersigning")
    triggers = take_sqlite_triggers()
    with op.batch_alter_table("assessment") as batch:
        batch.drop_column("needs_countersigner")
    for table, column, name, before, _after in WIDENED:
        replace_check(table, column, name, before)
    restore_triggers(triggers)


def create_countersigner():
    op.create_table(
        "countersigner",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("centre_id", sa.Integer(), nullable=False),
        sa.Column("assessor_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("named_by_id", sa.Integer(), nullable=False),
        sa.CheckConstraint("person_id <> assessor_id", name=op.f("ck_countersigner_of_another")),
        sa.ForeignKeyConstraint(["centre_id"], ["centre.id"], name=op.f("fk_countersigner_centre_id")),
        *(
            sa.ForeignKeyConstraint([column], ["person.id"], name=op.f(f"fk_countersigner_{column}"))
            for column in ("assessor_id", "person_id", "named_by_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_countersigner")),
    )
    for column in ("assessor_id", "person_id"):
        op.create_index(f"ix_countersigner_{column}", "countersigner", [column])
    op.create_index(
        "uq_countersigner_live", "countersigner", ["centre_id", "assessor_id"],
        unique=True, sqlite_where=RUNNING, postgresql_where=RUNNING,
    )  # fmt: skip


def create_countersignature():
    checks = {
        "of_one_thing": "(assessment_id IS NULL) <> (signature_id IS NULL)",
        "answered_when": "(answered_at IS NULL) = (agrees IS NULL)",
        "disagrees_why": "agrees IS NULL OR agrees OR reason <> ''",
        "ended_why": "(ended_at IS NULL) = (ended_because IS NULL)",
        "answered_or_ended": "answered_at IS NULL OR ended_at IS NULL",
    }
    parents = {"attempt_id": "unit_attempt", "assessment_id": "assessment", "signature_id": "signature", "person_id": "person"}
    op.create_table(
        "countersignature",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("attempt_id", sa.Integer(), nullable=False),
        sa.Column("assessment_id", sa.Integer(), nullable=True),
        sa.Column("signature_id", sa.Integer(), nullable=True),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("agrees", sa.Boolean(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "ended_because",
            sa.Enum(*ENDS, name="countersignatureend", native_enum=False, create_constraint=True, length=40),
            nullable=True,
        ),
        *(
            sa.CheckConstraint(condition, name=op.f(f"ck_countersignature_{name}"))
            for name, condition in checks.items()
        ),
        *(
            sa.ForeignKeyConstraint([column], [f"{table}.id"], name=op.f(f"fk_countersignature_{column}"))
            for column, table in parents.items()
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_countersignature")),
    )
    for column in parents:
        op.create_index(f"ix_countersignature_{column}", "countersignature", [column])
    for name, columns, is_unique in (
        ("uq_countersignature_open_assessment", ["assessment_id"], True),
        ("uq_countersignature_open_signature", ["signature_id"], True),
        ("ix_countersignature_open", ["person_id", "asked_at"], False),
    ):
        op.create_index(
            name, "countersignature", columns, unique=is_unique, sqlite_where=OPEN, postgresql_where=OPEN
        )


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

"""Questions that an assessor sets for a candidate to answer on their own, and marks of the answers.

Revision ID: 0047_set_questions
Revises: 0046_take_back
"""

import sqlalchemy as sa
from alembic import op

revision = "0047_set_questions"
down_revision = "0046_take_back"
branch_labels = None
depends_on = None

WIDENED = (
    (
        "evidence",
        "record_kind",
        ("observation", "witness_testimony", "professional_discussion", "questions_asked"),
        ("observation", "witness_testimony", "professional_discussion", "questions_asked", "answers"),
    ),
    (
        "evidence_version",
        "record_kind",
        ("observation", "witness_testimony", "professional_discussion", "questions_asked"),
        ("observation", "witness_testimony", "professional_discussion", "questions_asked", "answers"),
    ),
)
"""Terms that a column may have: its table, its name, and the terms before and after."""
REFERENCES = {
    "attempt_id": "unit_attempt.id",
    "evidence_id": "evidence.id",
    "set_by_id": "person.id",
    "taken_back_by_id": "person.id",
}
CHECKS = {
    "taken_back_by_whom": "(taken_back_at IS NULL) = (taken_back_by_id IS NULL)",
    "taken_back_why": "(taken_back_at IS NULL) = (taken_back_reason IS NULL)",
}


def upgrade():
    triggers = take_sqlite_triggers()
    for table, column, _before, after in WIDENED:
        replace_terms(table, column, after)
    restore_triggers(triggers)
    op.add_column("assessment", sa.Column("answer_marks", sa.JSON(), nullable=True))
    op.create_table(
        "question_set",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("attempt_id", sa.Integer(), nullable=False),
        sa.Column("evidence_id", sa.Integer(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("set_by_id", sa.Integer(), nullable=False),
        sa.Column("taken_back_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("taken_back_by_id", sa.Integer(), nullable=True),
        sa.Column("taken_back_reason", sa.Text(), nullable=True),
        *(sa.CheckConstraint(rule, name=op.f(f"ck_question_set_{name}")) for name, rule in CHECKS.items()),
        *(
            sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_question_set_{column}"))
            for column, target in REFERENCES.items()
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_question_set")),
        sa.UniqueConstraint("evidence_id", name=op.f("uq_question_set_evidence_id")),
    )
    op.create_index(op.f("ix_question_set_attempt_id"), "question_set", ["attempt_id"])


def downgrade():
    """Go back; it fails while there are answers to set questions."""
    op.drop_table("question_set")
    op.drop_column("assessment", "answer_marks")
    triggers = take_sqlite_triggers()
    for table, column, before, _after in WIDENED:
        replace_terms(table, column, before)
    restore_triggers(triggers)


def replace_terms(table, column, terms):
    listed = ", ".join(f"'{term}'" for term in terms)
    with op.batch_alter_table(table) as batch:
        batch.drop_constraint(op.f(f"ck_{table}_recordkind"), type_="check")
        batch.create_check_constraint(op.f(f"ck_{table}_recordkind"), f"{column} IN ({listed})")


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

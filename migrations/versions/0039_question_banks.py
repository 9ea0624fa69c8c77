"""Banks of questions that assessors ask, a centre's own and the installation's shared ones.

Revision ID: 0039_question_banks
Revises: 0038_countersigning
"""

import sqlalchemy as sa
from alembic import op

revision = "0039_question_banks"
down_revision = "0038_countersigning"
branch_labels = None
depends_on = None

REFERENCES = {
    "centre_id": "centre.id",
    "unit_id": "unit.id",
    "replaces_id": "bank_question.id",
    "written_by_id": "person.id",
    "ended_by_id": "person.id",
}


def upgrade():
    op.create_table(
        "bank_question",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("centre_id", sa.Integer(), nullable=True),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("replaces_id", sa.Integer(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("marks", sa.JSON(), nullable=False),
        sa.Column("guidance", sa.Text(), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("written_by_id", sa.Integer(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by_id", sa.Integer(), nullable=True),
        sa.CheckConstraint("(number = 1) = (replaces_id IS NULL)", name=op.f("ck_bank_question_later_replaces")),
        sa.CheckConstraint("ended_by_id IS NULL OR ended_at IS NOT NULL", name=op.f("ck_bank_question_ended_when")),
        *(
            sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_bank_question_{column}"))
            for column, target in REFERENCES.items()
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bank_question")),
        sa.UniqueConstraint("replaces_id", name=op.f("uq_bank_question_replaces_id")),
    )
    for column in ("centre_id", "unit_id"):
        op.create_index(op.f(f"ix_bank_question_{column}"), "bank_question", [column])


def downgrade():
    op.drop_table("bank_question")

"""Rules of evidence guidance that a centre sets for a unit.

Revision ID: 0048_centre_evidence_rules
Revises: 0047_set_questions
"""

import sqlalchemy as sa
from alembic import op

revision = "0048_centre_evidence_rules"
down_revision = "0047_set_questions"
branch_labels = None
depends_on = None

TABLE = "centre_evidence_rule"
REFERENCES = {
    "centre_id": "centre.id",
    "unit_id": "unit.id",
    "replaces_id": f"{TABLE}.id",
    "written_by_id": "person.id",
    "ended_by_id": "person.id",
}


def upgrade():
    op.create_table(
        TABLE,
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("centre_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("replaces_id", sa.Integer(), nullable=True),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("written_by_id", sa.Integer(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by_id", sa.Integer(), nullable=True),
        sa.CheckConstraint("(number = 1) = (replaces_id IS NULL)", name=op.f(f"ck_{TABLE}_later_replaces")),
        sa.CheckConstraint("(ended_at IS NULL) = (ended_by_id IS NULL)", name=op.f(f"ck_{TABLE}_ended_by_whom")),
        *(
            sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{TABLE}_{column}"))
            for column, target in REFERENCES.items()
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{TABLE}")),
        sa.UniqueConstraint("replaces_id", name=op.f(f"uq_{TABLE}_replaces_id")),
    )
    op.create_index(f"ix_{TABLE}_centre_id_unit_id", TABLE, ["centre_id", "unit_id"])


def downgrade():
    op.drop_table(TABLE)

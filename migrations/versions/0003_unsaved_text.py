"""Text that a person sent after their session had timed out is kept for them, encrypted.

Revision ID: 0003_unsaved_text
Revises: 0002_disagreements
"""

import sqlalchemy as sa
from alembic import op

revision = "0003_unsaved_text"
down_revision = "0002_disagreements"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "unsaved_text",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_unsaved_text_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unsaved_text")),
    )
    op.create_index(op.f("ix_unsaved_text_person_id"), "unsaved_text", ["person_id"])
    op.create_index(op.f("ix_unsaved_text_kept_at"), "unsaved_text", ["kept_at"])


def downgrade():
    op.drop_table("unsaved_text")

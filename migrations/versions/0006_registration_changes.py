"""The awarding body's number and date of a registration may be entered later, and earlier values are kept.

Revision ID: 0006_registration_changes
Revises: 0005_delivery_failure
"""

import sqlalchemy as sa
from alembic import op

revision = "0006_registration_changes"
down_revision = "0005_delivery_failure"
branch_labels = None
depends_on = None

BOTH_OR_NEITHER = "(awarding_body_number IS NULL) = (awarding_body_date IS NULL)"


def upgrade():
    with op.batch_alter_table("registration") as batch:
        batch.alter_column("awarding_body_number", existing_type=sa.String(40), nullable=True)
        batch.alter_column("awarding_body_date", existing_type=sa.Date(), nullable=True)
        batch.create_check_constraint(op.f("ck_registration_number_with_date"), BOTH_OR_NEITHER)
    op.create_table(
        "registration_change",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("registration_id", sa.Integer(), nullable=False),
        sa.Column("candidate_number", sa.String(40), nullable=False),
        sa.Column("awarding_body_number", sa.String(40), nullable=True),
        sa.Column("awarding_body_date", sa.Date(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["registration_id"], ["registration.id"], name=op.f("fk_registration_change_registration_id")
        ),
        sa.ForeignKeyConstraint(["changed_by_id"], ["person.id"], name=op.f("fk_registration_change_changed_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registration_change")),
    )
    op.create_index(op.f("ix_registration_change_registration_id"), "registration_change", ["registration_id"])


def downgrade():
    """Go back to required numbers and dates; it fails while a candidate is not registered with the awarding body."""
    op.drop_table("registration_change")
    with op.batch_alter_table("registration") as batch:
        batch.drop_constraint(op.f("ck_registration_number_with_date"), type_="check")
        batch.alter_column("awarding_body_date", existing_type=sa.Date(), nullable=False)
        batch.alter_column("awarding_body_number", existing_type=sa.String(40), nullable=False)

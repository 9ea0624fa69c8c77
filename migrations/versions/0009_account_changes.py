"""Earlier names of people are kept, and changes of an email address and resets of two-step verification wait.

Revision ID: 0009_account_changes
Revises: 0008_form_annex
"""

import sqlalchemy as sa
from alembic import op

revision = "0009_account_changes"
down_revision = "0008_form_annex"
branch_labels = None
depends_on = None

WAITING = sa.text("applied_at IS NULL AND cancelled_at IS NULL")


def upgrade():
    op.create_table(
        "earlier_name",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_earlier_name_person_id")),
        sa.ForeignKeyConstraint(["changed_by_id"], ["person.id"], name=op.f("fk_earlier_name_changed_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_earlier_name")),
    )
    op.create_index(op.f("ix_earlier_name_person_id"), "earlier_name", ["person_id"])
    op.create_table(
        "account_change",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("centre_id", sa.Integer(), nullable=True),
        sa.Column(
            "kind",
            sa.Enum(
                "email",
                "two_step_verification",
                name="accountchangekind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("old_email", sa.String(254), nullable=False),
        sa.Column("new_email", sa.String(254), nullable=True),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("requested_by_id", sa.Integer(), nullable=True),
        sa.Column("takes_effect_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=True),
        sa.Column("approved_by_id", sa.Integer(), nullable=True),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancelled_by_id", sa.Integer(), nullable=True),
        sa.Column("cancelled_because", sa.Text(), nullable=True),
        sa.CheckConstraint("(kind = 'email') = (new_email IS NOT NULL)", name=op.f("ck_account_change_email_is_given")),
        sa.CheckConstraint(
            "applied_at IS NULL OR cancelled_at IS NULL", name=op.f("ck_account_change_one_end")
        ),
        sa.CheckConstraint(
            "approved_by_id IS NULL OR applied_at IS NOT NULL", name=op.f("ck_account_change_approved_when_applied")
        ),
        sa.CheckConstraint(
            "approved_by_id <> requested_by_id AND approved_by_id <> person_id",
            name=op.f("ck_account_change_by_a_second_person"),
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_account_change_person_id")),
        sa.ForeignKeyConstraint(["centre_id"], ["centre.id"], name=op.f("fk_account_change_centre_id")),
        sa.ForeignKeyConstraint(["requested_by_id"], ["person.id"], name=op.f("fk_account_change_requested_by_id")),
        sa.ForeignKeyConstraint(["approved_by_id"], ["person.id"], name=op.f("fk_account_change_approved_by_id")),
        sa.ForeignKeyConstraint(["cancelled_by_id"], ["person.id"], name=op.f("fk_account_change_cancelled_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_change")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_account_change_token_hash")),
    )
    op.create_index(op.f("ix_account_change_person_id"), "account_change", ["person_id"])
    op.create_index(op.f("ix_account_change_centre_id"), "account_change", ["centre_id"])
    op.create_index(op.f("ix_account_change_takes_effect_at"), "account_change", ["takes_effect_at"])
    op.create_index(
        "uq_account_change_waiting",
        "account_change",
        ["person_id", "kind"],
        unique=True,
        sqlite_where=WAITING,
        postgresql_where=WAITING,
    )


def downgrade():
    op.drop_table("account_change")
    op.drop_table("earlier_name")

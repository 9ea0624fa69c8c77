"""The witness list of a centre, and an index for the limit of requests to a mailbox.

Revision ID: 0042_witness_list
Revises: 0041_signed_check_runs
"""

import sqlalchemy as sa
from alembic import op

revision = "0042_witness_list"
down_revision = "0041_signed_check_runs"
branch_labels = None
depends_on = None

STATUSES = ("expert", "assessor_qualified", "familiar", "other")
CHECKS = {
    "ends_later": "ends_on IS NULL OR ends_on >= starts_on",
    "expert_with_induction":
        "status <> 'expert' OR (cv <> '' AND inducted_on IS NOT NULL AND inducted_on <= starts_on)",
    "removed_by_whom": "(removed_at IS NULL) = (removed_by_id IS NULL)",
    "removed_why": "(removed_at IS NULL) = (removed_reason IS NULL)",
    "erased_by_whom": "(erased_at IS NULL) = (erased_by_id IS NULL)",
}
PEOPLE = ("recorded_by_id", "removed_by_id", "erased_by_id")


def upgrade():
    op.create_table(
        "listed_witness",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("centre_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("relationship", sa.String(200), nullable=False),
        sa.Column(
            "status",
            sa.Enum(*STATUSES, name="listedstatus", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("inducted_on", sa.Date(), nullable=True),
        sa.Column("cv", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by_id", sa.Integer(), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("removed_by_id", sa.Integer(), nullable=True),
        sa.Column("removed_reason", sa.Text(), nullable=True),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("erased_by_id", sa.Integer(), nullable=True),
        *(sa.CheckConstraint(rule, name=op.f(f"ck_listed_witness_{name}")) for name, rule in CHECKS.items()),
        sa.ForeignKeyConstraint(["centre_id"], ["centre.id"], name=op.f("fk_listed_witness_centre_id")),
        *(
            sa.ForeignKeyConstraint([column], ["person.id"], name=op.f(f"fk_listed_witness_{column}"))
            for column in PEOPLE
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listed_witness")),
    )
    op.create_index("ix_listed_witness_centre_id_email", "listed_witness", ["centre_id", "email"])
    op.create_index("ix_witness_testimony_asked_at", "witness_testimony", ["asked_at"])


def downgrade():
    op.drop_index("ix_witness_testimony_asked_at", "witness_testimony")
    op.drop_table("listed_witness")

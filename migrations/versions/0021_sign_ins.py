"""Sign-ins, successful or not, as people read of their own account.

Revision ID: 0021_sign_ins
Revises: 0020_checkpoint_copies
"""

import sqlalchemy as sa
from alembic import op

revision = "0021_sign_ins"
down_revision = "0020_checkpoint_copies"
branch_labels = None
depends_on = None

OUTCOMES = ("succeeded", "wrong_password", "wrong_code")


def upgrade():
    op.create_table(
        "sign_in",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "outcome",
            sa.Enum(*OUTCOMES, name="signinoutcome", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("address", sa.String(45), nullable=False),
        sa.Column("browser", sa.String(200), nullable=False),
        sa.Column("is_recorded", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_sign_in_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in")),
    )
    op.create_index("ix_sign_in_person_id", "sign_in", ["person_id"])
    op.create_index("ix_sign_in_at", "sign_in", ["at"])


def downgrade():
    op.drop_table("sign_in")

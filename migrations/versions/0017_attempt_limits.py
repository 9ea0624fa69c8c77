"""Attempts counted before they are checked, browsers known to a person, and requests for links by email.

The failed sign-ins counted so far are dropped: each counted for an hour at most.

Revision ID: 0017_attempt_limits
Revises: 0016_simulation_reason
"""

import sqlalchemy as sa
from alembic import op

revision = "0017_attempt_limits"
down_revision = "0016_simulation_reason"
branch_labels = None
depends_on = None

OLD_PURPOSES = ("invitation", "reset", "confirm_address")
NEW_PURPOSES = (*OLD_PURPOSES, "new_browser")
KINDS = ("sign_in", "password_confirmation", "second_step", "link")


def upgrade():
    op.drop_table("failed_sign_in")
    op.create_table(
        "counted_attempt",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", fixed_words("attemptkind", KINDS), nullable=False),
        sa.Column("account_hash", sa.String(64), nullable=False),
        sa.Column("client_hash", sa.String(64), nullable=False),
        sa.Column("attempted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_counted_attempt")),
    )
    op.create_index("ix_counted_attempt_kind_account_hash", "counted_attempt", ["kind", "account_hash"])
    op.create_index("ix_counted_attempt_kind_client_hash", "counted_attempt", ["kind", "client_hash"])
    op.create_index("ix_counted_attempt_attempted_at", "counted_attempt", ["attempted_at"])
    op.create_table(
        "known_browser",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("address", sa.String(45), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_known_browser_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_browser")),
        sa.UniqueConstraint("person_id", "token_hash", name=op.f("uq_known_browser_person_id_token_hash")),
    )
    op.create_index("ix_known_browser_token_hash", "known_browser", ["token_hash"])
    op.create_table(
        "link_request",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("purpose", fixed_words("linkpurpose", NEW_PURPOSES), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link_request")),
    )
    with op.batch_alter_table("account_link") as batch:
        change_purposes(batch, OLD_PURPOSES, NEW_PURPOSES)


def downgrade():
    op.execute("DELETE FROM account_link WHERE purpose = 'new_browser'")
    with op.batch_alter_table("account_link") as batch:
        change_purposes(batch, NEW_PURPOSES, OLD_PURPOSES)
    op.drop_table("link_request")
    op.drop_table("known_browser")
    op.drop_table("counted_attempt")
    op.create_table(
        "failed_sign_in",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_hash", sa.String(64), nullable=False),
        sa.Column("address", sa.String(45), nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_failed_sign_in")),
    )
    op.create_index("ix_failed_sign_in_account_hash", "failed_sign_in", ["account_hash"])
    op.create_index("ix_failed_sign_in_address", "failed_sign_in", ["address"])


def change_purposes(batch, before, after):
    """Change the purposes that a link may have."""
    batch.alter_column(
        "purpose",
        existing_type=fixed_words("linkpurpose", before),
        type_=fixed_words("linkpurpose", after),
        existing_nullable=False,
    )


def fixed_words(name, words):
    return sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=40)

"""Indexes with which a page reads what it shows and no more: of one attempt, item, registration or centre.

Revision ID: 0023_indexes_of_lists
Revises: 0022_signing_two_step
"""

import sqlalchemy as sa
from alembic import op

revision = "0023_indexes_of_lists"
down_revision = "0022_signing_two_step"
branch_labels = None
depends_on = None

INDEXES = (
    ("ix_signature_attempt_id", "signature", ["attempt_id"], None),
    ("ix_sample_item_evidence_version_id", "sample_item", ["evidence_version_id"], None),
    ("ix_unit_attempt_registration_id", "unit_attempt", ["registration_id"], None),
    ("ix_registration_centre_id_registered_at", "registration", ["centre_id", "registered_at"], None),
    ("ix_registration_withdrawn", "registration", ["centre_id", "registered_at"], "withdrawn_at IS NOT NULL"),
    (
        "ix_registration_not_registered",
        "registration",
        ["centre_id", "registered_at"],
        "awarding_body_number IS NULL AND withdrawn_at IS NULL",
    ),
    ("ix_unit_attempt_centre_id_id", "unit_attempt", ["centre_id", "id"], None),
    ("ix_person_created_at", "person", ["created_at"], None),
    ("ix_person_invited", "person", ["created_at"], "password_hash IS NULL AND deactivated_at IS NULL"),
)


def upgrade():
    op.drop_index("ix_unit_attempt_centre_id", "unit_attempt")
    for name, table, columns, where in INDEXES:
        condition = sa.text(where) if where else None
        op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)


def downgrade():
    for name, table, _columns, _where in reversed(INDEXES):
        op.drop_index(name, table)
    op.create_index("ix_unit_attempt_centre_id", "unit_attempt", ["centre_id"])

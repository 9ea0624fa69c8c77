"""Indexes for the figures of a centre, for attempts in one state and for people in the order of their names.

Revision ID: 0025_indexes_of_figures
Revises: 0023_indexes_of_lists
"""

import sqlalchemy as sa
from alembic import op

revision = "0025_indexes_of_figures"
down_revision = "0023_indexes_of_lists"
branch_labels = None
depends_on = None

INDEXES = (
    ("ix_unit_attempt_centre_id_state_id", "unit_attempt", ["centre_id", "state", "id"]),
    ("ix_evidence_centre_id_id", "evidence", ["centre_id", "id"]),
    ("ix_person_name_in_order", "person", [sa.text("lower(name)"), "id"]),
)


def upgrade():
    for name, table, columns in INDEXES:
        op.create_index(name, table, columns)


def downgrade():
    for name, table, _columns in reversed(INDEXES):
        op.drop_index(name, table)

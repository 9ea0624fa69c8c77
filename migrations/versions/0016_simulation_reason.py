"""The assessor's drafted reason for simulated evidence, kept until the unit is signed off.

Revision ID: 0016_simulation_reason
Revises: 0015_bound_erasures
"""

import sqlalchemy as sa
from alembic import op

revision = "0016_simulation_reason"
down_revision = "0015_bound_erasures"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("unit_attempt", sa.Column("simulation_reason", sa.Text(), nullable=True))


def downgrade():
    op.drop_column("unit_attempt", "simulation_reason")

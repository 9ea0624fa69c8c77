"""Centres choose whether signing asks for two-step verification; sessions say how it was last done.

Revision ID: 0022_signing_two_step
Revises: 0021_sign_ins
"""

from alembic import op

revision = "0022_signing_two_step"
down_revision = "0021_sign_ins"
branch_labels = None
depends_on = None

COLUMNS = (
    ("centre", "signing_two_step", "signingtwostep", ("staff", "everybody", "nobody")),
    ("user_session", "verified_with", "secondstepmethod", ("app", "passkey", "recovery_code")),
)


def upgrade():
    # SQLite adds no constraint to a table that exists, except with its column.
    for table, column, name, values in COLUMNS:
        listed = ", ".join(f"'{value}'" for value in values)
        op.execute(
            f"ALTER TABLE {table} ADD COLUMN {column} VARCHAR(40) "
            f"CONSTRAINT ck_{table}_{name} CHECK ({column} IN ({listed}))"
        )


def downgrade():
    for table, column, _name, _values in COLUMNS:
        op.drop_column(table, column)

"""A record of assessment can be a professional discussion.

Revision ID: 0037_professional_discussions
Revises: 0036_partial_uploads
"""

from alembic import op
import sqlalchemy as sa

revision = "0037_professional_discussions"
down_revision = "0036_partial_uploads"
branch_labels = None
depends_on = None

BEFORE = ("observation", "witness_testimony")
AFTER = (*BEFORE, "professional_discussion")


def upgrade():
    replace_kinds(AFTER)


def downgrade():
    """Go back; it fails while there is a professional discussion by an assessor."""
    replace_kinds(BEFORE)


def replace_kinds(kinds):
    """Allow other kinds of records of assessment."""
    listed = ", ".join(f"'{kind}'" for kind in kinds)
    triggers = take_sqlite_triggers()
    for table in ("evidence", "evidence_version"):
        with op.batch_alter_table(table) as batch:
            batch.drop_constraint(op.f(f"ck_{table}_recordkind"), type_="check")
            batch.create_check_constraint(op.f(f"ck_{table}_recordkind"), f"record_kind IN ({listed})")
    restore_triggers(triggers)


def take_sqlite_triggers():
    """Drop every trigger of SQLite and return the statements that make them again.

    SQLite makes a table anew for another CHECK, and refuses that while triggers of other tables name it.
    """
    if op.get_bind().dialect.name == "postgresql":
        return []
    query = sa.text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name")
    triggers = op.get_bind().execute(query).all()
    for name, _statement in triggers:
        op.execute(f"DROP TRIGGER {name}")
    return [statement for _name, statement in triggers]


def restore_triggers(statements):
    for statement in statements:
        op.get_bind().exec_driver_sql(statement)

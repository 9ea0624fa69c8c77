"""An assessor takes back what waits for their countersigner.

Revision ID: 0046_take_back
Revises: 0045_feedback_remarks
"""

from alembic import op
import sqlalchemy as sa

revision = "0046_take_back"
down_revision = "0045_feedback_remarks"
branch_labels = None
depends_on = None

WIDENED = (
    (
        "countersignature",
        "ended_because",
        "countersignatureend",
        (
            "new_version",
            "allocation",
            "withdrawal",
            "void",
            "unit_version",
            "disagreement",
            "round",
            "new_countersigner",
            "not_releasable",
        ),
        (
            "new_version",
            "allocation",
            "withdrawal",
            "void",
            "unit_version",
            "disagreement",
            "round",
            "new_countersigner",
            "not_releasable",
            "taken_back",
        ),
    ),
)
"""Terms that a column may have: its table, its name, the name of the CHECK, and the terms before and after."""


def upgrade():
    triggers = take_sqlite_triggers()
    for table, column, name, _before, after in WIDENED:
        replace_check(table, column, name, after)
    restore_triggers(triggers)


def downgrade():
    """Go back; it fails once an assessor has taken something back."""
    triggers = take_sqlite_triggers()
    for table, column, name, before, _after in WIDENED:
        replace_check(table, column, name, before)
    restore_triggers(triggers)


def replace_check(table, column, name, terms):
    listed = ", ".join(f"'{term}'" for term in terms)
    with op.batch_alter_table(table) as batch:
        batch.drop_constraint(op.f(f"ck_{table}_{name}"), type_="check")
        batch.create_check_constraint(op.f(f"ck_{table}_{name}"), f"{column} IN ({listed})")


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

"""Disagreements in a sample raise action points, and centres list their reasons for releasing without sampling.

A decision may come from a sampled decision, an action point names the sampled decision or the action point it follows,
and a reopening may be a disagreement.

Revision ID: 0002_disagreements
Revises: 0001_baseline
"""

import sqlalchemy as sa
from alembic import op

revision = "0002_disagreements"
down_revision = "0001_baseline"
branch_labels = None
depends_on = None

# Append-only tables of this revision: the columns that an erasure may blank, and the columns that may be set later.
APPEND_ONLY = {"decision": (["comment"], ["superseded_at"]), "reopening": (["reason"], [])}
TWO_ORIGINS = "(assessment_id IS NULL) <> (reopening_id IS NULL)"
THREE_ORIGINS = (
    "CASE WHEN assessment_id IS NULL THEN 0 ELSE 1 END + CASE WHEN reopening_id IS NULL THEN 0 ELSE 1 END"
    " + CASE WHEN sample_item_id IS NULL THEN 0 ELSE 1 END = 1"
)
OLD_KINDS = ("dispute", "retraction", "return", "reopening")
NEW_KINDS = (*OLD_KINDS, "disagreement")


def upgrade():
    drop_triggers()
    with op.batch_alter_table("centre") as batch:
        batch.add_column(sa.Column("unsampled_reasons", sa.JSON(none_as_null=True), nullable=True))
    with op.batch_alter_table("action_point") as batch:
        batch.add_column(sa.Column("sample_item_id", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("follows_id", sa.Integer(), nullable=True))
        batch.create_foreign_key("fk_action_point_sample_item_id", "sample_item", ["sample_item_id"], ["id"])
        batch.create_foreign_key("fk_action_point_follows_id", "action_point", ["follows_id"], ["id"])
        batch.create_unique_constraint("uq_action_point_sample_item_id", ["sample_item_id"])
        batch.create_unique_constraint("uq_action_point_follows_id", ["follows_id"])
    with op.batch_alter_table("decision") as batch:
        batch.add_column(sa.Column("sample_item_id", sa.Integer(), nullable=True))
        batch.create_foreign_key("fk_decision_sample_item_id", "sample_item", ["sample_item_id"], ["id"])
        batch.drop_constraint(op.f("ck_decision_one_origin"), type_="check")
        batch.create_check_constraint(op.f("ck_decision_one_origin"), THREE_ORIGINS)
    change_kinds(OLD_KINDS, NEW_KINDS)
    create_triggers()


def downgrade():
    """Go back to the baseline; it fails while a decision, action point or reopening came from a disagreement."""
    drop_triggers()
    change_kinds(NEW_KINDS, OLD_KINDS)
    with op.batch_alter_table("decision") as batch:
        batch.drop_constraint(op.f("ck_decision_one_origin"), type_="check")
        batch.create_check_constraint(op.f("ck_decision_one_origin"), TWO_ORIGINS)
        batch.drop_constraint("fk_decision_sample_item_id", type_="foreignkey")
        batch.drop_column("sample_item_id")
    with op.batch_alter_table("action_point") as batch:
        batch.drop_constraint("uq_action_point_follows_id", type_="unique")
        batch.drop_constraint("uq_action_point_sample_item_id", type_="unique")
        batch.drop_constraint("fk_action_point_follows_id", type_="foreignkey")
        batch.drop_constraint("fk_action_point_sample_item_id", type_="foreignkey")
        batch.drop_column("follows_id")
        batch.drop_column("sample_item_id")
    with op.batch_alter_table("centre") as batch:
        batch.drop_column("unsampled_reasons")
    create_triggers()


def change_kinds(before, after):
    """Change the kinds that a reopening may have."""
    with op.batch_alter_table("reopening") as batch:
        batch.alter_column("kind", existing_type=kind_type(before), type_=kind_type(after), existing_nullable=False)


def kind_type(kinds):
    return sa.Enum(*kinds, name="reopeningkind", native_enum=False, create_constraint=True, length=40)


def create_triggers():
    """Refuse every UPDATE, DELETE and TRUNCATE of the tables, except what APPEND_ONLY allows."""
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for table, (erasable, settable_later) in APPEND_ONLY.items():
        columns = [column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)]
        sealed = [name for name in columns if name not in settable_later]
        update = f"UPDATE OF {', '.join(sealed)}" if settable_later else "UPDATE"
        if is_postgresql:
            create_postgresql_triggers(table, update, erasable)
        else:
            create_sqlite_triggers(table, update, sealed, erasable)


def create_postgresql_triggers(table, update, erasable):
    columns = ", ".join(f"'{name}'" for name in erasable)
    function = f"refuse_unless_erased({columns})"
    op.execute(f"CREATE TRIGGER {table}_no_update BEFORE {update} ON {table} FOR EACH ROW EXECUTE FUNCTION {function}")
    op.execute(f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()")
    op.execute(
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def create_sqlite_triggers(table, update, sealed, erasable):
    refuse = f"BEGIN SELECT RAISE(ABORT, 'rows of {table} are append-only'); END"
    same = [f"NEW.{name} IS OLD.{name}" for name in sealed if name not in erasable]
    erased = [f"(NEW.{name} IS OLD.{name} OR IFNULL(NEW.{name}, '') IN ('Erased', '[]'))" for name in erasable]
    allowed = " AND ".join(["EXISTS (SELECT 1 FROM erasure WHERE is_open)", *same, *erased])
    op.execute(f"CREATE TRIGGER {table}_no_update BEFORE {update} ON {table} WHEN NOT ({allowed}) {refuse}")
    op.execute(f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {refuse}")


def drop_triggers():
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for table in APPEND_ONLY:
        for name in ("update", "delete", "truncate") if is_postgresql else ("update", "delete"):
            op.execute(f"DROP TRIGGER {table}_no_{name}" + (f" ON {table}" if is_postgresql else ""))

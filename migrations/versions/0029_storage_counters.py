"""Counters of the bytes that each candidate and each centre stores, kept by triggers and filled from what is there.

The triggers count what the previous release writes too, so the counters are right while both releases run.

Revision ID: 0029_storage_counters
Revises: 0028_files_to_delete
"""

import sqlalchemy as sa
from alembic import op

revision = "0029_storage_counters"
down_revision = "0028_files_to_delete"
branch_labels = None
depends_on = None

COUNTERS = {"centre_storage": ("centre_id",), "candidate_storage": ("candidate_id", "centre_id")}
"""The columns of each counter that name whose files it counts. The centre's row is always locked first."""

FILL = """
    INSERT INTO {table} ({keys}, size)
    SELECT {keys}, SUM(size) FROM (
        SELECT DISTINCT {item_keys}, attachment.sha256, attachment.size
        FROM attachment JOIN evidence AS item ON item.id = attachment.evidence_id
        WHERE attachment.name <> 'Erased'
    ) AS file GROUP BY {keys}
"""

IS_STORED_BESIDES = """EXISTS (
            SELECT 1 FROM attachment AS other JOIN evidence AS other_item ON other_item.id = other.evidence_id
            WHERE other.sha256 = {file}.sha256 AND other.size = {file}.size AND other.name <> 'Erased'
            AND {others} AND {is_same_owner}
        )"""
"""Whether the same file is counted already, or still, because of another attachment."""

POSTGRESQL_LOCK = """
        INSERT INTO centre_storage (centre_id, size)
        SELECT DISTINCT item.centre_id, 0 FROM changed JOIN evidence AS item ON item.id = changed.evidence_id
        WHERE {condition} ORDER BY item.centre_id
        ON CONFLICT (centre_id) DO UPDATE SET size = centre_storage.size;
"""
"""Lock the centres' rows, so that statements after it see the files of whoever had locked them before."""

POSTGRESQL_COUNT = """
        INSERT INTO {table} ({keys}, size)
        SELECT {keys}, {sign} SUM(size) FROM (
            SELECT DISTINCT {item_keys}, changed.sha256, changed.size
            FROM changed JOIN evidence AS item ON item.id = changed.evidence_id
            WHERE {condition} AND NOT {is_stored_besides}
        ) AS file GROUP BY {keys} ORDER BY {keys}
        ON CONFLICT ({keys}) DO UPDATE SET size = {table}.size + excluded.size;
"""
POSTGRESQL_FUNCTION = """
    CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN{statements}
        RETURN NULL;
    END $$
"""
POSTGRESQL = {
    "add_stored_files": (
        "+",
        "changed.name <> 'Erased'",
        "other.id NOT IN (SELECT id FROM changed)",
        "AFTER INSERT ON attachment REFERENCING NEW TABLE AS changed",
    ),
    "subtract_erased_files": (
        "-",
        "changed.name = 'Erased' AND changed.id IN (SELECT id FROM former WHERE name <> 'Erased')",
        "TRUE",
        "AFTER UPDATE ON attachment REFERENCING OLD TABLE AS former NEW TABLE AS changed",
    ),
}
"""The sign, which changed rows count, which other rows count, and the event of each trigger. It runs for a statement."""
GRANT = """
    DO $$
    DECLARE role name;
    BEGIN
        FOR role IN
            SELECT DISTINCT grantee FROM information_schema.role_table_grants
            WHERE table_schema = current_schema() AND table_name = 'attachment' AND privilege_type = 'INSERT'
            AND grantee <> 'PUBLIC' AND grantee <> current_user
        LOOP
            EXECUTE format('GRANT SELECT, INSERT, UPDATE ON centre_storage, candidate_storage TO %I', role);
        END LOOP;
    END $$
"""
"""Let the server's role count too: the previous release writes attachments before `flask confine` is run again."""

SQLITE_COUNT = """
        INSERT INTO {table} ({keys}, size)
        SELECT {item_keys}, {sign} NEW.size FROM evidence AS item
        WHERE item.id = NEW.evidence_id AND NOT {is_stored_besides}
        ON CONFLICT ({keys}) DO UPDATE SET size = size + excluded.size;
"""
SQLITE = {
    "add_stored_files": ("+", "AFTER INSERT ON attachment WHEN NEW.name <> 'Erased'"),
    "subtract_erased_files": (
        "-", "AFTER UPDATE OF name ON attachment WHEN NEW.name = 'Erased' AND OLD.name <> NEW.name",
    ),
}  # fmt: skip
"""The sign and the event of each trigger, which runs for each row."""


def upgrade():
    op.create_table(
        "centre_storage",
        sa.Column("centre_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["centre_id"], ["centre.id"], name=op.f("fk_centre_storage_centre_id")),
        sa.PrimaryKeyConstraint("centre_id", name=op.f("pk_centre_storage")),
    )
    op.create_table(
        "candidate_storage",
        sa.Column("candidate_id", sa.Integer(), nullable=False),
        sa.Column("centre_id", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["candidate_id"], ["person.id"], name=op.f("fk_candidate_storage_candidate_id")),
        sa.ForeignKeyConstraint(["centre_id"], ["centre.id"], name=op.f("fk_candidate_storage_centre_id")),
        sa.PrimaryKeyConstraint("candidate_id", "centre_id", name=op.f("pk_candidate_storage")),
    )
    op.create_index("ix_candidate_storage_centre_id_size", "candidate_storage", ["centre_id", "size"])
    if op.get_bind().dialect.name == "postgresql":
        create_postgresql_triggers()
    else:
        create_sqlite_triggers()
    for table, keys in COUNTERS.items():  # after the triggers, which keep other transactions from adding files
        op.execute(FILL.format(table=table, keys=", ".join(keys), item_keys=qualify(keys)))


def create_postgresql_triggers():
    for name, (sign, condition, others, event) in POSTGRESQL.items():
        statements = POSTGRESQL_LOCK.format(condition=condition) + "".join(
            POSTGRESQL_COUNT.format(
                table=table,
                keys=", ".join(keys),
                item_keys=qualify(keys),
                sign=sign,
                condition=condition,
                is_stored_besides=build_other("changed", others, keys),
            )
            for table, keys in COUNTERS.items()
        )
        op.execute(POSTGRESQL_FUNCTION.format(name=name, statements=statements))
        op.execute(f"CREATE TRIGGER attachment_{name} {event} FOR EACH STATEMENT EXECUTE FUNCTION {name}()")
    op.execute(GRANT)


def create_sqlite_triggers():
    for name, (sign, event) in SQLITE.items():
        statements = "".join(
            SQLITE_COUNT.format(
                table=table,
                keys=", ".join(keys),
                item_keys=qualify(keys),
                sign=sign,
                is_stored_besides=build_other("NEW", "other.id <> NEW.id", keys),
            )
            for table, keys in COUNTERS.items()
        )
        op.execute(f"CREATE TRIGGER attachment_{name} {event} BEGIN{statements}    END")


def qualify(keys):
    return ", ".join(f"item.{key}" for key in keys)


def build_other(file, others, keys):
    is_same_owner = " AND ".join(f"other_item.{key} = item.{key}" for key in keys)
    return IS_STORED_BESIDES.format(file=file, others=others, is_same_owner=is_same_owner)


def downgrade():
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for name in SQLITE:
        op.execute(f"DROP TRIGGER attachment_{name}" + (" ON attachment" if is_postgresql else ""))
        if is_postgresql:
            op.execute(f"DROP FUNCTION {name}()")
    op.drop_table("candidate_storage")
    op.drop_table("centre_storage")

"""Evidence can have an author and be a record of assessment, which its candidate acknowledges.

Revision ID: 0031_records
Revises: 0029_storage_counters
"""

import sqlalchemy as sa
from alembic import op

revision = "0031_records"
down_revision = "0029_storage_counters"
branch_labels = None
depends_on = None

KINDS = ("observation",)
ROLES = ("candidate", "assessor", "internal_verifier", "external_verifier", "administrator")
ANSWERS = ("agreed", "objected", "upheld", "dismissed")
TEXTS = [
    "title", "occasion", "customers", "narrative", "workplace_location", "workplace_holder", "workplace_seen_by", "response",
    "witness_name", "witness_relationship", "witness_status",
]  # fmt: skip
ADDED = ("record_kind", "author_id", "content")
OF_CANDIDATE = (
    "EXISTS (SELECT 1 FROM erasure JOIN registration ON registration.id = erasure.registration_id"
    " JOIN evidence ON evidence.candidate_id = registration.candidate_id AND evidence.centre_id = registration.centre_id"
    " WHERE erasure.is_open AND evidence.id = {key})"
)
BY_EVIDENCE = OF_CANDIDATE.format(key="OLD.evidence_id")
BY_VERSION = OF_CANDIDATE.format(
    key="(SELECT evidence_id FROM evidence_version WHERE id = OLD.evidence_version_id)"
)
FUNCTION = """
    CREATE OR REPLACE FUNCTION refuse_unless_erased() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE erased text[] := TG_ARGV; before jsonb := to_jsonb(OLD); after jsonb := to_jsonb(NEW);
    BEGIN
        IF EXISTS (
            SELECT 1 FROM erasure JOIN registration ON registration.id = erasure.registration_id
            WHERE erasure.is_open AND (registration.candidate_id, registration.centre_id) IN (
                SELECT candidate_id, centre_id FROM evidence WHERE id = {evidence_id}
                UNION ALL
                SELECT candidate_id, centre_id FROM unit_attempt WHERE id = coalesce(
                    (before->>'attempt_id')::integer,
                    (SELECT attempt_id FROM sample WHERE id = (before->>'sample_id')::integer)
                )
            )
        )
            AND before - erased = after - erased
            AND NOT EXISTS (
                SELECT 1 FROM unnest(erased) AS name
                WHERE after->>name IS DISTINCT FROM before->>name
                AND (after->>name IS NULL OR after->>name NOT IN ('Erased', '[]'))
            )
        THEN RETURN NEW; END IF;
        RAISE EXCEPTION 'rows of % are append-only', TG_TABLE_NAME;
    END $$
"""
OWN_EVIDENCE = "(before->>'evidence_id')::integer"
OWN_OR_VERSIONS_EVIDENCE = """coalesce(
                    (before->>'evidence_id')::integer,
                    (SELECT evidence_id FROM evidence_version WHERE id = (before->>'evidence_version_id')::integer)
                )"""


def upgrade():
    drop_version_trigger()
    others = take_sqlite_triggers()
    listed = ", ".join(f"'{kind}'" for kind in KINDS)
    for table in ("evidence", "evidence_version"):
        # SQLite adds no constraint to a table that exists, except with its column.
        op.execute(
            f"ALTER TABLE {table} ADD COLUMN record_kind VARCHAR(40) "
            f"CONSTRAINT ck_{table}_recordkind CHECK (record_kind IN ({listed}))"
        )
        with op.batch_alter_table(table) as batch:
            batch.add_column(sa.Column("author_id", sa.Integer(), nullable=True))
            batch.add_column(sa.Column("content", sa.Text(), nullable=True))
            batch.create_foreign_key(f"fk_{table}_author_id", "person", ["author_id"], ["id"])
    is_written = sa.text("author_id IS NOT NULL")
    op.create_index(
        "ix_evidence_author_id", "evidence", ["author_id"], sqlite_where=is_written, postgresql_where=is_written
    )
    op.create_table(
        "acknowledgement",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("evidence_version_id", sa.Integer(), nullable=False),
        sa.Column("role", build_enum("role", ROLES), nullable=False),
        sa.Column("answer", build_enum("acknowledgementanswer", ANSWERS), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("acknowledged_by_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["evidence_version_id"], ["evidence_version.id"], name=op.f("fk_acknowledgement_evidence_version_id")
        ),
        sa.ForeignKeyConstraint(
            ["acknowledged_by_id"], ["person.id"], name=op.f("fk_acknowledgement_acknowledged_by_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_acknowledgement")),
        sa.UniqueConstraint(
            "evidence_version_id", "role", name=op.f("uq_acknowledgement_evidence_version_id_role")
        ),
    )
    op.create_index("ix_acknowledgement_acknowledged_by_id", "acknowledgement", ["acknowledged_by_id"])
    restore_triggers(others)
    create_version_trigger([*TEXTS, "content"])
    create_acknowledgement_triggers()


def downgrade():
    op.drop_table("acknowledgement")
    drop_version_trigger()
    others = take_sqlite_triggers()
    if op.get_bind().dialect.name == "postgresql":
        op.execute(FUNCTION.format(evidence_id=OWN_EVIDENCE))
    op.drop_index("ix_evidence_author_id", table_name="evidence")
    for table in ("evidence", "evidence_version"):
        with op.batch_alter_table(table) as batch:
            batch.drop_constraint(f"fk_{table}_author_id", type_="foreignkey")
            batch.drop_constraint(op.f(f"ck_{table}_recordkind"), type_="check")
            for name in reversed(ADDED):
                batch.drop_column(name)
    restore_triggers(others)
    create_version_trigger(TEXTS)


def take_sqlite_triggers():
    """Drop every trigger of SQLite and return the statements that make them again.

    SQLite makes a table anew for a foreign key, and refuses that while triggers of other tables name it.
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


def build_enum(name, values):
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)


def create_version_trigger(erasable):
    """Refuse every UPDATE of a sealed version, except that an erasure may blank its texts."""
    if op.get_bind().dialect.name == "postgresql":
        names = ", ".join(f"'{name}'" for name in erasable)
        op.execute(
            "CREATE TRIGGER evidence_version_no_update BEFORE UPDATE ON evidence_version "
            f"FOR EACH ROW EXECUTE FUNCTION refuse_unless_erased({names})"
        )
        return
    create_sqlite_trigger("evidence_version", BY_EVIDENCE, erasable)


def create_acknowledgement_triggers():
    """Refuse every change of an acknowledgement, except that an erasure may blank its reason."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(FUNCTION.format(evidence_id=OWN_OR_VERSIONS_EVIDENCE))
        for act, level, function in (
            ("UPDATE", "ROW", "refuse_unless_erased('reason')"),
            ("DELETE", "ROW", "refuse_change()"),
            ("TRUNCATE", "STATEMENT", "refuse_change()"),
        ):
            op.execute(
                f"CREATE TRIGGER acknowledgement_no_{act.lower()} BEFORE {act} ON acknowledgement "
                f"FOR EACH {level} EXECUTE FUNCTION {function}"
            )
        return
    create_sqlite_trigger("acknowledgement", BY_VERSION, ["reason"])
    op.execute(
        "CREATE TRIGGER acknowledgement_no_delete BEFORE DELETE ON acknowledgement "
        "BEGIN SELECT RAISE(ABORT, 'rows of acknowledgement are append-only'); END"
    )


def create_sqlite_trigger(table, condition, erasable):
    columns = [column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)]
    same = [f"NEW.{name} IS OLD.{name}" for name in columns if name not in erasable]
    erased = [f"(NEW.{name} IS OLD.{name} OR IFNULL(NEW.{name}, '') IN ('Erased', '[]'))" for name in erasable]
    allowed = " AND ".join([condition, *same, *erased])
    op.execute(
        f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} WHEN NOT ({allowed}) "
        f"BEGIN SELECT RAISE(ABORT, 'rows of {table} are append-only'); END"
    )


def drop_version_trigger():
    table = " ON evidence_version" if op.get_bind().dialect.name == "postgresql" else ""
    op.execute(f"DROP TRIGGER evidence_version_no_update{table}")

"""Rows that triggers derive from others for lists: what to allocate, when registrations ended, words of names.

The triggers derive from what the previous release writes too, so the rows are right while both releases run.

Revision ID: 0035_derived_rows
Revises: 0034_staff_register
"""

import sqlalchemy as sa
from alembic import op

revision = "0035_derived_rows"
down_revision = "0034_staff_register"
branch_labels = None
depends_on = None

OPEN = "('in_progress', 'assessed', 'confirmed')"
SEPARATORS = "-'’.,/_()\"“”"
UNALLOCATED = f"""
        SELECT attempt.id, needed.role, attempt.centre_id
        FROM unit_attempt AS attempt
        JOIN (SELECT 'assessor' AS role UNION ALL SELECT 'internal_verifier') AS needed
            ON needed.role = 'internal_verifier' OR attempt.state = 'in_progress'
        WHERE attempt.state IN {OPEN} AND NOT EXISTS (
            SELECT 1 FROM allocation
            WHERE allocation.attempt_id = attempt.id AND allocation.role = needed.role AND allocation.ends_at IS NULL
        )"""
RETENTION = f"""
        SELECT registration.id, registration.centre_id,
            coalesce(registration.withdrawn_at, CASE WHEN NOT EXISTS (
                SELECT 1 FROM unit_attempt WHERE registration_id = registration.id AND state IN {OPEN}
            ) THEN (
                SELECT max(signature.signed_at)
                FROM signature JOIN unit_attempt ON unit_attempt.id = signature.attempt_id
                WHERE unit_attempt.registration_id = registration.id AND unit_attempt.state <> 'void'
                AND signature.role = 'internal_verifier' AND signature.superseded_at IS NULL
            ) END),
            EXISTS (SELECT 1 FROM retention_hold WHERE registration_id = registration.id AND lifted_at IS NULL),
            EXISTS (SELECT 1 FROM erasure WHERE registration_id = registration.id),
            EXISTS (SELECT 1 FROM erasure WHERE registration_id = registration.id AND is_full),
            registration.qualification_id IS NOT NULL AND registration.withdrawn_at IS NULL
        FROM registration
        WHERE registration.id IS NOT NULL"""
NUMBERS = "registration.candidate_number || ' ' || coalesce(registration.awarding_body_number, '')"
COLUMNS = {
    "unallocated_attempt": "attempt_id, role, centre_id",
    "registration_retention": (
        "registration_id, centre_id, ended_at, is_on_hold, is_evidence_erased, is_fully_erased, ends_with_qualification"
    ),
    "person_word": "person_id, word",
    "registration_word": "registration_id, word, centre_id",
}
KEYS = {
    "unallocated_attempt": ("attempt_id", "attempt.id"),
    "registration_retention": ("registration_id", "registration.id"),
    "person_word": ("person_id", "person.id"),
    "registration_word": ("registration_id", "registration.id"),
}
"""The column by which rows are derived anew, and what it is in the statement that derives them."""
ENDS_OR_STARTS = f"OLD.state <> NEW.state AND (OLD.state NOT IN {OPEN} OR NEW.state NOT IN {OPEN})"
SOURCES = {
    "unallocated_attempt": {
        "unit_attempt": ("NEW.id", "state", "", "OLD.state <> NEW.state"),
        "allocation": ("NEW.attempt_id", "ends_at", "", ""),
    },
    "registration_retention": {
        "registration": ("NEW.id", "withdrawn_at, qualification_id", "", ""),
        "unit_attempt": ("NEW.registration_id", "state", "", ENDS_OR_STARTS),
        "signature": (
            "(SELECT registration_id FROM unit_attempt WHERE id = NEW.attempt_id)",
            "superseded_at",
            *("NEW.role = 'internal_verifier'",) * 2,
        ),
        "retention_hold": ("NEW.registration_id", "lifted_at", "", ""),
        "erasure": ("NEW.registration_id", "is_full", "", ""),
    },
    "person_word": {"person": ("NEW.id", "name, email", "", "")},
    "registration_word": {"registration": ("NEW.id", "candidate_number, awarding_body_number", "", "")},
}
"""The tables that rows are derived from: the key, the columns that matter, and when a new or changed row does."""
LOCKS = {
    "unallocated_attempt": "SELECT 1 FROM unit_attempt WHERE id = {key} FOR NO KEY UPDATE",
    "registration_retention": "SELECT 1 FROM registration_retention WHERE registration_id = {key} FOR UPDATE",
}
"""What PostgreSQL locks before it looks, so that two transactions that change the same thing do not miss each other."""
FUNCTION = """
    CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN{statements}
        RETURN NULL;
    END $$
"""
GRANT = """
    DO $$
    DECLARE role name;
    BEGIN
        FOR role IN
            SELECT DISTINCT grantee FROM information_schema.role_table_grants
            WHERE table_schema = current_schema() AND table_name = 'unit_attempt' AND privilege_type = 'INSERT'
            AND grantee <> 'PUBLIC' AND grantee <> current_user
        LOOP
            EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON {tables} TO %I', role);
        END LOOP;
    END $$
"""
"""Let the server's role derive rows: the previous release writes before `flask confine` is run again."""


def upgrade():
    create_tables()
    dialect = op.get_bind().dialect.name
    derived = build_derived(dialect)
    for table, sources in SOURCES.items():
        for source, (key, columns, is_new, is_changed) in sources.items():
            name = f"derive_{table}_from_{source}"
            statements = build_statements(table, derived[table], key)
            if dialect == "postgresql":
                create_function(name, table, statements, key)
                statements = ""
            create_trigger(f"{name}_added", f"INSERT ON {source}", is_new, name, statements)
            create_trigger(f"{name}_changed", f"UPDATE OF {columns} ON {source}", is_changed, name, statements)
    if dialect == "postgresql":
        op.execute(GRANT.format(tables=", ".join(COLUMNS)))
    for table, rows in derived.items():  # after the triggers, which keep other transactions from changing what is read
        op.execute(f"INSERT INTO {table} ({COLUMNS[table]}) {rows}")


def create_tables():
    role = sa.Enum(
        "candidate", "assessor", "internal_verifier", "external_verifier", "administrator",
        name="role", native_enum=False, create_constraint=True, length=40,
    )  # fmt: skip
    is_closed = sa.text("deactivated_at IS NOT NULL")
    op.create_index(
        "ix_person_deactivated", "person", ["id"], sqlite_where=is_closed, postgresql_where=is_closed
    )
    op.create_table(
        "unallocated_attempt",
        sa.Column("attempt_id", sa.Integer(), nullable=False),
        sa.Column("role", role, nullable=False),
        sa.Column("centre_id", sa.Integer(), nullable=False),
        build_reference("unallocated_attempt", "attempt_id", "unit_attempt"),
        build_reference("unallocated_attempt", "centre_id", "centre"),
        sa.PrimaryKeyConstraint("attempt_id", "role", name=op.f("pk_unallocated_attempt")),
    )
    op.create_index("ix_unallocated_attempt_centre_id", "unallocated_attempt", ["centre_id", "attempt_id"])
    op.create_table(
        "registration_retention",
        sa.Column("registration_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("centre_id", sa.Integer(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        *(sa.Column(name, sa.Boolean(), nullable=False) for name in COLUMNS["registration_retention"].split(", ")[3:]),
        build_reference("registration_retention", "registration_id", "registration"),
        build_reference("registration_retention", "centre_id", "centre"),
        sa.PrimaryKeyConstraint("registration_id", name=op.f("pk_registration_retention")),
    )
    op.create_index(
        "ix_registration_retention_listed",
        "registration_retention",
        ["centre_id", "ended_at", "registration_id"],
        sqlite_where=sa.text("ended_at IS NOT NULL OR is_on_hold = 1"),
        postgresql_where=sa.text("ended_at IS NOT NULL OR is_on_hold"),
    )
    op.create_index(
        "ix_registration_retention_erased",
        "registration_retention",
        ["centre_id", "is_fully_erased", "is_evidence_erased", "ended_at"],
        sqlite_where=sa.text("ended_at IS NOT NULL"),
        postgresql_where=sa.text("ended_at IS NOT NULL"),
    )
    op.create_index(
        "ix_registration_retention_qualification",
        "registration_retention",
        ["centre_id", "ended_at"],
        sqlite_where=sa.text("ends_with_qualification = 1"),
        postgresql_where=sa.text("ends_with_qualification"),
    )
    word = sa.String(254).with_variant(sa.String(254, collation="C"), "postgresql")
    op.create_table(
        "person_word",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("word", word, nullable=False),
        build_reference("person_word", "person_id", "person"),
        sa.PrimaryKeyConstraint("person_id", "word", name=op.f("pk_person_word")),
    )
    op.create_index("ix_person_word_word", "person_word", ["word", "person_id"])
    op.create_table(
        "registration_word",
        sa.Column("registration_id", sa.Integer(), nullable=False),
        sa.Column("word", word, nullable=False),
        sa.Column("centre_id", sa.Integer(), nullable=False),
        build_reference("registration_word", "registration_id", "registration"),
        build_reference("registration_word", "centre_id", "centre"),
        sa.PrimaryKeyConstraint("registration_id", "word", name=op.f("pk_registration_word")),
    )
    op.create_index(
        "ix_registration_word_centre_id_word", "registration_word", ["centre_id", "word", "registration_id"]
    )


def build_reference(table, column, parent):
    return sa.ForeignKeyConstraint([column], [f"{parent}.id"], name=op.f(f"fk_{table}_{column}"))


def build_derived(dialect):
    """Return the statements that derive all rows of each table; each ends with a condition."""
    return {
        "unallocated_attempt": UNALLOCATED,
        "registration_retention": RETENTION,
        "person_word": select_words("person", "person.name", "", "person.email", dialect),
        "registration_word": select_words("registration", NUMBERS, ", registration.centre_id", "", dialect),
    }


def select_words(table, text, more, whole, dialect):
    """Select the words of a text: between spaces, and between other marks too; and another text as one word."""
    lower = f"lower({text})"
    spaced, pieces = f"replace({lower}, '’', '''')", lower
    if dialect == "postgresql":
        marks = SEPARATORS.replace("'", "''")
        pieces = f"translate({lower}, '{marks}', '{' ' * len(SEPARATORS)}')"
        words = f"string_to_array({spaced}, ' ') || string_to_array({pieces}, ' ')"
        words += f" || ARRAY[{whole}::text]" if whole else ""
        return f"""
        SELECT DISTINCT {table}.id, word COLLATE "C"{more}
        FROM {table}, unnest({words}) AS word
        WHERE word <> ''"""
    for mark in SEPARATORS:
        pieces = "replace({}, '{}', ' ')".format(pieces, mark.replace("'", "''"))
    lists = [f"""replace(json_quote({each}), ' ', '","')""" for each in (spaced, pieces)]
    lists += [f"json_quote({whole})"] if whole else []
    return f"""
        SELECT DISTINCT {table}.id, word.value{more}
        FROM {table}, json_each('[' || {" || ',' || ".join(lists)} || ']') AS word
        WHERE word.value <> ''"""


def build_statements(table, rows, key):
    """Return the statements that derive the rows with one key anew."""
    column, source = KEYS[table]
    insert = f"""
        INSERT INTO {table} ({COLUMNS[table]}) {rows} AND {source} = {key}"""
    if table == "registration_retention":
        changed = COLUMNS[table].split(", ")[2:]
        values = ", ".join(f"{name} = excluded.{name}" for name in changed)
        return f"{insert}\n        ON CONFLICT ({column}) DO UPDATE SET {values};"
    return f"""
        DELETE FROM {table} WHERE {column} = {key};{insert};"""


def create_function(name, table, statements, key):
    lock = LOCKS.get(table)
    if lock:
        statements = f"\n        PERFORM {lock.format(key=key).removeprefix('SELECT ')};{statements}"
    op.execute(FUNCTION.format(name=name, statements=statements))


def create_trigger(name, event, condition, function, statements):
    """Create a trigger that runs for each row: the function on PostgreSQL, the statements on SQLite."""
    act = f"BEGIN{statements} END" if statements else f"EXECUTE FUNCTION {function}()"
    when = f"WHEN ({condition}) " if condition else ""
    op.execute(f"CREATE TRIGGER {name} AFTER {event} FOR EACH ROW {when}{act}")


def downgrade():
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for table, sources in SOURCES.items():
        for source in sources:
            name = f"derive_{table}_from_{source}"
            for act in ("added", "changed"):
                op.execute(f"DROP TRIGGER {name}_{act}" + (f" ON {source}" if is_postgresql else ""))
            if is_postgresql:
                op.execute(f"DROP FUNCTION {name}()")
    for table in COLUMNS:
        op.drop_table(table)
    op.drop_index("ix_person_deactivated", table_name="person")

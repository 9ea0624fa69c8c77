"""Checks of what would let a database show or take other values than its tables seem to hold.

Keys, defaults, policies, inherited tables, functions in place of the database's own, and settings of the database:
none of them changes a row that the other checks read, and each can make a page read other rows than they do.
"""

from collections.abc import Iterator
from typing import Any

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    Boolean,
    Date,
    DateTime,
    Inspector,
    Integer,
    LargeBinary,
    Table,
    Text,
    func,
    inspect,
    or_,
    select,
    text,
    type_coerce,
)

from tracker.config import MIGRATIONS
from tracker.extensions import db
from tracker.integrity.invariants import invariant
from tracker.integrity.ledger_snapshot import LedgerSnapshot

POSTGRESQL = {
    "the table {} hides rows by a policy": """
        SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE nspname = ANY (current_schemas(false)) AND (relrowsecurity OR relforcerowsecurity)
    """,
    "the table {} has rows of another table, which inherits it": """
        SELECT DISTINCT parent.relname FROM pg_inherits JOIN pg_class parent ON parent.oid = inhparent
        JOIN pg_namespace ON pg_namespace.oid = parent.relnamespace
        WHERE nspname = ANY (current_schemas(false)) AND parent.relkind <> 'I'
    """,
    "the table {} is lost when the database server stops: it is UNLOGGED": """
        SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE nspname = ANY (current_schemas(false)) AND relkind = 'r' AND relpersistence = 'u'
    """,
    "{} was added: a materialized view, foreign table or partitioned table": """
        SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE nspname = ANY (current_schemas(false)) AND relkind IN ('m', 'f', 'p')
    """,
    "the foreign keys of {} are not enforced": """
        SELECT DISTINCT relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
        JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE nspname = ANY (current_schemas(false)) AND tgisinternal AND tgenabled <> 'O'
    """,
    "the function {} was added": """
        SELECT proname FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
        WHERE nspname = ANY (current_schemas(false)) AND nspname <> 'pg_catalog'
        AND pg_proc.oid NOT IN (SELECT tgfoid FROM pg_trigger)
        AND pg_proc.oid NOT IN (SELECT objid FROM pg_depend WHERE deptype = 'e')
    """,
    "the function {} of a trigger has settings of its own": """
        SELECT proname FROM pg_proc
        WHERE oid IN (SELECT tgfoid FROM pg_trigger WHERE NOT tgisinternal) AND proconfig IS NOT NULL
    """,
    "the operator {} was added": """
        SELECT oprname FROM pg_operator JOIN pg_namespace ON pg_namespace.oid = oprnamespace
        WHERE nspname = ANY (current_schemas(false)) AND nspname <> 'pg_catalog'
        AND pg_operator.oid NOT IN (SELECT objid FROM pg_depend WHERE deptype = 'e')
    """,
    "a cast from {} was added": """
        SELECT castsource::regtype::text FROM pg_cast
        WHERE oid >= 16384 AND oid NOT IN (SELECT objid FROM pg_depend WHERE deptype = 'e')
    """,
    "a setting of the database or of a role changes what statements do: {}": """
        SELECT setting FROM pg_db_role_setting, unnest(setconfig) AS setting
        WHERE setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
        AND (setting LIKE 'session_replication_role=%' OR setting LIKE 'search_path=%pg_catalog%')
    """,
    "names are looked up in {} before those of the database itself": """
        SELECT name FROM unnest(current_schemas(true)) WITH ORDINALITY AS path (name, place)
        WHERE name NOT LIKE 'pg_temp%' AND place < array_position(current_schemas(true), 'pg_catalog')
    """,
}
"""The fault, and the statement that finds the names of what has it."""
DATE = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"
TIME = "[0-9][0-9]:[0-9][0-9]:[0-9][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]"


@invariant(28, "nothing in the database makes statements read or write something else", once=True)
def find_hidden_behaviour(_ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield what changes the meaning of statements. docs/integrity.md, invariant 28."""
    yield from find_other_migration()
    inspector = inspect(db.session.connection())
    stored = set(inspector.get_table_names())
    for table in db.metadata.sorted_tables:
        if table.name in stored:
            yield from _find_column_faults(inspector, table)
    if db.session.get_bind().dialect.name == "postgresql":
        for sentence, query in POSTGRESQL.items():
            yield from (sentence.format(name) for name in db.session.scalars(text(query)))
    else:
        yield from (
            fault for table in db.metadata.sorted_tables if table.name in stored for fault in _find_forms(table)
        )


def find_other_migration() -> Iterator[str]:
    """Yield a sentence if the database's migration is not the newest: the next upgrade would run others again."""
    expected = set(ScriptDirectory(str(MIGRATIONS)).get_heads())
    if read_migrations() != expected:
        yield f"the database's migration is not {', '.join(sorted(expected))}"


def read_migrations() -> set[str]:
    """Return the migration that the database is at: one, unless the table of migrations was changed by hand."""
    return set(MigrationContext.configure(db.session.connection()).get_current_heads())


def list_known_migrations() -> set[str]:
    """Return all migrations of this release."""
    return {each.revision for each in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}


def _find_column_faults(inspector: Inspector, table: Table) -> Iterator[str]:
    key = inspector.get_pk_constraint(table.name)["constrained_columns"]
    if sorted(key) != sorted(column.name for column in table.primary_key):
        yield f"the primary key of {table.name} is not the one that the code declares"
    for column in inspector.get_columns(table.name):
        name = f"{table.name}.{column['name']}"
        declared: Any = table.columns.get(column["name"])
        if column.get("computed"):
            yield f"the column {name} is computed, not stored"
        elif column["default"] and declared is not None and not declared.primary_key and not declared.server_default:
            yield f"the column {name} has a default that the code does not declare"
        if getattr(column["type"], "collation", None) != _get_collation(declared):
            yield f"the column {name} compares text in another way than the code declares"
    if db.session.get_bind().dialect.name == "sqlite":
        statement = db.session.scalar(text("SELECT sql FROM sqlite_master WHERE name = :name"), {"name": table.name})
        if "collate" in str(statement).lower():
            yield f"a column of {table.name} compares text in another way than the code declares"


def _get_collation(declared: Any) -> str | None:
    """Return the order of texts that the code declares for a column in this database; None for the database's own."""
    if declared is None:
        return None
    return getattr(declared.type.dialect_impl(db.session.get_bind().dialect), "collation", None)


def _find_forms(table: Table) -> Iterator[str]:
    """Yield each column of SQLite with a value in another form than the product writes.

    SQLite stores any value in any column. Python may read `2026-W48-1` as the time that an event names, and SQL
    compare it as a later one.
    """
    counts = [func.sum(~or_(column.is_(None), _has_its_form(column))) for column in table.columns]
    row = db.session.execute(select(*counts).select_from(table)).one()
    for column, count in zip(table.columns, row, strict=True):
        if count:
            yield f"{table.name}.{column.name} has {count} values in another form than the product writes"


def _has_its_form(column: Any) -> Any:
    kind = getattr(column.type, "impl", column.type)
    plain = func.typeof(column)
    if isinstance(kind, Boolean):
        return type_coerce(column, Integer).in_([0, 1])
    if isinstance(kind, DateTime):
        return type_coerce(column, Text).op("GLOB")(f"{DATE} {TIME}")
    if isinstance(kind, Date):
        return type_coerce(column, Text).op("GLOB")(DATE)
    if isinstance(kind, Integer):
        return plain == "integer"
    if isinstance(kind, LargeBinary):
        return plain == "blob"
    return plain == "text"

"""Checks of the schema: the database has the tables, columns, indexes and constraints that the code declares."""

import re
import warnings
from collections.abc import Iterator
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, Connection, Index, Inspector, Table, inspect

from tracker.extensions import db
from tracker.integrity.invariants import invariant
from tracker.integrity.ledger_snapshot import LedgerSnapshot

MIGRATIONS_TABLE = "alembic_version"
CASTS = re.compile(r"::[a-z ]+")
"""The casts that PostgreSQL adds to the condition of an index."""


@invariant(28, "tables, indexes, constraints and views are those that the code declares", once=True)
def find_schema_faults(_ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each difference between the database's schema and the models. docs/integrity.md, invariant 28.

    Triggers are compared by `tracker.integrity.database`.
    """
    connection = db.session.connection()
    with warnings.catch_warnings():
        # Neither Alembic nor SQLAlchemy reads an index of an expression back on SQLite; each warns of it.
        warnings.filterwarnings("ignore", message=".*expression-based index")
        yield from _find_differences(connection)


def _find_differences(connection: Connection) -> Iterator[str]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    for difference in compare_metadata(context, db.metadata):
        yield from _describe(difference)
    inspector = inspect(connection)
    yield from (f"the view {name} was added" for name in inspector.get_view_names())
    stored_tables = set(inspector.get_table_names())
    for table in db.metadata.sorted_tables:
        if table.name in stored_tables:
            yield from _find_check_faults(inspector, table)
            yield from _find_condition_faults(inspector, table)


def _describe(difference: Any) -> Iterator[str]:
    """Yield a sentence for a difference that Alembic found: the step that would bring the database in line."""
    if isinstance(difference, list):  # the changes of one column
        for each in difference:
            yield f"the column {each[2]}.{each[3]} is not as the code declares it ({each[0].removeprefix('modify_')})"
        return
    step, thing = difference[0], difference[-1]
    verb, _, kind = step.partition("_")
    if kind == "table" and thing.name == MIGRATIONS_TABLE:
        return
    name = f"{thing.table.name}.{thing.name}" if kind == "column" else thing.name
    yield f"the {kind.replace('_', ' ')} {name} is missing" if verb == "add" else f"the {kind} {name} was added"


def _find_check_faults(inspector: Inspector, table: Table) -> Iterator[str]:
    declared = {str(each.name) for each in table.constraints if isinstance(each, CheckConstraint) and each.name}
    stored = {str(each["name"]) for each in inspector.get_check_constraints(table.name)}
    yield from (f"the check {name} of {table.name} is missing" for name in sorted(declared - stored))
    yield from (f"the check {name} of {table.name} was added" for name in sorted(stored - declared))


def _find_condition_faults(inspector: Inspector, table: Table) -> Iterator[str]:
    """Yield each index that covers other rows than declared: `uq_signature_live` is unique among live ones only."""
    dialect = db.session.get_bind().dialect.name
    stored = {each["name"]: each.get("dialect_options", {}) for each in inspector.get_indexes(table.name)}
    for index in table.indexes:
        if index.name in stored:
            declared = _get_condition(index, dialect)
            if _normalise(stored[index.name].get(f"{dialect}_where")) != _normalise(declared):
                yield f"the index {index.name} covers other rows than the code declares"


def _get_condition(index: Index, dialect: str) -> Any:
    return index.dialect_options[dialect]["where"]


def _normalise(condition: Any) -> str:
    """Return a condition without what a database adds: brackets, quotation marks of names, casts, spaces."""
    text = "" if condition is None else str(condition)
    return re.sub(r"[()\s\"]", "", CASTS.sub("", text)).lower()

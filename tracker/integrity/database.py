"""Checks of the database itself: its consistency, foreign keys, triggers, and the rights of its roles."""

import hashlib
from collections.abc import Iterator
from functools import cache

from sqlalchemy import CompoundSelect, String, cast, func, literal, select, text, union_all

from tracker.extensions import db
from tracker.integrity.database_role import DATABASE_CONFINED, list_unsafe_roles
from tracker.integrity.invariants import invariant
from tracker.integrity.ledger_snapshot import LedgerSnapshot
from tracker.ledger.canonical_json import canonical_json

APPEND_ONLY = (
    "event", "evidence_version", "version_attachment", "submission", "attachment", "decision", "signature",
    "reopening", "sample", "sample_item", "version_move", "carried_over_claim", "signing_key",
    "checkpoint_copy", "acknowledgement", "record_withdrawal",
)  # fmt: skip


TRIGGERS = {
    "sqlite": "ea64d864a1f5c0caf9434593220212de0be4c5a9ff90cf2acae6ebc79b03ed63",
    "postgresql": "8b1bed8ced1eb46782cac526c5112c2e86aa66b0598b057d0a1541f70788c5a7",
}
"""The hash of all triggers after the newest migration. A migration that changes a trigger must change it here."""
DEFINITIONS = {
    "sqlite": "SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": """
        SELECT tgname, relname, tgtype, tgenabled, tgqual IS NULL, encode(tgargs, 'hex'), proname, prosrc, (
            SELECT string_agg(attname, ',' ORDER BY attname COLLATE "C") FROM pg_attribute
            WHERE attrelid = tgrelid AND attnum = ANY (tgattr)
        )
        FROM pg_trigger
        JOIN pg_class ON pg_class.oid = tgrelid
        JOIN pg_proc ON pg_proc.oid = tgfoid
        WHERE NOT tgisinternal AND relnamespace = current_schema()::regnamespace
    """,
}


@invariant(28, "the database is sound, and its append-only triggers are unchanged", once=True)
def find_database_faults(_ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each fault of the database, its foreign keys and its triggers. docs/integrity.md, invariant 28."""
    dialect = db.session.get_bind().dialect.name
    yield from _find_sqlite_faults() if dialect == "sqlite" else _find_postgresql_faults()
    yield from _find_orphan_rows()
    triggers = _list_triggers(dialect)
    acts = ("update", "delete") if dialect == "sqlite" else ("update", "delete", "truncate")
    for table in APPEND_ONLY:
        for act in acts:
            if f"{table}_no_{act}" not in triggers:
                yield f"the trigger that refuses to {act} {table} is missing"
    if _hash_triggers(dialect) != TRIGGERS[dialect]:
        yield "a trigger is not as the migrations made it, or one was added"


@invariant(28, "only the database's owner can change the ledger, where a restricted role was set up", once=True)
def find_roles_that_can_change_ledger(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each database role that can change the ledger. docs/integrity.md, invariant 28."""
    if db.session.get_bind().dialect.name == "postgresql" and any(ledger.list_events(DATABASE_CONFINED)):
        yield from (f"the role {name} can change the ledger" for name in list_unsafe_roles())


def _find_sqlite_faults() -> Iterator[str]:
    for (line,) in db.session.execute(text("PRAGMA integrity_check(20)")):
        if line != "ok":
            yield f"the database file is damaged: {line}"


def _find_postgresql_faults() -> Iterator[str]:
    invalid = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"
    yield from (f"the index {name} is not valid" for name in db.session.scalars(text(invalid)))
    rules = "SELECT rulename FROM pg_rules WHERE schemaname = current_schema()"
    yield from (f"the rule {name} replaces what a statement does" for name in db.session.scalars(text(rules)))
    unchecked = "SELECT conname FROM pg_constraint WHERE contype IN ('f', 'c') AND NOT convalidated"
    yield from (f"the constraint {name} was never checked" for name in db.session.scalars(text(unchecked)))


def _find_orphan_rows() -> Iterator[str]:
    """Find rows whose foreign key leads nowhere, because foreign keys can be switched off in the database."""
    for child, parent, key in db.session.execute(_build_orphan_query()):
        if key is not None:
            yield f"a row of {child} names {parent} {key}, which is not there"


@cache
def _build_orphan_query() -> CompoundSelect[str, str, str | None]:
    """Select, for each foreign key, its two tables and the first value that leads nowhere, in one statement."""
    queries = []
    for table in db.metadata.sorted_tables:
        for key in table.foreign_keys:
            parent, child = key.column.table.alias(), key.parent
            # Written out rather than sent as parameters, so that PostgreSQL can keep its plan.
            names = (literal(name, String, literal_execute=True) for name in (table.name, key.column.table.name))
            queries.append(
                select(*names, cast(func.min(child), String))
                .select_from(table.outerjoin(parent, child == parent.c[key.column.name]))
                .where(child.is_not(None), parent.c[key.column.name].is_(None))
            )
    return union_all(*queries)


def _hash_triggers(dialect: str) -> str:
    """Hash the definitions of all triggers: a trigger of the same name could allow everything."""
    definitions = [[str(value) for value in row] for row in db.session.execute(text(DEFINITIONS[dialect]))]
    return hashlib.sha256(canonical_json(sorted(definitions))).hexdigest()


def _list_triggers(dialect: str) -> set[str]:
    if dialect == "sqlite":
        return set(db.session.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")))
    query = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled = 'O'"
    return set(db.session.scalars(text(query)))

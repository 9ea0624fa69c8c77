"""The database's own checks, and the triggers that refuse a change."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from sqlalchemy import Select, select, text

from tracker.extensions import db
from tracker.integrity.checking import invariant
from tracker.integrity.confining import CONFINED, list_able
from tracker.integrity.record import Record

APPEND_ONLY = (
    "event", "evidence_version", "version_attachment", "submission", "attachment", "decision", "signature",
    "reopening", "sample", "sample_item", "attempt_move", "moved_claim", "signing_key",
)  # fmt: skip


@invariant(28, "the database is sound, and refuses to change what is sealed")
def database_is_sound(_record: Record) -> Iterator[str]:
    dialect = db.session.get_bind().dialect.name
    yield from _sqlite_faults() if dialect == "sqlite" else _postgresql_faults()
    yield from _orphans()
    there = _triggers(dialect)
    acts = ("update", "delete") if dialect == "sqlite" else ("update", "delete", "truncate")
    for table in APPEND_ONLY:
        for act in acts:
            if f"{table}_no_{act}" not in there:
                yield f"the trigger that refuses to {act} {table} is gone"


@invariant(28, "nobody but the database's owner can change the ledger, once that was arranged")
def ledger_is_confined(record: Record) -> Iterator[str]:
    if db.session.get_bind().dialect.name == "postgresql" and any(record.told(CONFINED)):
        yield from (f"the role {name} can change the ledger" for name in list_able())


def _sqlite_faults() -> Iterator[str]:
    for (line,) in db.session.execute(text("PRAGMA integrity_check(20)")):
        if line != "ok":
            yield f"the database file is damaged: {line}"


def _postgresql_faults() -> Iterator[str]:
    invalid = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"
    yield from (f"the index {name} is not valid" for name in db.session.scalars(text(invalid)))
    unchecked = "SELECT conname FROM pg_constraint WHERE contype IN ('f', 'c') AND NOT convalidated"
    yield from (f"the constraint {name} was never checked" for name in db.session.scalars(text(unchecked)))


def _orphans() -> Iterator[str]:
    """Foreign keys, checked by looking: whoever switched them off did not switch this off."""
    for child, parent, query in _orphan_queries():
        if (found := db.session.execute(query).first()) is not None:
            yield f"a row of {child} names {parent} {found[0]}, which is not there"


@cache
def _orphan_queries() -> list[tuple[str, str, Select[Any]]]:
    """For each foreign key, the tables that it joins and what finds one that leads nowhere."""
    queries = []
    for table in db.metadata.sorted_tables:
        for key in table.foreign_keys:
            parent, child = key.column.table.alias(), key.parent
            query = (
                select(child)
                .select_from(table.outerjoin(parent, child == parent.c[key.column.name]))
                .where(child.is_not(None), parent.c[key.column.name].is_(None))
                .limit(1)
            )
            queries.append((table.name, key.column.table.name, query))
    return queries


def _triggers(dialect: str) -> set[str]:
    if dialect == "sqlite":
        return set(db.session.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")))
    query = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled = 'O'"
    return set(db.session.scalars(text(query)))

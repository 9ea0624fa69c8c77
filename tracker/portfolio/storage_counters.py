"""Counters of the bytes that candidates and centres store: comparison with the files, and counting again.

Triggers of the database keep them, in the transaction that adds or erases a file (`0029_storage_counters.py`). So
they count whatever writes attachments: this release, the one before during an upgrade, and the operator's own SQL.
Only a transaction without triggers changes attachments without them.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Select, Table, func, literal, select, text, true, union_all
from sqlalchemy.dialects import postgresql, sqlite

from tracker.extensions import db
from tracker.models import Attachment, CandidateStorage, CentreStorage, Evidence
from tracker.vocabulary import ERASED_TEXT

COUNTERS = [db.metadata.tables[model.__tablename__] for model in (CentreStorage, CandidateStorage)]
"""The tables of the counters. Their primary keys name whose files they count."""


def list_differences(connection: Connection) -> Iterator[str]:
    """Yield a sentence for each counter that differs from the sizes of the files."""
    for table in COUNTERS:
        for *ids, stored, counted in connection.execute(_select_differences(table)):
            owner = f"centre {ids[0]}" if len(ids) == 1 else f"candidate {ids[0]} at centre {ids[1]}"
            yield f"{owner}: {stored} bytes are counted, and the files have {counted}"


def recount(connection: Connection) -> int:
    """Set every counter that differs from the sizes of the files. Return how many there were.

    The caller commits. On PostgreSQL nobody can add a file until then.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE centre_storage IN EXCLUSIVE MODE"))  # triggers change a row of it first
    return sum(_recount(connection, table) for table in COUNTERS)


def _recount(connection: Connection, table: Table) -> int:
    keys = [column.name for column in table.primary_key]
    differences = _select_differences(table).subquery()
    # Without WHERE, SQLite takes ON CONFLICT for a condition of a join.
    values = select(*(differences.c[name] for name in keys), differences.c.counted).where(true())
    insert: Any = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}[connection.dialect.name]
    filled = insert(table).from_select([*keys, "size"], values)
    result = connection.execute(
        filled.on_conflict_do_update(index_elements=keys, set_={"size": filled.excluded.size}),
        execution_options={"preserve_rowcount": True},
    )
    return int(result.rowcount)


def _select_differences(table: Table) -> Select[*tuple[Any, ...]]:
    """Select the key, the counter and the counted size of each owner for whom they differ."""
    names = [column.name for column in table.primary_key]
    evidence = db.metadata.tables["evidence"]
    files = (
        select(*(evidence.c[name] for name in names), Attachment.sha256, Attachment.size)
        .join(Evidence, Evidence.id == Attachment.evidence_id)
        .where(Attachment.name != ERASED_TEXT)
        .distinct()
        .subquery()
    )
    sizes = union_all(
        select(*table.primary_key, table.c.size.label("stored"), literal(0).label("counted")),
        select(*(files.c[name] for name in names), literal(0), files.c.size),
    ).subquery()
    keys = [sizes.c[name] for name in names]
    stored, counted = func.sum(sizes.c.stored), func.sum(sizes.c.counted)
    return (
        select(*keys, stored.label("stored"), counted.label("counted"))
        .group_by(*keys)
        .having(stored != counted)
        .order_by(*keys)
    )

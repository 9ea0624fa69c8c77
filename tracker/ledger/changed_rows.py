"""The sealed rows that a transaction makes or changes, with the values that their changed columns had before it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import event, inspect, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.base import NO_VALUE

from tracker.extensions import db
from tracker.ledger.row_seals import SEALED_TABLES, get_object_key, get_table, is_sealed, to_json_value
from tracker.models import Base


@dataclass
class ChangedRow:
    """A row that this transaction made, changed, or names in order to seal it."""

    row: Base
    is_new: bool = False
    """Whether this transaction made it."""
    former: dict[str, Any] = field(default_factory=dict)
    """The values before this transaction of the columns that it set, by name."""

    def list_changed_columns(self) -> list[str]:
        """List the sealed columns whose value before this transaction was another."""
        table = get_table(self.row)
        return [
            name
            for name in SEALED_TABLES[table.name].columns(table)
            if name in self.former and to_json_value(self.former[name]) != to_json_value(getattr(self.row, name))
        ]


def pop_changed_rows(named: Iterable[Base] = ()) -> dict[str, ChangedRow]:
    """Return the rows of this transaction that need a seal, by key, and forget them.

    Args:
        named: rows to seal although this transaction did not change them.
    """
    changed: dict[int, ChangedRow] = db.session.info.pop("changed_rows", {})
    rows = {id(each.row): each for each in changed.values() if each.is_new or each.list_changed_columns()}
    rows |= {id(row): rows.get(id(row)) or ChangedRow(row) for row in named}
    return {get_object_key(each.row): each for each in rows.values() if is_sealed(each.row)}


def discard_changed_rows() -> None:
    """Forget the rows that a failed transaction made or changed."""
    db.session.info.pop("changed_rows", None)


@event.listens_for(db.session, "before_flush")
def _read_unloaded_values(session: Session, _context: object, _instances: object) -> None:
    """Read the values that a flush will replace and that the session never loaded."""
    for row in session.dirty:
        if row.__tablename__ in SEALED_TABLES and NO_VALUE in inspect(row).committed_state.values():
            table = get_table(row)
            keys = [column == getattr(row, column.name) for column in table.primary_key]
            stored = session.execute(select(table).where(*keys)).mappings().one()
            session.info.setdefault("unloaded_values", {})[id(row)] = dict(stored)


@event.listens_for(db.session, "after_flush")
def _collect_changed_rows(session: Session, _context: object) -> None:
    changed: dict[int, ChangedRow] = session.info.setdefault("changed_rows", {})
    unloaded: dict[int, dict[str, Any]] = session.info.pop("unloaded_values", {})
    for row in session.new:
        if row.__tablename__ in SEALED_TABLES:
            changed[id(row)] = ChangedRow(row, is_new=True)
    for row in session.dirty:
        committed = inspect(row).committed_state
        if row.__tablename__ not in SEALED_TABLES:
            continue
        each = changed.setdefault(id(row), ChangedRow(row))
        for name in committed.keys() & get_table(row).columns.keys():
            value = committed[name]
            each.former.setdefault(name, unloaded[id(row)][name] if value is NO_VALUE else value)

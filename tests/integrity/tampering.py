"""Changes of the database that bypass the product and its triggers, for the tests of `flask verify`."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Any

from sqlalchemy import Column, Table, select, text

from tracker.extensions import db
from tracker.integrity.check_parts import check_in_parts
from tracker.integrity.hidden_behaviour import find_hidden_behaviour
from tracker.integrity.invariants import CHECKS, Check
from tracker.integrity.ledger_snapshot import LedgerSnapshot
from tracker.integrity.parts import PART_SIZE
from tracker.integrity.schema import find_schema_faults
from tracker.integrity.verify import MODULES
from tracker.ledger.changed_rows import ChangedRow

assert MODULES
FAST_CHECKS = [check for check in CHECKS if check.find not in {find_schema_faults, find_hidden_behaviour}]


@contextmanager
def tampering_transaction() -> Iterator[None]:
    """Run the block in a transaction without triggers and foreign keys, and roll it back."""
    db.session.rollback()
    if db.session.get_bind().dialect.name == "postgresql":
        db.session.execute(text("SET LOCAL session_replication_role = replica"))
    else:
        db.session.execute(text("PRAGMA defer_foreign_keys = ON"))
        for name in db.session.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
            db.session.execute(text(f"DROP TRIGGER {name}"))
    try:
        yield
    finally:
        db.session.rollback()


def list_violations(*, ignore_triggers: bool = True, checks: Iterable[Check] = FAST_CHECKS) -> list[str]:
    """Return what `flask verify` would report, as `number: sentence`; without the schema, which few tests change."""
    db.session.expire_all()
    return [
        f"{result.check.number}: {result.first}"
        for result in check_in_parts(LedgerSnapshot(), checks, PART_SIZE)
        if not result.holds and not (ignore_triggers and "trigger" in (result.first or ""))
    ]


def first_row(table: Table) -> dict[str, Any] | None:
    row = db.session.execute(select(table).order_by(*table.primary_key).limit(1)).mappings().first()
    return dict(row) if row else None


def change_value(table: Table, row: dict[str, Any], column: Column[Any]) -> bool:
    """Give one column of one row another value. Return False where the column allows no other."""
    value = find_other_value(column, row[column.name])
    if value is None:
        return False
    key = [each == row[each.name] for each in table.primary_key]
    db.session.execute(table.update().where(*key).values({column.name: value}))
    return True


def find_other_value(column: Column[Any], value: Any) -> Any:  # noqa: PLR0911 - a value of each type
    """Return another value that the column allows, or None."""
    if column.foreign_keys:
        parent = next(iter(column.foreign_keys)).column
        return db.session.scalar(select(parent).where(parent != value if value is not None else text("1=1")).limit(1))
    if isinstance(value, Enum):
        return next((each for each in type(value) if each is not value), None)
    if isinstance(value, bool):
        return not value
    if isinstance(value, bytes):
        return value + b" "
    if isinstance(value, int):
        return value + 1_000
    if isinstance(value, datetime):
        return value + timedelta(seconds=1)
    if isinstance(value, date):
        return value + timedelta(days=1)
    if isinstance(value, str):
        return _change_text(column, value)
    if isinstance(value, list | dict):
        return [*value, {"claim": 1}] if isinstance(value, list) else {**value, "x": 1}
    return _make_value(column)


def _change_text(column: Column[Any], value: str) -> str:
    length = getattr(column.type, "length", None)
    if value.startswith("{"):
        return json.dumps({**json.loads(value), "v": 3})
    return value + "x" if not length or len(value) < length else ("0" if value[0] != "0" else "1") + value[1:]


def _make_value(column: Column[Any]) -> Any:
    kind = getattr(column.type, "impl", column.type).python_type  # the Python type of the stored values
    if issubclass(kind, Enum):
        return next(iter(kind))
    return {
        datetime: datetime.fromisoformat("2026-11-01T10:00:00+00:00"),
        date: date(2026, 11, 1),
        int: 4711,
        bool: True,
        bytes: b"x",
    }.get(kind, "x")


def divide_without_rules(
    events: Sequence[Any], _named: Sequence[int], _key: str, changed: ChangedRow, *, is_unsealed: bool
) -> dict[int, list[str] | None]:
    """Let the last event seal every row, whatever its act: in place of `tracker.ledger.sealing._divide`."""
    columns = changed.list_changed_columns()
    if is_unsealed and (changed.is_new or not columns):
        return {len(events) - 1: None}
    return {len(events) - 1: columns} if columns else {}

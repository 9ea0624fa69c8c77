"""Random changes of a record by somebody who has the database and no key: with and without an event that seals them anew.

Each change is made in a transaction without triggers and rolled back. Every choice depends on the seed and the number of
the change, so that one can be repeated.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest
from sqlalchemy import Table
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import FlushError, StaleDataError

from tests.integrity.tampering import FAST_CHECKS, divide_without_rules, list_violations, tampering_transaction
from tests.proof.random_choices import Choices
from tracker.extensions import db
from tracker.integrity.issued_forms import find_changed_forms
from tracker.integrity.ledger_snapshot import LedgerSnapshot, Row
from tracker.integrity.sealed_rows import FIXED_TABLES
from tracker.integrity.stored_files import find_attachments_without_file, find_leftover_files
from tracker.ledger import events, permitted_writes, row_seals, sealing
from tracker.ledger.events import record
from tracker.models import Base

OF_FILES = (find_changed_forms, find_attachments_without_file, find_leftover_files)
DATABASE_CHECKS = [check for check in FAST_CHECKS if check.find not in OF_FILES]
"""The checks that read rows. Those of files and of the schema are left out: nothing here depends on them."""
SIGNED_TABLES = {
    "acknowledgement", "assessment", "attachment", "claim", "decision", "evidence", "evidence_version",
    "record_withdrawal", "requirement_confirmation", "signature", "submission", "version_attachment",
}  # fmt: skip
"""What a signature is about: nothing of it may change while the round is signed, whatever the event says."""
NOT_COPIED = {"attachment", "event"}
"""Tables to which no rows are added: a file that no version has is part of a draft, and events are added with seals."""
KINDS = {"changed": 45, "deleted": 5, "added": 5, "changed and sealed": 30, "hidden": 5, "added and sealed": 10}
"""What is tried, and how often in a hundred. Hidden: changed, and then another column is changed with an event."""


@dataclass(frozen=True)
class Trial:
    """One change of the record, and what `flask verify` says of it."""

    number: int
    kind: str
    change: str
    reason: str
    """Why it must be named; empty for an event whose act may write this of a row of its object."""
    named: str
    """The first fault; empty if there is none."""


class Fuzzer:
    """Changes the record that is in the database, which must have no fault."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.choices = Choices(LedgerSnapshot())
        self.models = {each.class_.__tablename__: each.class_ for each in Base.registry.mappers}

    def try_change(self, number: int) -> Trial | None:
        """Make a change and verify the record. Return None if the value is the same, or the database refuses it."""
        self.random = self.choices.random = Random(f"{self.seed} {number}")  # noqa: S311 - repeated, not secret
        [kind] = self.random.choices(list(KINDS), KINDS.values())
        make = {
            "changed": self._change,
            "deleted": self._delete,
            "added": self._add,
            "changed and sealed": self._change_and_seal,
            "hidden": self._hide,
            "added and sealed": self._add_and_seal,
        }[kind]
        with tampering_transaction():
            try:
                made = make()
                db.session.flush()
            except (IntegrityError, FlushError, StaleDataError):
                return None
            if made is None:
                return None
            faults = list_violations(checks=DATABASE_CHECKS)
            return Trial(number, kind, *made, faults[0] if faults else "")

    def _change(self) -> tuple[str, str] | None:
        name, column = self.choices.choose_place(self.choices.columns)
        rows = [row for row in self.choices.rows[name] if self.choices.is_covered(name, column, row)]
        return self._update(db.metadata.tables[name], self.random.choice(rows), column)

    def _update(self, table: Table, row: Row, column: str) -> tuple[str, str] | None:
        value = self.choices.choose_value(table.c[column], row[column])
        if row_seals.to_json_value(value) == row_seals.to_json_value(row[column]):
            return None
        db.session.execute(table.update().where(*_match_key(table, row)).values({column: value}))
        return f"{row_seals.get_row_key(table, row)}: {column} = {value!r}", "no event"

    def _delete(self) -> tuple[str, str]:
        table, row = self.choices.choose_row(self._list_tables_with_covered_key())
        db.session.execute(table.delete().where(*_match_key(table, row)))
        return f"{row_seals.get_row_key(table, row)} deleted", "no event"

    def _add(self) -> tuple[str, str]:
        table, row = self.choices.choose_row(set(self._list_tables_with_covered_key()) - NOT_COPIED)
        copy = self.choices.copy_row(table, row)
        db.session.execute(table.insert().values(copy))
        return f"{row_seals.get_row_key(table, copy)} added like {row_seals.get_row_key(table, row)}", "no event"

    def _change_and_seal(self) -> tuple[str, str] | None:
        if self.random.random() < 0.6:
            act, name, columns = self.choices.choose_columns()
        else:
            name, column = self.choices.choose_place(row_seals.SEALED_TABLES)
            act, columns = self.choices.choose_act([]), [column]
        return self._set_and_seal(act, db.metadata.tables[name], self.choices.choose_row_to_seal(name), columns)

    def _hide(self) -> tuple[str, str] | None:
        act, name, columns = self.choices.choose_columns()
        table, row = db.metadata.tables[name], self.choices.choose_row_to_seal(name)
        others = [
            each
            for each in self.choices.columns[name]
            if each not in columns and not table.c[each].primary_key and self.choices.is_covered(name, each, row)
        ]
        changed = self._update(table, row, self.random.choice(others)) if others else None
        db.session.expire_all()
        sealed = self._set_and_seal(act, table, row, columns)
        return (f"{changed[0]}, then {sealed[0]}", "no event") if changed and sealed else None

    def _set_and_seal(self, act: str, table: Table, row: Row, columns: list[str]) -> tuple[str, str] | None:
        """Set columns of a row under an event, and say why the event must be named."""
        values = {name: self.choices.choose_value(table.c[name], row[name]) for name in columns}
        values = {
            name: value
            for name, value in values.items()
            if row_seals.to_json_value(value) != row_seals.to_json_value(row[name])
        }
        if not values or any(table.c[name].primary_key for name in values):
            return None
        instance = self._get_instance(table, row)
        for name, value in values.items():
            setattr(instance, name, value)
        after = {**row, **values}
        object_table, object_row = self.choices.choose_object(act, table, after)
        self._append(act, self._get_instance(object_table, object_row), table, after)
        about = row_seals.get_row_key(object_table, object_row)
        reason = self._find_reason(act, table, row, after, object_table, object_row)
        return f"{row_seals.get_row_key(table, row)}: {values} by {act} about {about}", reason

    def _add_and_seal(self) -> tuple[str, str]:
        table, row = self.choices.choose_row(set(row_seals.SEALED_TABLES) - NOT_COPIED)
        copy = self.choices.copy_row(table, row)
        act = self.choices.choose_act(
            [act for act in permitted_writes.WRITES if permitted_writes.may_add(act, table.name)]
        )
        db.session.add(self.models[table.name](**copy))
        db.session.flush()
        object_table, object_row = self.choices.choose_object(act, table, copy)
        self._append(act, self._get_instance(object_table, object_row), table, copy)
        about = row_seals.get_row_key(object_table, object_row)
        reason = self._find_reason(act, table, None, copy, object_table, object_row)
        return f"{row_seals.get_row_key(table, copy)} added by {act} about {about}", reason

    def _append(self, act: str, about: Base, table: Table, row: Row) -> None:
        """Append an event by the ledger's own rules, with the facts of an earlier event of its kind."""
        owners, last = self.choices.find_owners(table.name, row), self.choices.last_events.get(act)
        facts = {key: value for key, value in (last.data if last else {}).items() if key not in _OF_ROWS}
        facts = {key: type(value)() if isinstance(value, list | dict) else value for key, value in facts.items()}
        if attempt := self.choices.ledger.find_row("unit_attempt", owners.get("unit_attempt")):
            facts |= {"attempt": attempt["id"], "round": attempt["round"]}
        person = about.id if about.__tablename__ == "person" else owners.get("person", 1)  # type: ignore[attr-defined]
        record(act, about, self.choices.choose_actor(act, person, owners), **facts)
        db.session.flush()
        with pytest.MonkeyPatch.context() as monkeypatch:
            monkeypatch.setattr(sealing, "_divide", divide_without_rules)
            events.append_queued()

    def _find_reason(
        self, act: str, table: Table, before: Row | None, after: Row, object_table: Table, object_row: Row
    ) -> str:
        """Return why an event must be named; empty if its act may write this of a row of its object."""
        changed = {name for name, value in after.items() if before is not None and before[name] != value}
        if before is None and not permitted_writes.may_add(act, table.name):
            return "act"
        if changed - permitted_writes.list_columns(act, table.name):
            return "column"
        if before is not None and any(
            before[name] is not None for name in changed & {*FIXED_TABLES.get(table.name, ())}
        ):
            return "entered before"
        of_row = permitted_writes.find_owners(self._find_row, table.name, after)
        of_object = permitted_writes.find_owners(self._find_row, object_table.name, object_row)
        if not permitted_writes.is_in_scope(act, of_object, of_row):
            return "object"
        return "signed round" if table.name in SIGNED_TABLES and self.choices.is_signed(of_row) else ""

    def _find_row(self, table: str, key: Any) -> Row | None:
        instance = db.session.get(self.models[table], key)
        return row_seals.get_values(instance) if instance else None

    def _get_instance(self, table: Table, row: Row) -> Any:
        return db.session.get_one(self.models[table.name], tuple(row[column.name] for column in table.primary_key))

    def _list_tables_with_covered_key(self) -> list[str]:
        columns = self.choices.columns
        return [
            name for name in columns if set(db.metadata.tables[name].primary_key.columns.keys()) <= {*columns[name]}
        ]


_OF_ROWS = ("texts", "rows", "former")


@contextmanager
def remembered_hashes() -> Iterator[None]:
    """Compute the hash of each value once while many changes of one record are verified; the result is the same."""
    known: dict[tuple[str, ...], str | None] = {}
    compute = row_seals.hash_column

    def hash_column(salts: row_seals.RowSalts, table: str, column: str, value: Any) -> str | None:
        key = (salts.salt or salts.columns.get(column, ""), table, column, repr(value))
        if key not in known:
            known[key] = compute(salts, table, column, value)
        return known[key]

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(row_seals, "hash_column", hash_column)
        yield


def _match_key(table: Table, row: Row) -> list[Any]:
    return [column == row[column.name] for column in table.primary_key]

"""Random rows, values, acts, actors and objects, for changes of a record that bypass the product."""

from collections.abc import Collection
from datetime import date, datetime, timedelta
from enum import Enum
from random import Random
from typing import Any

from sqlalchemy import Column, Table, select

from tests.integrity.tampering import find_other_value
from tracker import clock
from tracker.extensions import db
from tracker.integrity.actors import OPERATOR_ACTS, OWN_ACCOUNT_ACTS, ROLES_OF_ACT
from tracker.integrity.coverage import list_covered_columns
from tracker.integrity.ledger_snapshot import LedgerEvent, LedgerSnapshot, Row
from tracker.integrity.signed_rounds import SIGNED_STATES
from tracker.integrity.verify import CHECKS
from tracker.ledger import permitted_writes, row_seals
from tracker.ledger.events import OPERATOR, Actor
from tracker.vocabulary import Role

ACTS = sorted({*permitted_writes.WRITES, *ROLES_OF_ACT, *OPERATOR_ACTS, *OWN_ACCOUNT_ACTS})
LATER_COLUMNS = ("superseded_at", "removed_at", "lifted_at", "ends_at", "closed_at")
"""Columns that are empty while a row is live; a copy of a live row often may not be live too."""


class Choices:
    """Choices among what the record holds; `random` is set anew for each change."""

    random: Random

    def __init__(self, ledger: LedgerSnapshot) -> None:
        self.ledger = ledger
        self.columns = list_covered_columns(CHECKS)
        sealed = {key for event in ledger.events for key in event.data.get("rows", ())}
        self.rows: dict[str, list[Row]] = {}
        """The rows that a check covers, by table: of sealed tables those that an event seals."""
        for name in self.columns:
            table, rows = db.metadata.tables[name], list(ledger.rows(name).values())
            if name in row_seals.SEALED_TABLES:
                rows = [row for row in rows if row_seals.get_row_key(table, row) in sealed]
            self.rows[name] = rows
        self.last_events: dict[str, LedgerEvent] = {event.act: event for event in ledger.events}

    def choose_place(self, tables: Collection[str]) -> tuple[str, str]:
        """Choose a covered column of these tables that has rows."""
        names = [name for name in sorted(tables) if self.rows[name]]
        return self.random.choice([(name, column) for name in names for column in self.columns[name]])

    def is_covered(self, name: str, column: str, row: Row) -> bool:
        """Return whether a change of this value must be named: a note on a requirement is a draft until it is signed."""
        if (name, column) != ("requirement_confirmation", "note"):
            return True
        signed = {(each["attempt_id"], each["round"]) for each in self.ledger.rows("signature").values()}
        return (row["attempt_id"], row["round"]) in signed

    def choose_row(self, tables: Collection[str]) -> tuple[Table, Row]:
        """Choose a table that has rows, and one of them."""
        name = self.random.choice(sorted(name for name in tables if self.rows[name]))
        return db.metadata.tables[name], self.random.choice(self.rows[name])

    def choose_row_to_seal(self, name: str) -> Row:
        """Choose a row of a table: any, or as often one of a signed unit, if there is one."""
        signed = [row for row in self.rows[name] if self.is_signed(self.find_owners(name, row))]
        return self.random.choice(signed if signed and self.random.random() < 0.5 else self.rows[name])

    def choose_columns(self) -> tuple[str, str, list[str]]:
        """Choose an act, a table and columns that the act may change."""
        writes = permitted_writes.WRITES
        act, name = self.random.choice([(act, name) for act in writes for name in sorted(writes[act].changes)])
        permitted = sorted(permitted_writes.list_columns(act, name))
        return act, name, self.random.sample(permitted, self.random.randint(1, len(permitted)))

    def choose_act(self, permitted: list[str]) -> str:
        """Choose any act, or as often one of these."""
        return self.random.choice(permitted if permitted and self.random.random() < 0.6 else ACTS)

    def choose_object(self, act: str, table: Table, row: Row) -> tuple[Table, Row]:
        """Choose a row of the kind that such events are about: mostly the row itself, or one of the same person."""
        own = table.name if "id" in table.c else next(iter(permitted_writes.PARENTS[table.name].values()))
        name = self.last_events[act].object_type if act in self.last_events else own
        if name == table.name and self.random.random() < 0.8:
            return table, row
        rows, of_row = list(self.ledger.rows(name).values()), self.find_owners(table.name, row)
        related = [each for each in rows if permitted_writes.is_in_scope(act, self.find_owners(name, each), of_row)]
        return db.metadata.tables[name], self.random.choice(
            related if related and self.random.random() < 0.7 else rows
        )

    def choose_actor(self, act: str, person: int, owners: dict[str, Any]) -> Actor:
        """Choose somebody who may do the act: the candidate, or whoever the unit is allocated to."""
        if act not in ROLES_OF_ACT:
            return OPERATOR if act in OPERATOR_ACTS else Actor(person, None, "fuzzing")
        role = self.random.choice(sorted(ROLES_OF_ACT[act]))
        allocations = self.ledger.group_rows("allocation", "attempt_id").get(owners.get("unit_attempt"), ())
        holders = {each["person_id"] for each in allocations if each["role"] == role and each["ends_at"] is None}
        if role is Role.CANDIDATE:
            holders = {owners.get("person")}
        grants = [each for each in self.ledger.rows("grant").values() if each["role"] == role and not each["ends_at"]]
        chosen = self.random.choice([each for each in grants if each["person_id"] in holders] or grants)
        return Actor(chosen["person_id"], chosen["id"], "fuzzing")

    def choose_value(self, column: Column[Any], value: Any) -> Any:  # noqa: PLR0911 - a value of each type
        """Choose another value of the column's type, or none where it may be empty; sometimes it is the same."""
        if value is not None and column.nullable and self.random.random() < 0.15:
            return None
        if column.foreign_keys:
            parent = next(iter(column.foreign_keys)).column
            return self.random.choice(db.session.scalars(select(parent).order_by(parent)).all())
        if isinstance(value, Enum):
            return self.random.choice(list(type(value)))
        if isinstance(value, datetime | date) and self.random.random() < 0.7:
            return value + timedelta(days=self.random.choice((-400, -30, -1, 1, 30)))
        if isinstance(value, str) and value and not value.startswith(("{", "[")) and self.random.random() < 0.5:
            place = self.random.randrange(len(value))
            return value[:place] + self.random.choice("0abx ") + value[place + 1 :]
        if value is None and column.name.endswith("_at") and self.random.random() < 0.5:
            return clock.now()
        return find_other_value(column, value)

    def copy_row(self, table: Table, row: Row) -> dict[str, Any]:
        """Return a row like another one, with a key of its own and other values where they must be unique."""
        copy = dict(row)
        for column in table.columns:
            if column.primary_key and isinstance(row[column.name], int) and not column.foreign_keys:
                copy[column.name] = max(self.ledger.rows(table.name)) + self.random.randint(1, 50)
            elif column.primary_key or column.unique:
                copy[column.name] = self.choose_value(column, row[column.name])
            elif column.name in LATER_COLUMNS and row[column.name] is None and self.random.random() < 0.5:
                copy[column.name] = clock.now()
        return copy

    def find_owners(self, name: str, row: Row | None) -> dict[str, Any]:
        """Return what a row belongs to in the unchanged record."""
        return permitted_writes.find_owners(self.ledger.find_row, name, row)

    def is_signed(self, owners: dict[str, Any]) -> bool:
        """Return whether a row is of a unit that is signed, or of evidence that is claimed in one."""
        claims = self.ledger.group_rows("claim", "evidence_id").get(owners.get("evidence"), ())
        attempts = {owners.get("unit_attempt"), *(each["attempt_id"] for each in claims if not each["removed_at"])}
        rows = [self.ledger.find_row("unit_attempt", key) for key in attempts if key]
        return any(row and row["state"] in SIGNED_STATES for row in rows)

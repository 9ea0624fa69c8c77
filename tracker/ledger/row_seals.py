"""What the ledger holds of rows: a salted hash of each row that others rest on, as the event's transaction left it.

A row that was changed without an event no longer hashes to what the ledger says (docs/integrity.md, invariant 14).
The salt lies beside the ledger, so that a row whose words are erased cannot be guessed at from its old hash.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any

from sqlalchemy import Table, event, inspect
from sqlalchemy.orm import Session

from tracker.extensions import db
from tracker.ledger.canonical_json import canonical_json
from tracker.models import Base
from tracker.vocabulary import AssessmentState

DOMAIN = b"tracker.row.v1\0"


@dataclass(frozen=True)
class Sealed:
    """Which columns of a table are sealed: all but those that change without being an act."""

    changing: frozenset[str] = frozenset()
    only: frozenset[str] = frozenset()
    when: Callable[[Any], bool] = lambda _thing: True
    """From when on a row is sealed."""

    def columns(self, table: Table) -> list[str]:
        named = [column.name for column in table.columns]
        return sorted(name for name in named if name not in self.changing and (not self.only or name in self.only))


TABLES: dict[str, Sealed] = {
    "centre": Sealed(),
    "person": Sealed(changing=frozenset({"password_hash"})),
    "grant": Sealed(),
    "registration": Sealed(),
    "unit_attempt": Sealed(changing=frozenset({"version", "closing_comment"})),
    "allocation": Sealed(),
    "version_move": Sealed(),
    "carried_over_claim": Sealed(),
    "evidence": Sealed(
        only=frozenset({"id", "centre_id", "candidate_id", "number", "created_at", "discarded_at"}),
        when=lambda item: item.number is not None,
    ),
    "evidence_version": Sealed(),
    "version_attachment": Sealed(),
    "attachment": Sealed(changing=frozenset({"removed_at"})),
    "submission": Sealed(),
    "claim": Sealed(when=lambda claim: claim.evidence.number is not None),
    "assessment": Sealed(when=lambda assessment: assessment.state is AssessmentState.RELEASED),
    "reopening": Sealed(),
    "decision": Sealed(),
    "requirement_confirmation": Sealed(changing=frozenset({"note"})),
    "signature": Sealed(),
    "sample": Sealed(),
    "sample_item": Sealed(),
    "action_point": Sealed(),
    "action_point_criterion": Sealed(),
    "issued_form": Sealed(),
    "signing_key": Sealed(),
    "retention_rule": Sealed(),
    "retention_hold": Sealed(),
    "erasure": Sealed(changing=frozenset({"is_open"})),
    "visit": Sealed(),
    "visit_attempt": Sealed(changing=frozenset({"seen_at"})),
}


def key_of(table: Table, row: Mapping[str, Any]) -> str:
    """How the ledger names a row: `decision:12`, and `carried_over_claim:7-3` where the key has two parts."""
    return f"{table.name}:{'-'.join(str(row[column.name]) for column in table.primary_key)}"


def row_hash(salt: str, table: Table, row: Mapping[str, Any]) -> str:
    """The hash of a row's sealed columns under a salt in hex."""
    body = canonical_json({name: _plain(row[name]) for name in TABLES[table.name].columns(table)})
    return hashlib.sha256(DOMAIN + bytes.fromhex(salt) + body).hexdigest()


def values_of(thing: Base) -> dict[str, Any]:
    """A model's columns as a row of its table, as they are now."""
    return {column.name: getattr(thing, column.name) for column in table_of(thing).columns}


def table_of(thing: Base) -> Table:
    return db.metadata.tables[thing.__tablename__]


def is_sealed(thing: Base) -> bool:
    sealed = TABLES.get(thing.__tablename__)
    return sealed is not None and sealed.when(thing)


def take_touched() -> dict[str, Base]:
    """The rows that this transaction made or changed and that are sealed, by key; they are forgotten."""
    touched: dict[int, Base] = db.session.info.pop("touched", {})
    return {key_of(table_of(each), values_of(each)): each for each in touched.values() if is_sealed(each)}


def forget_touched() -> None:
    db.session.info.pop("touched", None)


@event.listens_for(db.session, "after_flush")
def _note_touched(session: Session, _context: object) -> None:
    touched: dict[int, Base] = session.info.setdefault("touched", {})
    for thing in (*session.new, *(each for each in session.dirty if inspect(each).committed_state)):
        if thing.__tablename__ in TABLES:
            touched[id(thing)] = thing


def _plain(value: Any) -> Any:
    """A column's value as canonical JSON takes it: moments in UTC, days as ISO text, words as their values."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    return value.value if isinstance(value, Enum) else value

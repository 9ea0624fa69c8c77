"""Row seals: a salted hash of each important row in the event of the transaction that made or changed it.

A row that was changed without an event no longer matches its seal (docs/integrity.md, invariant 14). The salt is kept
beside the ledger, so that the text of an erased row cannot be guessed from its old hash.
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
    """The columns of a table that are sealed, and from when on a row is sealed."""

    changing: frozenset[str] = frozenset()
    """Columns that change without an event, and so are left out."""
    only: frozenset[str] = frozenset()
    """The only columns that are sealed, if any are named."""
    when: Callable[[Any], bool] = lambda _thing: True
    """Whether a row is sealed in its present state."""

    def columns(self, table: Table) -> list[str]:
        """Return the names of the sealed columns, sorted."""
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


def get_key(table: Table, row: Mapping[str, Any]) -> str:
    """Return the name of a row in the ledger: `decision:12`, or `carried_over_claim:7-3` if the key has two parts."""
    return f"{table.name}:{'-'.join(str(row[column.name]) for column in table.primary_key)}"


def hash_row(salt: str, table: Table, row: Mapping[str, Any]) -> str:
    """Return the hash of a row's sealed columns under a salt in hex."""
    body = canonical_json({name: _plain(row[name]) for name in TABLES[table.name].columns(table)})
    return hashlib.sha256(DOMAIN + bytes.fromhex(salt) + body).hexdigest()


def get_key_of(thing: Base) -> str:
    """Return the name of a model object's row in the ledger."""
    return get_key(get_table(thing), get_values(thing))


def get_values(thing: Base) -> dict[str, Any]:
    """Return the present values of a model's columns, by name."""
    return {column.name: getattr(thing, column.name) for column in get_table(thing).columns}


def get_table(thing: Base) -> Table:
    """Return the table of a model object."""
    return db.metadata.tables[thing.__tablename__]


def is_sealed(thing: Base) -> bool:
    """Return whether a row is sealed in its present state."""
    sealed = TABLES.get(thing.__tablename__)
    return sealed is not None and sealed.when(thing)


def take_touched() -> dict[str, Base]:
    """Return the sealed rows that this transaction made or changed, by key, and forget them."""
    touched: dict[int, Base] = db.session.info.pop("touched", {})
    return {get_key_of(each): each for each in touched.values() if is_sealed(each)}


def forget_touched() -> None:
    """Forget the rows that a failed transaction made or changed."""
    db.session.info.pop("touched", None)


@event.listens_for(db.session, "after_flush")
def _note_touched(session: Session, _context: object) -> None:
    touched: dict[int, Base] = session.info.setdefault("touched", {})
    for thing in (*session.new, *(each for each in session.dirty if inspect(each).committed_state)):
        if thing.__tablename__ in TABLES:
            touched[id(thing)] = thing


def _plain(value: Any) -> Any:
    """Return a column's value as canonical JSON takes it: times in UTC, dates as ISO text, enums as their values."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    return value.value if isinstance(value, Enum) else value

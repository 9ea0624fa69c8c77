"""Row seals: a salted hash of each important row in the event of the transaction that made or changed it.

A row that was changed without an event no longer matches its seal (docs/integrity.md, invariant 14). The salt is
stored apart from the event, so that the text of an erased row cannot be guessed from its old hash.
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
from tracker.models import ADDED_FIELDS, Base
from tracker.vocabulary import AssessmentState

DOMAIN = b"tracker.row.v1\0"


@dataclass(frozen=True)
class SealedColumns:
    """The columns of a table that are sealed, and the condition under which a row is sealed."""

    excluded: frozenset[str] = frozenset()
    """Columns that change without an event, and so are left out."""
    only: frozenset[str] = frozenset()
    """The only columns that are sealed, if any are named."""
    added: frozenset[str] = frozenset()
    """Columns that a later migration added: left out of the hash while empty, so that older seals still hold."""
    when: Callable[[Any], bool] = lambda _row: True
    """Whether a row is sealed in its present state."""

    def columns(self, table: Table) -> list[str]:
        """Return the names of the sealed columns, sorted."""
        names = [column.name for column in table.columns]
        return sorted(name for name in names if name not in self.excluded and (not self.only or name in self.only))


SEALED_TABLES: dict[str, SealedColumns] = {
    "centre": SealedColumns(added=frozenset({"unsampled_reasons", "evidence_age_limit", "has_form_annex"})),
    # When an address was confirmed is checked by docs/integrity.md, invariant 30: a migration fills it in.
    "person": SealedColumns(excluded=frozenset({"password_hash", "email_confirmed_at"})),
    "earlier_name": SealedColumns(),
    "account_change": SealedColumns(excluded=frozenset({"token_hash"})),
    "grant": SealedColumns(),
    "registration": SealedColumns(),
    "registration_change": SealedColumns(),
    "unit_attempt": SealedColumns(excluded=frozenset({"version", "closing_comment", "warnings_reason"})),
    "allocation": SealedColumns(),
    "version_move": SealedColumns(),
    "carried_over_claim": SealedColumns(),
    "evidence": SealedColumns(
        only=frozenset({"id", "centre_id", "candidate_id", "number", "created_at", "discarded_at"}),
        when=lambda item: item.number is not None,
    ),
    "evidence_version": SealedColumns(added=ADDED_FIELDS),
    "version_attachment": SealedColumns(added=frozenset({"position"})),
    "attachment": SealedColumns(excluded=frozenset({"removed_at", "position"})),
    "submission": SealedColumns(added=frozenset({"address_confirmed"})),
    "claim": SealedColumns(when=lambda claim: claim.evidence.number is not None),
    "assessment": SealedColumns(
        added=frozenset({"warnings_reason"}), when=lambda assessment: assessment.state is AssessmentState.RELEASED
    ),
    "reopening": SealedColumns(),
    "decision": SealedColumns(added=frozenset({"sample_item_id"})),
    "requirement_confirmation": SealedColumns(excluded=frozenset({"note"})),
    "signature": SealedColumns(added=frozenset({"warnings_reason", "address_confirmed"})),
    "sample": SealedColumns(),
    "sample_item": SealedColumns(),
    "action_point": SealedColumns(added=frozenset({"sample_item_id", "follows_id"})),
    "action_point_criterion": SealedColumns(),
    "issued_form": SealedColumns(),
    "signing_key": SealedColumns(),
    "retention_rule": SealedColumns(),
    "retention_hold": SealedColumns(),
    "erasure": SealedColumns(excluded=frozenset({"is_open"})),
    "visit": SealedColumns(),
    "visit_attempt": SealedColumns(excluded=frozenset({"seen_at"})),
}


def get_row_key(table: Table, row: Mapping[str, Any]) -> str:
    """Return the name of a row in the ledger: `decision:12`, or `carried_over_claim:7-3` if the key has two parts."""
    return f"{table.name}:{'-'.join(str(row[column.name]) for column in table.primary_key)}"


def hash_row(salt: str, table: Table, row: Mapping[str, Any]) -> str:
    """Return the hash of a row's sealed columns under a salt in hex."""
    sealed = SEALED_TABLES[table.name]
    names = [name for name in sealed.columns(table) if row[name] is not None or name not in sealed.added]
    body = canonical_json({name: _to_json_value(row[name]) for name in names})
    return hashlib.sha256(DOMAIN + bytes.fromhex(salt) + body).hexdigest()


def get_object_key(instance: Base) -> str:
    """Return the name of a model instance's row in the ledger."""
    return get_row_key(get_table(instance), get_values(instance))


def get_values(instance: Base) -> dict[str, Any]:
    """Return the present values of a model instance's columns, by name."""
    return {column.name: getattr(instance, column.name) for column in get_table(instance).columns}


def get_table(instance: Base) -> Table:
    """Return the table of a model instance."""
    return db.metadata.tables[instance.__tablename__]


def is_sealed(instance: Base) -> bool:
    """Return whether a row is sealed in its present state."""
    columns = SEALED_TABLES.get(instance.__tablename__)
    return columns is not None and columns.when(instance)


def pop_changed_rows() -> dict[str, Base]:
    """Return the sealed rows that this transaction made or changed, by key, and forget them."""
    changed: dict[int, Base] = db.session.info.pop("changed_rows", {})
    return {get_object_key(row): row for row in changed.values() if is_sealed(row)}


def discard_changed_rows() -> None:
    """Forget the rows that a failed transaction made or changed."""
    db.session.info.pop("changed_rows", None)


@event.listens_for(db.session, "after_flush")
def _collect_changed_rows(session: Session, _context: object) -> None:
    changed: dict[int, Base] = session.info.setdefault("changed_rows", {})
    for row in (*session.new, *(row for row in session.dirty if inspect(row).committed_state)):
        if row.__tablename__ in SEALED_TABLES:
            changed[id(row)] = row


def _to_json_value(value: Any) -> Any:
    """Return a column's value for canonical JSON: times in UTC, dates as ISO text, enums as their values."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    return value.value if isinstance(value, Enum) else value

"""Row seals: a hash of each important row in the event of the transaction that made or changed it.

A row that was changed without an event no longer matches its seal (docs/integrity.md, invariant 14). A seal is the
hash of its columns' hashes. An event that changes a sealed row names the columns and gives their former hashes, so
that every earlier seal can be checked too: an event cannot hide a change of a column that it does not name. Each hash
is salted, and the salts are stored apart from the events, so that erased text cannot be guessed from its old hash.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import Enum
from functools import cache
from typing import Any

from sqlalchemy import Table, select

from tracker.extensions import db
from tracker.ledger.canonical_json import canonical_json, encode_value, encode_words, sha256
from tracker.models import ADDED_FIELDS, Base, RowSalt
from tracker.vocabulary import AssessmentState

FIRST_DOMAIN = b"tracker.row.v1\0"
"""The tag of seals in events of format 1, which are one hash over all columns."""
ROW_DOMAIN = "tracker.row.v2"
COLUMN_DOMAIN = b"tracker.column.v1\0"
SALT_DOMAIN = b"tracker.column_salt.v1\0"
CHUNK_SIZE = 400
"""Keys in one SQL statement."""


@dataclass(frozen=True)
class SealedColumns:
    """The columns of a table that are sealed, and the condition under which a row is sealed."""

    excluded: frozenset[str] = frozenset()
    """Columns that change without an event, and so are left out."""
    only: frozenset[str] = frozenset()
    """The only columns that are sealed, if any are named."""
    added: frozenset[str] = frozenset()
    """Columns that a migration added to seals of format 1: left out while empty, so that older seals still hold."""
    when: Callable[[Any], bool] = lambda _row: True
    """Whether a row is sealed in its present state."""

    def columns(self, table: Table) -> list[str]:
        """Return the names of the sealed columns, sorted."""
        return _list_columns(self, table)


@cache
def _list_columns(sealed: SealedColumns, table: Table) -> list[str]:
    names = [column.name for column in table.columns]
    return sorted(name for name in names if name not in sealed.excluded and (not sealed.only or name in sealed.only))


SEALED_TABLES: dict[str, SealedColumns] = {
    "centre": SealedColumns(
        added=frozenset(
            {
                "unsampled_reasons",
                "evidence_age_limit",
                "has_form_annex",
                "candidates_need_two_step",
                "signing_two_step",
                "has_countersigning",
            }
        )
    ),
    # When an address was confirmed is checked by docs/integrity.md, invariant 30: a migration fills it in.
    "person": SealedColumns(excluded=frozenset({"password_hash", "email_confirmed_at"})),
    "earlier_name": SealedColumns(),
    "account_change": SealedColumns(excluded=frozenset({"token_hash"})),
    "grant": SealedColumns(),
    "registration": SealedColumns(),
    "registration_change": SealedColumns(),
    "unit_attempt": SealedColumns(
        excluded=frozenset({"version", "closing_comment", "warnings_reason", "simulation_reason"})
    ),
    "allocation": SealedColumns(),
    "version_move": SealedColumns(),
    "carried_over_claim": SealedColumns(),
    "evidence": SealedColumns(
        only=frozenset(
            {"id", "centre_id", "candidate_id", "number", "created_at", "discarded_at", "record_kind", "author_id"}
        ),
        added=frozenset({"record_kind", "author_id"}),
        when=lambda item: item.number is not None,
    ),
    "evidence_version": SealedColumns(added=ADDED_FIELDS),
    "version_attachment": SealedColumns(added=frozenset({"position"})),
    "attachment": SealedColumns(excluded=frozenset({"removed_at", "position"})),
    "submission": SealedColumns(added=frozenset({"address_confirmed"})),
    "acknowledgement": SealedColumns(),
    "record_withdrawal": SealedColumns(),
    "claim": SealedColumns(when=lambda claim: claim.evidence.number is not None),
    "assessment": SealedColumns(
        added=frozenset({"warnings_reason", "needs_countersigner", "answer_marks"}),
        when=lambda assessment: assessment.state is AssessmentState.RELEASED,
    ),
    # When the candidate marked a remark as read is theirs to say, as with `visit_attempt`.
    "feedback_remark": SealedColumns(
        excluded=frozenset({"read_at"}), when=lambda remark: remark.released_at is not None
    ),
    "feedback_answer": SealedColumns(),
    "countersigner": SealedColumns(),
    "countersignature": SealedColumns(),
    "reopening": SealedColumns(),
    "decision": SealedColumns(added=frozenset({"sample_item_id"})),
    "requirement_confirmation": SealedColumns(excluded=frozenset({"note"})),
    "signature": SealedColumns(added=frozenset({"warnings_reason", "address_confirmed", "unmet_guidance"})),
    "sample": SealedColumns(),
    "sample_item": SealedColumns(),
    "action_point": SealedColumns(added=frozenset({"sample_item_id", "follows_id"})),
    "action_point_criterion": SealedColumns(),
    "issued_form": SealedColumns(),
    "signing_key": SealedColumns(),
    "retention_rule": SealedColumns(),
    "retention_hold": SealedColumns(),
    "erasure": SealedColumns(excluded=frozenset({"is_open"})),
    "bank_question": SealedColumns(),
    "question_set": SealedColumns(),
    "centre_evidence_rule": SealedColumns(),
    "staff_award": SealedColumns(),
    "staff_competence": SealedColumns(),
    "cpd_entry": SealedColumns(),
    "interest_declaration": SealedColumns(),
    "staff_erasure": SealedColumns(),
    "listed_witness": SealedColumns(),
    "visit": SealedColumns(),
    "visit_attempt": SealedColumns(excluded=frozenset({"seen_at"})),
    # What was asked changes no record; its event names who asked.
    "witness_testimony": SealedColumns(
        only=frozenset(
            {
                "id",
                "attempt_id",
                "witness_name",
                "is_in_person",
                "email",
                "title",
                "happened_on",
                "place",
                "signed_at",
                "narrative",
                "content",
                "witness_id",
                "answered_at",
                "answered_by_id",
                "refusal_reason",
                "evidence_id",
            }
        ),
        when=lambda testimony: testimony.signed_at is not None,
    ),
}


@dataclass(frozen=True)
class RowSalts:
    """The salts of one row: those of its columns are derived from `salt`, except after an erasure."""

    salt: str
    """32 hex digits; empty once something of the row was erased."""
    columns: Mapping[str, str]
    """The salt of each column once something was erased: the former ones where nothing was, new ones where it was."""

    def get(self, column: str) -> str:
        """Return the salt of a column in hex."""
        return self.get_bytes(column).hex()

    def get_bytes(self, column: str) -> bytes:
        """Return the salt of a column."""
        if self.columns:
            return bytes.fromhex(self.columns[column])
        return hashlib.sha256(SALT_DOMAIN + bytes.fromhex(self.salt) + column.encode()).digest()

    def find_fault(self, table: Table) -> str:
        """Return what makes them no salts of a row of this table; empty if nothing does."""
        if bool(self.salt) == bool(self.columns):
            return "has salts of no known form"
        unknown = self.columns.keys() - SEALED_TABLES[table.name].columns(table)
        return f"has a salt of {min(unknown)}, which is not sealed" if unknown else ""


def make_salts() -> RowSalts:
    """Return new salts for a row."""
    return RowSalts(secrets.token_hex(16), {})


def erase_column_salts(salts: RowSalts, table: Table, erased: Iterable[str]) -> RowSalts:
    """Return the salts of a row of which some columns are erased: theirs are new, the others stay as they were."""
    columns = {name: salts.get(name) for name in SEALED_TABLES[table.name].columns(table)}
    return RowSalts("", {**columns, **{name: secrets.token_hex(32) for name in erased}})


def find_salts(keys: Iterable[str]) -> dict[str, RowSalts]:
    """Return the salts of the rows with these keys, by key; rows that were never sealed have none."""
    salts: dict[str, RowSalts] = {}
    row_keys = list(keys)
    for start in range(0, len(row_keys), CHUNK_SIZE):
        query = select(RowSalt.row_key, RowSalt.salt, RowSalt.column_salts).where(
            RowSalt.row_key.in_(row_keys[start : start + CHUNK_SIZE])
        )
        salts |= {key: RowSalts(salt, columns) for key, salt, columns in db.session.execute(query)}
    return salts


def get_row_key(table: Table, row: Mapping[str, Any]) -> str:
    """Return the name of a row in the ledger: `decision:12`, or `carried_over_claim:7-3` if the key has two parts."""
    return f"{table.name}:{'-'.join(str(row[column.name]) for column in table.primary_key)}"


def hash_columns(salts: RowSalts, table: Table, row: Mapping[str, Any]) -> dict[str, str]:
    """Return the hash of each sealed column of a row that is not empty, by name."""
    return {
        name: _hash_value(salts, name, prefix, row[name])
        for name, prefix in _list_prefixes(table)
        if row[name] is not None
    }


def hash_column(salts: RowSalts, table: str, column: str, value: Any) -> str | None:
    """Return the salted hash of one column's value in hex, or None if the column is empty."""
    return None if value is None else _hash_value(salts, column, _build_prefix(table, column), value)


@cache
def _list_prefixes(table: Table) -> list[tuple[str, bytes]]:
    """Return each sealed column of a table with the beginning of what is hashed of its values."""
    return [(name, _build_prefix(table.name, name)) for name in SEALED_TABLES[table.name].columns(table)]


def _build_prefix(table: str, column: str) -> bytes:
    return b'["%b","%b",' % (table.encode(), column.encode())


def _hash_value(salts: RowSalts, column: str, prefix: bytes, value: Any) -> str:
    """Return the salted hash of the canonical JSON of table, column and value."""
    body = prefix + encode_value(to_json_value(value)) + b"]"
    return hashlib.sha256(COLUMN_DOMAIN + salts.get_bytes(column) + body).hexdigest()


def seal_row(table: str, column_hashes: Mapping[str, str]) -> str:
    """Return the seal of a row with these hashes of its columns, in hex."""
    return sha256(ROW_DOMAIN, b'["%b",%b]' % (table.encode(), encode_words(column_hashes)))


def seal_row_in_format_1(salt: str, table: Table, row: Mapping[str, Any]) -> str:
    """Return the seal of a row in an event of format 1: one hash over all sealed columns."""
    sealed = SEALED_TABLES[table.name]
    names = [name for name in sealed.columns(table) if row[name] is not None or name not in sealed.added]
    body = canonical_json({name: to_json_value(row[name]) for name in names})
    return hashlib.sha256(FIRST_DOMAIN + bytes.fromhex(salt) + body).hexdigest()


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


def to_json_value(value: Any) -> Any:
    """Return a column's value for canonical JSON: times in UTC, dates as ISO text, enums as their values."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    return value.value if isinstance(value, Enum) else value

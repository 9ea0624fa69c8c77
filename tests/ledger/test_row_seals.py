"""Which columns the ledger seals."""

from flask import Flask

from tracker.extensions import db
from tracker.ledger import row_seals

UNSEALED = {
    "account_change": {"token_hash"},
    "attachment": {"position", "removed_at"},
    "erasure": {"is_open"},
    "evidence": {
        "customers", "happened_from", "happened_until", "method", "narrative", "occasion", "response", "title", "updated_at",
        "version", "workplace_holder", "workplace_location", "workplace_seen_by",
        "witness_name", "witness_relationship", "witness_status",
    },
    "person": {"email_confirmed_at", "password_hash"},
    "requirement_confirmation": {"note"},
    "unit_attempt": {"closing_comment", "simulation_reason", "version", "warnings_reason"},
    "visit_attempt": {"seen_at"},
}  # fmt: skip
"""The columns that may change without an event; of evidence, those of the draft."""


def test_every_column_of_a_sealed_table_is_sealed_with_these_exceptions(app: Flask) -> None:
    tables = {name: db.metadata.tables[name] for name in row_seals.SEALED_TABLES}
    unsealed = {
        name: set(table.columns.keys()) - set(row_seals.SEALED_TABLES[name].columns(table))
        for name, table in tables.items()
    }
    assert {name: columns for name, columns in unsealed.items() if columns} == UNSEALED

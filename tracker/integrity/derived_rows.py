"""Check of the rows that triggers derive for lists against what they are derived from."""

from collections.abc import Iterator

from tracker.extensions import db
from tracker.integrity.invariants import invariant
from tracker.integrity.ledger_snapshot import LedgerSnapshot
from tracker.registrations.derived_rows import DERIVED, list_differences

COLUMNS = {table.name: tuple(column.name for column in table.columns) for table in DERIVED}


@invariant(38, "what lists are found by agrees with the records it is derived from", COLUMNS, once=True)
def find_wrong_derived_rows(_ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each attempt, registration or person whose derived rows are wrong. docs/integrity.md, invariant 38."""
    yield from list_differences(db.session.connection())

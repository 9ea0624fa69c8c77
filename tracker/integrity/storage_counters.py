"""Check of the counters of stored bytes against the sizes of the files."""

from collections.abc import Iterator

from tracker.extensions import db
from tracker.integrity.invariants import invariant
from tracker.integrity.ledger_snapshot import LedgerSnapshot
from tracker.portfolio.storage_counters import COUNTERS, list_differences

COLUMNS = {table.name: tuple(column.name for column in table.columns) for table in COUNTERS}


@invariant(34, "the counted bytes of each candidate and centre are those of their files", COLUMNS, once=True)
def find_wrong_counters(_ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each counter that differs from the sizes of the files. docs/integrity.md, invariant 34."""
    yield from list_differences(db.session.connection())

"""The cost of `flask verify` grows with the record, and not with its square."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from flask import Flask

from tests.proof.full_record import make_full_record
from tracker import clock
from tracker.integrity.invariants import CHECKS
from tracker.integrity.ledger_snapshot import LedgerSnapshot, Row
from tracker.integrity.verify import MODULES

assert MODULES
MAX_PASSES = 3
"""How often one check may go through a whole table."""


class CountedRows(dict[Any, Row]):
    """The rows of a table, which count how often somebody goes through all of them."""

    def __init__(self, rows: Mapping[Any, Row], passes: Counter[str], name: str) -> None:
        super().__init__(rows)
        self.passes, self.name = passes, name

    def __iter__(self) -> Iterator[Any]:
        self.passes[self.name] += 1
        return super().__iter__()

    def values(self) -> Any:
        self.passes[self.name] += 1
        return super().values()

    def items(self) -> Any:
        self.passes[self.name] += 1
        return super().items()


class CountingSnapshot(LedgerSnapshot):
    """The database, with a count of the passes through each table."""

    def __init__(self) -> None:
        super().__init__()
        self.passes = Counter[str]()

    def rows(self, name: str) -> dict[Any, Row]:
        rows = super().rows(name)
        if not isinstance(rows, CountedRows):
            rows = self._rows[name] = CountedRows(rows, self.passes, name)
        return rows


def test_no_check_goes_through_a_table_once_for_each_row_of_another(demonstration: Flask) -> None:
    with clock.frozen_at(make_full_record(demonstration)):
        ledger = CountingSnapshot()
        for name in ("unit_attempt", "signature", "allocation", "attachment", "grant"):
            assert len(ledger.rows(name)) > MAX_PASSES
        repeated = {}
        for check in CHECKS:
            ledger.passes.clear()
            assert list(check.find(ledger)) == []
            if tables := {name: passes for name, passes in ledger.passes.items() if passes > MAX_PASSES}:
                repeated[check.find.__name__] = tables
    assert repeated == {}

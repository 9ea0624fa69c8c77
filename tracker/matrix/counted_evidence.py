"""What evidence counts for guidance, and its days, customers and months. Pure functions.

A submitted item counts, of a record one that is acknowledged or authenticated, with a claim that is not decided as
not met on the version submitted last (docs/rules.md, Evidence guidance, rule 2).
"""

import unicodedata
from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from tracker.matrix.grid import CriterionStatus, MatrixCell, MatrixColumn, MatrixRow
from tracker.units.plurals import format_count
from tracker.vocabulary import Outcome


def list_counted(rows: Iterable[MatrixRow]) -> list[MatrixRow]:
    """Return the items that are submitted and, of records, acknowledged or authenticated."""
    return [row for row in rows if row.is_submitted and row.counts]


def count_days(rows: Iterable[MatrixRow]) -> int:
    """Return on how many different days the items began; an item without a day counts as none."""
    return len({row.happened_from for row in rows if row.happened_from})


def count_customers(rows: Iterable[MatrixRow]) -> int:
    """Return how many different texts the items have under “Customers”, without regard to case and spaces."""
    return len({normalise_customer(row.customers) for row in rows} - {""})


def normalise_customer(text: str) -> str:
    """Return a text under “Customers” as it is compared: in lower case, in NFC, with single spaces."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def count_months(rows: Iterable[MatrixRow]) -> int:
    """Return the whole months from the first day of the earliest item to the last day of the latest."""
    dated = [row for row in rows if row.happened_from]
    if not dated:
        return 0
    first = min(row.happened_from for row in dated if row.happened_from)
    last = max(row.happened_until or row.happened_from or first for row in dated)
    return _count_whole_months(first, last)


def select_counted(rows: Iterable[MatrixRow], columns: Sequence[MatrixColumn]) -> list[MatrixRow]:
    """Return the items that have a claim for one of the criteria that was not decided as not met."""
    ids = [column.id for column in columns]
    return [row for row in rows if any(id_ in row.cells and not _is_not_met(row.cells[id_]) for id_ in ids)]


def describe_criterion_spread(status: CriterionStatus) -> str:
    """Return the spread of a criterion's evidence: `3 items, 2 days, 2 customers`; empty for fewer than two items."""
    rows = select_counted(list_counted(status.rows), [status.column])
    if len(rows) < 2:
        return ""
    counts = [(len(rows), "item"), (count_days(rows), "day"), (count_customers(rows), "customer")]
    methods = len({row.method for row in rows if row.method})
    return ", ".join(format_count(count, word) for count, word in [*counts, (methods, "method")] if count)


def _is_not_met(cell: MatrixCell) -> bool:
    """Return whether a claim was decided as not met on the version that is seen now, accepted or returned."""
    return cell.is_decided and cell.outcome is Outcome.NOT_MET


def _count_whole_months(first: date, last: date) -> int:
    """Return the whole months of a period, both days included: 1 March to 31 August are six."""
    end = last + timedelta(days=1)
    months = (end.year - first.year) * 12 + end.month - first.month
    return months - 1 if end.day < first.day else months

"""Evidence spread of an attempt, and suggestions of evidence for a criterion without any."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tracker.matrix.grid import Matrix, MatrixColumn, MatrixRow
from tracker.vocabulary import Method


@dataclass(frozen=True, slots=True)
class EvidenceSpread:
    """The months, methods, occasions and customers behind an attempt: shown, never counted into a decision."""

    months: tuple[tuple[str, int], ...]
    """`2026-10` and how many items are of that month; months without any are in between."""
    methods: tuple[tuple[Method, int], ...]
    occasions: tuple[str, ...]
    customers: tuple[str, ...]


def summarise_evidence_spread(rows: Iterable[MatrixRow]) -> EvidenceSpread:
    """Return the months, methods, occasions and customers of these items."""
    rows = list(rows)
    months = Counter(row.happened_from.strftime("%Y-%m") for row in rows if row.happened_from)
    return EvidenceSpread(
        months=tuple((month, months[month]) for month in _month_range(months)),
        methods=tuple(Counter(row.method for row in rows if row.method).most_common()),
        occasions=tuple(dict.fromkeys(row.occasion for row in rows if row.occasion)),
        customers=tuple(dict.fromkeys(row.customers for row in rows if row.customers)),
    )


def suggest_rows(matrix: Matrix, column: MatrixColumn, *, limit: int = 3) -> tuple[MatrixRow, ...]:
    """Return items that may fit a criterion: those that claim its nearest neighbours under the same heading."""

    def distance(row: MatrixRow) -> int:
        positions = (
            each.position
            for each in matrix.columns
            if each.id in row.cells and (each.kind, each.heading) == (column.kind, column.heading)
        )
        return min((abs(position - column.position) for position in positions), default=1000)

    near = [(distance(row), index, row) for index, row in enumerate(matrix.rows) if column.id not in row.cells]
    return tuple(row for far, _, row in sorted(near, key=lambda each: each[:2]) if far < 4)[:limit]


def _month_range(months: Mapping[str, int]) -> list[str]:
    """Return every month from the first to the last, at most the latest 24."""
    if not months:
        return []
    first, last = (int(month[:4]) * 12 + int(month[5:]) - 1 for month in (min(months), max(months)))
    return [f"{index // 12}-{index % 12 + 1:02}" for index in range(max(first, last - 23), last + 1)]

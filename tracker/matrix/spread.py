"""What stands behind an attempt, and which items may close a gap."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tracker.matrix.grid import Column, Matrix, Row
from tracker.vocabulary import Method


@dataclass(frozen=True, slots=True)
class Spread:
    """What stands behind an attempt: shown to the assessor, never counted into a decision."""

    months: tuple[tuple[str, int], ...]
    """`2026-10` and the items of that month, without gaps left out in between."""
    methods: tuple[tuple[Method, int], ...]
    occasions: tuple[str, ...]
    customers: tuple[str, ...]


def spread_of(rows: Iterable[Row]) -> Spread:
    """Months, methods, occasions and customers behind these items."""
    rows = list(rows)
    months = Counter(row.happened_from.strftime("%Y-%m") for row in rows if row.happened_from)
    return Spread(
        months=tuple((month, months[month]) for month in _month_range(months)),
        methods=tuple(Counter(row.method for row in rows if row.method).most_common()),
        occasions=tuple(dict.fromkeys(row.occasion for row in rows if row.occasion)),
        customers=tuple(dict.fromkeys(row.customers for row in rows if row.customers)),
    )


def suggest_rows(matrix: Matrix, column: Column, *, most: int = 3) -> tuple[Row, ...]:
    """Items that may close a gap: those that claim its neighbours under the same heading, nearest first."""

    def distance(row: Row) -> int:
        positions = (
            each.position
            for each in matrix.columns
            if each.id in row.cells and (each.kind, each.heading) == (column.kind, column.heading)
        )
        return min((abs(position - column.position) for position in positions), default=1000)

    near = [(distance(row), index, row) for index, row in enumerate(matrix.rows) if column.id not in row.cells]
    return tuple(row for far, _, row in sorted(near, key=lambda each: each[:2]) if far < 4)[:most]


def _month_range(months: Mapping[str, int]) -> list[str]:
    """Every month from the first to the last, at most the latest twenty-four."""
    if not months:
        return []
    first, last = (int(month[:4]) * 12 + int(month[5:]) - 1 for month in (min(months), max(months)))
    return [f"{index // 12}-{index % 12 + 1:02}" for index in range(max(first, last - 23), last + 1)]

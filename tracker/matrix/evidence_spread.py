"""Evidence spread of an attempt, and suggestions of evidence for a criterion without any."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from operator import itemgetter

from tracker.matrix.counted_evidence import normalise_customer
from tracker.matrix.grid import Matrix, MatrixColumn, MatrixRow
from tracker.vocabulary import Method

MAX_SUGGESTION_DISTANCE = 3
"""In places: evidence for a criterion at most so far away is suggested."""


@dataclass(frozen=True, slots=True)
class EvidenceSpread:
    """Evidence of an attempt by month, method, occasion and customer, for information only."""

    months: tuple[tuple[date, int], ...]
    """The first day of each month and the number of items of that month, including months between with none."""
    methods: tuple[tuple[Method, int], ...]
    occasions: tuple[str, ...]
    customers: tuple[str, ...]


def summarise_evidence_spread(rows: Iterable[MatrixRow]) -> EvidenceSpread:
    """Return the months, methods, occasions and customers of these items."""
    rows = list(rows)
    months = Counter(row.happened_from.replace(day=1) for row in rows if row.happened_from)
    return EvidenceSpread(
        months=tuple((month, months[month]) for month in _list_months(months)),
        methods=tuple(Counter(row.method for row in rows if row.method).most_common()),
        occasions=tuple(dict.fromkeys(row.occasion for row in rows if row.occasion)),
        customers=_list_customers(rows),
    )


def _list_customers(rows: Iterable[MatrixRow]) -> tuple[str, ...]:
    """Return each customer once, as first entered."""
    first: dict[str, str] = {}
    for row in rows:
        first.setdefault(normalise_customer(row.customers), row.customers)
    return tuple(text for key, text in first.items() if key)


def suggest_rows(matrix: Matrix, column: MatrixColumn, *, limit: int = 3) -> tuple[MatrixRow, ...]:
    """Return items that may fit a criterion: those that claim its nearest neighbours under the same heading.

    Records that somebody else wrote are left out: the candidate claims nothing with them.
    """

    def compute_distance(row: MatrixRow) -> int | None:
        """Return how many places lie between the criterion and the nearest one that the item claims."""
        distances = (
            abs(other.position - column.position)
            for other in matrix.columns
            if other.id in row.cells and (other.kind, other.heading) == (column.kind, column.heading)
        )
        return min(distances, default=None)

    own = (row for row in matrix.rows if not row.author)
    candidates = ((compute_distance(row), row) for row in own if column.id not in row.cells)
    near = [
        (distance, row)
        for distance, row in candidates
        if distance is not None and distance <= MAX_SUGGESTION_DISTANCE
    ]
    return tuple(row for _, row in sorted(near, key=itemgetter(0)))[:limit]


def _list_months(months: Collection[date]) -> list[date]:
    """Return the first day of every month from the first to the last, at most the latest 24."""
    if not months:
        return []
    first, last = (month.year * 12 + month.month - 1 for month in (min(months), max(months)))
    return [date(index // 12, index % 12 + 1, 1) for index in range(max(first, last - 23), last + 1)]

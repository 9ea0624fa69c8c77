"""Sizes of the made-up installations that measurements and tests load in bulk."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """How much is loaded: candidates, and for each of them evidence items, claims and events."""

    candidates: int
    items: int = 30
    """Evidence items of each candidate."""
    claims: int = 5
    """Claims of each item."""
    events: int = 65
    """About how many events the ledger has for each candidate: acts on the last items have none beyond that."""
    centres: int = 1
    """Centres that share the candidates evenly."""


SIZES = {
    "S": Size(candidates=200, events=60),
    "M": Size(candidates=5_000),
    "L": Size(candidates=40_000),
}
"""The sizes of `docs/performance.md`: 6,000, 150,000 and 1.2 million items."""

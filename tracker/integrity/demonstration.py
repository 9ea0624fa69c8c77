"""Check of the mark that keeps the demonstration's invented data apart from real data."""

from collections.abc import Iterator

from tracker.integrity.invariants import invariant
from tracker.integrity.ledger_snapshot import LedgerSnapshot
from tracker.models.people import DEMONSTRATION_SESSION


@invariant(
    31,
    "the database is marked as a demonstration exactly if its events are",
    {"installation": ("is_demo",)},
    once=True,
)
def find_wrong_mark(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield a sentence if the mark is missing, or on a real record. docs/integrity.md, invariant 31.

    A demonstration begins with the acts that filled it. So an event that is added to a real record makes it none.
    """
    is_marked = any(row["is_demo"] for row in ledger.rows("installation").values())
    is_demonstration = ledger.event_pass.first_session == DEMONSTRATION_SESSION
    if is_marked and not is_demonstration:
        yield "the database is marked as a demonstration, but its first acts are not of one"
    elif is_demonstration and not is_marked:
        yield "events are of the demonstration, but the database is not marked as one"
    elif ledger.event_pass.has_demonstration and not is_demonstration:
        yield "an event is of a demonstration, but the first acts are not"

"""Check of the mark that keeps the demonstration's invented data apart from real data."""

from collections.abc import Iterator

from tracker.integrity.invariants import invariant
from tracker.integrity.ledger_snapshot import LedgerSnapshot
from tracker.models.people import DEMONSTRATION_SESSION


@invariant(31, "the database is marked as a demonstration exactly if its events are", {"installation": ("is_demo",)})
def find_wrong_mark(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield a sentence if the mark is missing, or on a real record. docs/integrity.md, invariant 31.

    A demonstration begins with the acts that filled it. So an event that is added to a real record makes it none.
    """
    is_marked = any(row["is_demo"] for row in ledger.rows("installation").values())
    sessions = [event.session_ref for event in ledger.events if event.session_ref is not None]
    is_demonstration = sessions[:1] == [DEMONSTRATION_SESSION]
    if is_marked and not is_demonstration:
        yield "the database is marked as a demonstration, but its first acts are not of one"
    elif is_demonstration and not is_marked:
        yield "events are of the demonstration, but the database is not marked as one"
    elif DEMONSTRATION_SESSION in sessions and not is_demonstration:
        yield "an event is of a demonstration, but the first acts are not"

"""Check of the ledger: the chain of hashes over all events."""

from collections.abc import Iterator

from tracker.integrity.invariants import invariant
from tracker.integrity.ledger_snapshot import LedgerSnapshot

EVENT = ("seq", "at", "actor_id", "grant_id", "act", "object_type", "object_id", "body", "prev", "hash")


@invariant(1, "the ledger is one unbroken chain of events", {"event": EVENT})
def find_chain_faults(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each fault in the chain of events. docs/integrity.md, invariant 1."""
    assert ledger.events is not None  # noqa: S101 - reading the events fills `chain_faults`
    yield from ledger.chain_faults

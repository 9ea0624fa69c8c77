"""The ledger itself."""

from collections.abc import Iterator

from tracker.integrity.invariants import invariant
from tracker.integrity.ledger_snapshot import Record

EVENT = ("seq", "at", "actor_id", "grant_id", "act", "object_type", "object_id", "body", "prev", "hash")


@invariant(1, "the ledger is one unbroken chain", {"event": EVENT})
def chain_is_whole(record: Record) -> Iterator[str]:
    assert record.events is not None  # noqa: S101 - they are read now
    yield from record.broken

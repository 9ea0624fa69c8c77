"""Checks of the ledger: the chain of hashes over all events, and their times."""

from collections.abc import Iterator
from datetime import datetime

from tracker.integrity.invariants import invariant
from tracker.integrity.ledger_snapshot import LedgerEvent, LedgerSnapshot
from tracker.ledger import events, keys

EVENT = ("seq", "at", "actor_id", "grant_id", "act", "object_type", "object_id", "body", "prev", "hash")


@invariant(1, "the ledger is one unbroken chain of events", {"event": EVENT}, once=True)
def find_chain_faults(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each fault in the chain of events. docs/integrity.md, invariant 1."""
    yield from ledger.event_pass.faults


@invariant(1, "events have the order of their times, and none is of the future", once=True)
def find_events_out_of_time(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each event older than the one before it, and the last of the future. docs/integrity.md, invariant 1.

    Excepted are those for which the operator accepted the clock, with a signature by a key of the installation.
    """
    yield from ledger.event_pass.out_of_time
    periods = ledger.event_pass.periods
    accepted = {id(each) for each in periods if each.acceptance and is_acceptance_of_clock(ledger, each.acceptance)}
    for period in periods:
        if period.acceptance and period.is_older and id(period) not in accepted:
            yield f"{period.acceptance.name} is older than the event before it"
    for period in reversed(periods):
        # an accepted acceptance itself may be of the future
        if period.last_of_future and not (period.last_of_future is period.acceptance and id(period) in accepted):
            yield f"{period.last_of_future.name} has a time in the future"
            return
        if id(period) in accepted:
            return


def is_acceptance_of_clock(ledger: LedgerSnapshot, event: LedgerEvent) -> bool:
    """Return whether an event accepts the clock, signed by a trusted key for its place and time.

    Earlier releases, which wrote events of format 1, did not sign it.
    """
    if event.act != events.CLOCK_ACCEPTED:
        return False
    if event.format == 1:
        return True
    key = ledger.trusted_keys.get(event.data.get("key", ""))
    at = datetime.fromisoformat(event.data.get("accepted_at", "1970-01-01T00:00:00+00:00"))
    before = ledger.find_hash(event.seq - 1) if event.seq > 1 else events.GENESIS
    if key is None or before is None:
        return False
    statement = events.build_clock_statement(before, at)
    is_signed = keys.is_signed(key.public_key, str(event.data.get("signed")), statement)
    return is_signed and abs(event.at - at) <= events.MAX_CLOCK_DIFFERENCE

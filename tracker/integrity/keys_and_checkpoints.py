"""Checks of what is stored outside the database: signing keys and checkpoints."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from tracker.clock import now
from tracker.integrity.invariants import invariant
from tracker.integrity.ledger_snapshot import LedgerSnapshot, Row
from tracker.ledger import checkpoints, keys, read_only
from tracker.models import SigningKey

MAX_DELAY = timedelta(minutes=15)
"""The time in which even a busy worker writes a checkpoint that is due."""


@invariant(
    2, "each signing key is vouched for by the key before it", {"signing_key": ("name", "public_key", "certificate")}
)
def keys_follow_each_other(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each signing key that the key before it does not vouch for. docs/integrity.md, invariant 2."""
    told = {each.object_id: each.data for each in ledger.list_events("key_made")}
    last: SigningKey | None = None
    for number, row in ledger.rows("signing_key").items():
        key = SigningKey(**row)
        said = told.get(number, {})
        body = keys.build_succession(key, last)
        if not keys.is_signed(key.public_key, str(said.get("signed")), body):
            yield f"key {key.name} did not sign the event that made it"
        if last and not keys.is_signed(last.public_key, str(said.get("vouched")), body):
            yield f"key {key.name} was not vouched for by {last.name}, which it follows"
        last = key


@invariant(2, "the ledger agrees with every checkpoint kept outside the database")
def ledger_agrees_with_checkpoints(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each checkpoint that the ledger contradicts. docs/integrity.md, invariant 2."""
    known = {row["name"]: row for row in ledger.rows("signing_key").values()}
    losses = list(_accepted_losses(ledger, known))
    size = 0
    for number, found in checkpoints.read_lines():
        where = f"checkpoint {number}"
        if found is None:
            yield f"{where} cannot be read"
            continue
        if any(size < found.size <= told_to and found.at <= at for size, told_to, at in losses):
            continue
        yield from (f"{where} {fault}" for fault in _faults(found, known, ledger.hashes))
        if found.size < size:
            yield f"{where} tells of fewer events than the one before it"
        size = found.size
    yield from _find_missing_checkpoint(ledger, known, size)


def _accepted_losses(ledger: LedgerSnapshot, known: dict[str, Row]) -> Iterator[tuple[int, int, datetime]]:
    """Yield the first and last number of events whose loss by a restore was accepted, and when it was."""
    for event in ledger.list_events("restore_accepted"):
        said = event.data
        body = read_only.build_acceptance(said["size"], said["head"], said["told_to"])
        key = known.get(said["key"])
        if key and keys.is_signed(key["public_key"], said["signed"], body):
            yield said["size"], said["told_to"], event.at


def _faults(found: checkpoints.Checkpoint, known: dict[str, Row], hashes: list[str]) -> Iterator[str]:
    key = known.get(found.key)
    if key is None:
        yield f"is signed with key {found.key}, which is not this installation's"
    elif not keys.is_signed(key["public_key"], found.signature, found.body):
        yield "was changed: its signature does not fit"
    elif found.size > len(hashes):
        yield f"tells of {found.size} events, and the ledger holds {len(hashes)}"
    elif found.size < 1 or hashes[found.size - 1] != found.head:
        yield f"names another event {found.size} than the ledger holds"


def _find_missing_checkpoint(ledger: LedgerSnapshot, known: dict[str, Row], size: int) -> Iterator[str]:
    """Yield a sentence if a checkpoint was removed or not written: a hundred old events are in none."""
    unmarked = len(ledger.hashes) - size
    if known and unmarked >= checkpoints.EVENTS_PER_CHECKPOINT and now() - ledger.events[size].at > MAX_DELAY:
        yield f"no checkpoint holds the last {unmarked} events"

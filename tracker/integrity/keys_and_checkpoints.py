"""Checks of what is stored outside the database: signing keys and checkpoints."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from tracker.clock import now
from tracker.integrity.invariants import invariant
from tracker.integrity.ledger_snapshot import LedgerSnapshot, Row
from tracker.ledger import checkpoints, keys, read_only
from tracker.models import SigningKey

MAX_DELAY = timedelta(minutes=15)
"""The time within which the worker writes a checkpoint that is due, even when it is busy."""


@invariant(
    2, "each signing key is vouched for by the key before it", {"signing_key": ("name", "public_key", "certificate")}
)
def find_key_faults(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each signing key that the key before it does not vouch for. docs/integrity.md, invariant 2."""
    data_by_key = {event.object_id: event.data for event in ledger.list_events("key_made")}
    last: SigningKey | None = None
    for number, row in ledger.rows("signing_key").items():
        key = SigningKey(**row)
        data = data_by_key.get(number, {})
        body = keys.build_succession_statement(key, last)
        if not keys.is_signed(key.public_key, str(data.get("signed")), body):
            yield f"key {key.name} did not sign the event that made it"
        if last and not keys.is_signed(last.public_key, str(data.get("vouched")), body):
            yield f"key {key.name} was not vouched for by {last.name}, which it follows"
        last = key


@invariant(2, "the ledger agrees with every checkpoint kept outside the database")
def find_checkpoint_faults(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each checkpoint that the ledger contradicts. docs/integrity.md, invariant 2."""
    keys_by_name = {row["name"]: row for row in ledger.rows("signing_key").values()}
    losses = list(_list_accepted_losses(ledger, keys_by_name))
    size = 0
    for number, checkpoint in checkpoints.read_checkpoints():
        description = f"checkpoint {number}"
        if checkpoint is None:
            yield f"{description} cannot be read"
            continue
        if any(
            size < checkpoint.size <= checkpoint_size and checkpoint.at <= at for size, checkpoint_size, at in losses
        ):
            continue
        yield from (
            f"{description} {fault}" for fault in _find_checkpoint_faults(checkpoint, keys_by_name, ledger.hashes)
        )
        if checkpoint.size < size:
            yield f"{description} records fewer events than the checkpoint before it"
        size = checkpoint.size
    yield from _find_missing_checkpoint(ledger, keys_by_name, size)


def _list_accepted_losses(
    ledger: LedgerSnapshot, keys_by_name: dict[str, Row]
) -> Iterator[tuple[int, int, datetime]]:
    """Yield the first and last number of events whose loss by a restore was accepted, and when it was."""
    for event in ledger.list_events("restore_accepted"):
        data = event.data
        body = read_only.build_acceptance_statement(data["size"], data["head"], data["checkpoint_size"])
        key = keys_by_name.get(data["key"])
        if key and keys.is_signed(key["public_key"], data["signed"], body):
            yield data["size"], data["checkpoint_size"], event.at


def _find_checkpoint_faults(
    checkpoint: checkpoints.Checkpoint, keys_by_name: dict[str, Row], hashes: list[str]
) -> Iterator[str]:
    key = keys_by_name.get(checkpoint.key)
    if key is None:
        yield f"is signed with key {checkpoint.key}, which is not this installation's"
    elif not keys.is_signed(key["public_key"], checkpoint.signature, checkpoint.body):
        yield "was changed: its signature is not valid"
    elif checkpoint.size > len(hashes):
        yield f"records {checkpoint.size} events, but the ledger has {len(hashes)}"
    elif checkpoint.size < 1 or hashes[checkpoint.size - 1] != checkpoint.head:
        yield f"has another hash of event {checkpoint.size} than the ledger"


def _find_missing_checkpoint(ledger: LedgerSnapshot, keys_by_name: dict[str, Row], size: int) -> Iterator[str]:
    """Yield a sentence if no checkpoint covers the last 100 events and one was due 15 minutes ago."""
    uncovered = len(ledger.hashes) - size
    if keys_by_name and uncovered >= checkpoints.EVENTS_PER_CHECKPOINT and now() - ledger.events[size].at > MAX_DELAY:
        yield f"no checkpoint covers the last {uncovered} events"

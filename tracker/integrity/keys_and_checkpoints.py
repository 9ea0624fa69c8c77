"""Checks of what is stored outside the database: signing keys and checkpoints."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from tracker.clock import now
from tracker.integrity.invariants import invariant
from tracker.integrity.ledger_snapshot import LedgerSnapshot
from tracker.ledger import checkpoints, keys, read_only
from tracker.ledger.checkpoints import Checkpoint

MAX_DELAY = timedelta(minutes=15)
"""The time within which the worker writes a checkpoint that is due, even when it is busy."""


@invariant(
    2,
    "each signing key is vouched for outside the database, or by the key before it",
    {"signing_key": ("name", "public_key", "certificate")},
    once=True,
)
def find_key_faults(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each fault of the signing keys and of the files with their public halves.

    docs/integrity.md, invariant 2 and Trust anchor.
    """
    yield from ledger.anchor.faults
    for check in ledger.key_checks:
        yield from check.faults
    if ledger.anchor.fingerprints and not ledger.key_checks:
        yield f"the database has no key, but there is one {ledger.anchor.place}"


@dataclass(frozen=True)
class AcceptedLoss:
    """The loss of events by a restore, which a person accepted and signed."""

    size: int
    """The number of events that were kept."""
    checkpoint_size: int
    """The number of the last event that is known to be lost."""
    accepted_at: datetime

    def covers(self, checkpoint: Checkpoint) -> bool:
        """Return whether a checkpoint is of events that were lost then."""
        return self.size < checkpoint.size <= self.checkpoint_size and checkpoint.at <= self.accepted_at


@invariant(2, "the ledger agrees with every checkpoint kept outside the database", once=True)
def find_checkpoint_faults(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each checkpoint that the ledger contradicts. docs/integrity.md, invariant 2."""
    losses = list(list_accepted_losses(ledger))
    size = 0
    for line, checkpoint in ledger.checkpoints:
        description = f"checkpoint {checkpoint.number if checkpoint and checkpoint.number else line}"
        if checkpoint is None:
            yield f"{description} cannot be read"
            continue
        if any(loss.covers(checkpoint) for loss in losses):
            continue
        yield from (f"{description} {fault}" for fault in find_contradictions(ledger, checkpoint))
        if checkpoint.size < size:
            yield f"{description} records fewer events than the checkpoint before it"
        size = checkpoint.size
    yield from _find_missing_checkpoint(ledger, size)


def list_accepted_losses(ledger: LedgerSnapshot) -> Iterator[AcceptedLoss]:
    """Yield the losses of events that were accepted, with a signature by a trusted key.

    The acceptance follows the last event that was kept. Its time is signed too: otherwise an event with an old
    signature and a new time could excuse checkpoints that were written later.
    """
    for event in ledger.list_events("restore_accepted"):
        data = event.data
        size, head, accepted_at = data["size"], data["head"], data.get("accepted_at")
        body = read_only.build_acceptance_statement(size, head, data["checkpoint_size"], accepted_at)
        key = ledger.trusted_keys.get(data["key"])
        is_in_place = event.seq == size + 1 and (size < 1 or ledger.find_hash(size) == head)
        if is_in_place and key and keys.is_signed(key.public_key, data["signed"], body):
            moment = datetime.fromisoformat(accepted_at) if accepted_at else event.at
            yield AcceptedLoss(size, data["checkpoint_size"], moment)


def find_contradictions(ledger: LedgerSnapshot, checkpoint: Checkpoint) -> Iterator[str]:
    """Yield what is wrong with a checkpoint, to follow its name."""
    key = ledger.trusted_keys.get(checkpoint.key)
    if key is None:
        yield f"is signed with key {checkpoint.key}, which is not a trusted key of this installation"
    elif not keys.is_signed(key.public_key, checkpoint.signature, checkpoint.body):
        yield "was changed: its signature is not valid"
    elif checkpoint.size > ledger.event_pass.size:
        yield f"records {checkpoint.size} events, but the ledger has {ledger.event_pass.size}"
    elif checkpoint.size < 1 or ledger.find_hash(checkpoint.size) != checkpoint.head:
        yield f"has another hash of event {checkpoint.size} than the ledger"


def _find_missing_checkpoint(ledger: LedgerSnapshot, size: int) -> Iterator[str]:
    """Yield a sentence if no checkpoint covers the last 100 events and one was due 15 minutes ago."""
    uncovered = ledger.event_pass.size - size
    if not ledger.key_checks or uncovered < checkpoints.EVENTS_PER_CHECKPOINT:
        return
    first = ledger.find_event_after(size)
    if first and now() - first.at > MAX_DELAY:
        yield f"no checkpoint covers the last {uncovered} events"

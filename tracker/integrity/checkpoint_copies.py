"""Checks of the checkpoints' numbers, of the database's copies, and of copies kept outside the installation."""

from collections.abc import Iterator

from tracker.clock import now
from tracker.integrity.invariants import invariant
from tracker.integrity.keys_and_checkpoints import MAX_DELAY, find_contradictions, list_accepted_losses
from tracker.integrity.ledger_snapshot import LedgerSnapshot
from tracker.ledger import checkpoint_following
from tracker.ledger.checkpoints import NO_PREVIOUS, Checkpoint, parse_line


@invariant(2, "checkpoints are numbered without a gap, and each names the one before it", once=True)
def find_chain_faults(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each place in the file of checkpoints where one is missing or was replaced.

    docs/integrity.md, invariant 2. Checkpoints of earlier releases have no number; they stand before the first that
    has one, whose number is that of its line.
    """
    before: Checkpoint | None = None
    is_after_unreadable_line = False
    for line, checkpoint in ledger.checkpoints:
        if checkpoint and not is_after_unreadable_line:
            yield from _find_gap(line, before, checkpoint)
        before, is_after_unreadable_line = checkpoint, checkpoint is None


@invariant(
    2,
    "the file of checkpoints and the database’s copies of them are the same",
    {"checkpoint_copy": ("number", "line")},
    once=True,
)
def find_copy_faults(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each checkpoint that is only in the file, only in the database, or different.

    docs/integrity.md, invariant 2. Excepted are those whose events were lost by an accepted restore, and the newest,
    which the worker copies within minutes.
    """
    in_file = _list_numbered(ledger)
    copies = ledger.rows("checkpoint_copy")
    for number, row in copies.items():
        if number not in in_file and not _is_from_another_host(row["line"], max(in_file, default=0)):
            yield f"checkpoint {number} is missing from the file; the database has a copy of it"
        elif number in in_file and row["line"] != in_file[number].line:
            yield f"checkpoint {number} in the file differs from the database’s copy"
    losses = list(list_accepted_losses(ledger))
    newest = max(copies, default=0)
    for number, checkpoint in in_file.items():
        is_being_copied = number > newest and now() - checkpoint.at <= MAX_DELAY
        if number not in copies and not is_being_copied and not any(loss.covers(checkpoint) for loss in losses):
            yield f"checkpoint {number} is in the file, but the database’s copy of it is missing"


@invariant(2, "the ledger agrees with the checkpoints from outside the installation, where some are given", once=True)
def find_outside_faults(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each checkpoint kept outside the installation that the ledger or the file contradicts.

    docs/integrity.md, invariant 2. They detect that database and file went back together to an earlier state.
    """
    in_file = _list_numbered(ledger)
    losses = list(list_accepted_losses(ledger))
    for name, checkpoint in ledger.outside_checkpoints:
        if checkpoint is None:
            yield f"{name} cannot be read"
        elif not any(loss.covers(checkpoint) for loss in losses):
            yield from (f"{name} {fault}" for fault in find_contradictions(ledger, checkpoint))
            if checkpoint.number and checkpoint.number not in in_file:
                yield f"{name} is number {checkpoint.number}, which is not in the file of checkpoints"
            elif checkpoint.number and checkpoint != in_file[checkpoint.number]:
                yield f"{name} differs from number {checkpoint.number} in the file of checkpoints"


def _is_from_another_host(line: str, newest_in_file: int) -> bool:
    """Return whether another host may have written a checkpoint after the file of this one was brought up to date."""
    copy = parse_line(line) if checkpoint_following.are_shared() else None
    return bool(copy and copy.number and copy.number > newest_in_file and now() - copy.at <= MAX_DELAY)


def _find_gap(line: int, before: Checkpoint | None, checkpoint: Checkpoint) -> Iterator[str]:
    """Yield a sentence if a checkpoint does not follow from the one on the line before."""
    if checkpoint.number is None:
        if before and before.number is not None:
            yield f"the checkpoint on line {line} has no number; the one before it has number {before.number}"
        return
    expected = before.number + 1 if before and before.number is not None else line
    if checkpoint.number > expected:
        yield f"the file lacks the checkpoints {expected} to {checkpoint.number - 1}"
    elif checkpoint.number < expected:
        yield f"checkpoint {checkpoint.number} is on line {line}, where number {expected} should be"
    elif checkpoint.previous != (before.hash if before else NO_PREVIOUS):
        yield f"checkpoint {checkpoint.number} does not name the one before it, which was replaced"


def _list_numbered(ledger: LedgerSnapshot) -> dict[int, Checkpoint]:
    """Return the checkpoints in the file that have a number, by number."""
    return {each.number: each for _, each in ledger.checkpoints if each and each.number is not None}

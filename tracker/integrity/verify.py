"""All integrity checks: importing their modules registers them."""

from collections.abc import Iterator, Sequence
from functools import partial

from tracker.config import count_processors
from tracker.extensions import db
from tracker.integrity import (
    account_changes,
    actors,
    checkpoint_copies,
    confirmed_addresses,
    countersigning,
    credentials,
    database,
    demonstration,
    derived_rows,
    erasures,
    evidence_guidance,
    hidden_behaviour,
    issued_forms,
    keys_and_checkpoints,
    ledger_chain,
    library,
    question_banks,
    records,
    remarks,
    replay,
    row_origins,
    rows_and_events,
    schema,
    sealed_rows,
    second_steps,
    signed_rounds,
    staff_records,
    storage_counters,
    stored_files,
    testimonies,
    timestamping,
    units_and_evidence,
    witness_lists,
)
from tracker.integrity.check_parts import Extent, Observe, check_in_parts, ignore
from tracker.integrity.invariants import CHECKS, Result
from tracker.integrity.ledger_snapshot import LedgerSnapshot, OutsideCheckpoint
from tracker.integrity.part_processes import run_processes
from tracker.ledger import checkpoint_following, events
from tracker.ledger.trust_anchor import TrustAnchor

__all__ = ["CHECKS", "run_all_checks"]
MIN_SIZE_OF_PROCESSES = 50_000
"""The events from which further processes are started. With 12,000, two were slower than one; docs/performance.md."""
MODULES = (
    ledger_chain,
    library,
    units_and_evidence,
    database,
    demonstration,
    schema,
    hidden_behaviour,
    actors,
    account_changes,
    confirmed_addresses,
    credentials,
    second_steps,
    erasures,
    evidence_guidance,
    stored_files,
    storage_counters,
    derived_rows,
    issued_forms,
    keys_and_checkpoints,
    checkpoint_copies,
    timestamping,
    replay,
    signed_rounds,
    records,
    remarks,
    testimonies,
    staff_records,
    countersigning,
    question_banks,
    witness_lists,
    rows_and_events,
    row_origins,
    sealed_rows,
)


def run_all_checks(
    anchor: TrustAnchor | None = None,
    outside: Sequence[OutsideCheckpoint] = (),
    *,
    observe: Observe = ignore,
    extent: Extent = Extent.WHOLE,
    saves: bool = False,
    processes: int = 1,
) -> Iterator[Result]:
    """Run every check against the database as it is now, read-only; end the transaction.

    Args:
        anchor: the keys that are trusted; by default those of the settings.
        outside: checkpoints kept outside the installation.
        observe: is called with the progress after each part.
        extent: whose records are read.
        saves: whether to sign and keep what was covered, for later checks to begin with.
        processes: how many processes check parts of the record at the same time; with 1 this one does.
    """
    checkpoint_following.follow()  # before what is read of one moment begins, since it ends its own transaction
    db.session.rollback()

    def make_whole() -> LedgerSnapshot:
        if db.session.get_bind().dialect.name == "postgresql":  # SQLite reads one moment in any transaction
            db.session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        return LedgerSnapshot(anchor, outside)

    checks = sorted(CHECKS, key=lambda check: check.number)
    run = partial(check_in_parts, checks=checks, observe=observe, extent=extent, saves=saves)
    try:
        if processes == 1:
            yield from run(make_whole())
            return
        with run_processes(processes) as running:
            yield from run(running.read_one_moment(make_whole, checks), check_elsewhere=running.check)
    finally:
        db.session.rollback()


def choose_processes() -> int:
    """Return how many processes are best: one for each processor, or only this one for a small record."""
    size, _ = events.get_head()
    db.session.rollback()
    return 1 if size < MIN_SIZE_OF_PROCESSES else count_processors()

"""Checks of erasures: only what was due and not on hold, complete, and not late."""

from collections.abc import Iterator
from datetime import date, timedelta

from tracker.clock import day_of, today
from tracker.integrity.invariants import invariant
from tracker.integrity.ledger_snapshot import LedgerSnapshot
from tracker.privacy.retention import list_due
from tracker.storage import file_store
from tracker.storage.file_references import is_referenced

MAX_DELAY = timedelta(days=30)


@invariant(27, "everything erased was due for erasure, and is gone", {"erasure": ("is_open",)})
def find_wrong_erasures(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each erasure that was not due or is incomplete. docs/integrity.md, invariant 27."""
    for key, row in ledger.rows("erasure").items():
        if row["is_open"]:
            yield f"erasure {key} was left open: sealed text can still be erased under it"
        for hold in ledger.group_rows("retention_hold", "registration_id").get(row["registration_id"], ()):
            if hold["set_at"] <= row["erased_at"] and (not hold["lifted_at"] or row["erased_at"] < hold["lifted_at"]):
                yield f"registration {row['registration_id']} was erased under retention hold {hold['id']}"
    for event in ledger.list_events("portfolio_erased"):
        if date.fromisoformat(event.data["until"]) >= day_of(event.at):
            yield f"registration {event.data['registration']} was erased before {event.data['until']}"
        for sha256 in event.data["files"]:
            if file_store.get_path(sha256).exists() and not is_referenced(sha256):
                yield f"{event.name} erased file {sha256}, which is still there"


@invariant(27, "nothing due for erasure is more than 30 days late")
def find_late_erasures(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each registration whose erasure is over 30 days late. docs/integrity.md, invariant 27."""
    rules = ledger.group_rows("retention_rule", "centre_id")
    for centre in ledger.rows("centre"):
        if any(day_of(rule["set_at"]) >= today() - MAX_DELAY for rule in rules.get(centre, ())):
            continue  # a rule that was set lately may have made much due at once
        for portfolio in list_due(centre, today() - MAX_DELAY):
            holds = ledger.group_rows("retention_hold", "registration_id").get(portfolio.registration.id, ())
            if not any(hold["lifted_at"] and day_of(hold["lifted_at"]) >= today() - MAX_DELAY for hold in holds):
                yield f"registration {portfolio.registration.id} was due for erasure more than 30 days ago"

"""Checks of changed email addresses and resets of two-step verification: after the waiting time, or by two people."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from tracker.accounts.services.account_changes import WAITING_TIME
from tracker.integrity.invariants import invariant
from tracker.integrity.ledger_snapshot import LedgerEvent, LedgerSnapshot
from tracker.vocabulary import ERASED_TEXT

EFFECTS = {"email_changed": "email", "two_step_verification_reset": "two_step_verification"}
"""The events of a change that took effect, with its kind."""
CANCELLED = "account_change_cancelled"


@invariant(29, "accounts changed after the waiting time, or with the approval of a second administrator")
def find_hasty_account_changes(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each change of an account that nobody else approved and that did not wait.

    docs/integrity.md, invariant 29.
    """
    for event in ledger.list_events(*EFFECTS):
        request = _find_last_event(ledger, "account_change_requested", "account_change", event.data.get("change"))
        if request is not None:
            accepted = _find_last_event(ledger, "invitation_accepted", "person", request.data["person"])
            if fault := _find_fault(event, request, accepted):
                yield f"{event.name} {fault}"
        elif event.actor is not None or event.act == "email_changed" or "change" in event.data:
            yield f"{event.name} has no request"


@invariant(29, "every change of an account ended once, as it says")
def find_ends_without_event(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each change of an account whose end is in no event or in several. docs/integrity.md, invariant 29."""
    applied = Counter(event.data.get("change") for event in ledger.list_events(*EFFECTS))
    cancelled = Counter(event.object_id for event in ledger.list_events(CANCELLED))
    for key, row in ledger.rows("account_change").items():
        if applied[key] != (row["applied_at"] is not None) or cancelled[key] != (row["cancelled_at"] is not None):
            yield f"account change {key} did not end as its events say"


@invariant(29, "an address is the one it was last changed to", {"person": ("email",)})
def find_other_addresses(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each person whose address is not the one it was last changed to. docs/integrity.md, invariant 29."""
    changes = [
        ledger.rows("account_change").get(event.data.get("change")) for event in ledger.list_events("email_changed")
    ]
    latest = {change["person_id"]: change["new_email"] for change in changes if change}
    for person_id, address in latest.items():
        if address not in {ERASED_TEXT, ledger.rows("person")[person_id]["email"]}:
            yield f"person {person_id} has another address than it was changed to"


def _find_last_event(ledger: LedgerSnapshot, act: str, table: str, key: Any) -> LedgerEvent | None:
    """Return the last event of an act about a row, or None."""
    return next((event for event in reversed(ledger.list_events_about(table, key)) if event.act == act), None)


def _find_fault(event: LedgerEvent, request: LedgerEvent, accepted: LedgerEvent | None) -> str:
    """Return what is wrong with a change that took effect; empty if nothing is."""
    person = request.data["person"]
    if event.object_id != person or request.data["kind"] != EFFECTS[event.act] or request.seq > event.seq:
        return f"does not follow from {request.name}"
    if request.actor is None:
        return "" if event.actor is None else "was asked for by the operator, and done by somebody else"
    if event.actor is None:
        return "" if event.at - request.at >= WAITING_TIME else "took effect before the waiting time was over"
    if event.actor == request.actor:
        has_signed_in = accepted is not None and accepted.seq < event.seq
        is_first = event.data.get("has_account") is False and not has_signed_in
        return "" if is_first else "was asked for and done by the same person"
    return "was approved by the person whose account it is" if event.actor == person else ""

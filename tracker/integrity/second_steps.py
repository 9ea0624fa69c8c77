"""Check of two-step verification before signatures, as the settings of the centres were at the time."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from tracker.accounts.services.signing_two_step import LIFETIME, is_asked
from tracker.integrity.invariants import invariant
from tracker.integrity.ledger_snapshot import LedgerEvent, LedgerSnapshot
from tracker.ledger.events import MAX_CLOCK_DIFFERENCE
from tracker.vocabulary import Role, SecondStepMethod, SigningTwoStep

SIGNERS = {
    "unit_signed": Role.ASSESSOR,
    "unit_countersigned": Role.ASSESSOR,
    "unit_confirmed": Role.CANDIDATE,
    "unit_verified": Role.INTERNAL_VERIFIER,
}
"""The role in which each act signs."""


@invariant(24, "signers did two-step verification where their centre asked for it")
def find_signatures_without_second_step(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each signature that lacks the second step. docs/integrity.md, invariant 24.

    Whom a centre asked, and who had set it up, is replayed from the events. Signatures before the first that says
    whether the second step was done are left out: earlier releases recorded nothing of it.
    """
    for event in sorted(ledger.list_events(*SIGNERS), key=lambda event: event.seq):
        if event.data.get("second_step"):
            if not _is_recent(event):
                yield f"{event.name} names a second step that was not in the five minutes before"
        elif _was_asked(ledger, event) and _had_factor(ledger, event) and _is_after_first_record(ledger, event):
            yield f"{event.name} was done without two-step verification, which the centre asked for"


def _was_asked(ledger: LedgerSnapshot, event: LedgerEvent) -> bool:
    """Return whether the centre of the signed unit asked the signer for the second step, at the time of the event."""
    centre_id = _find_centre_id(ledger, event)
    if not centre_id:
        return False
    asked: SigningTwoStep | None = None
    for change in ledger.list_events_about("centre", centre_id):
        if change.act == "signing_two_step_changed" and change.seq < event.seq:
            asked = SigningTwoStep(change.data["asked"])
    return is_asked(asked, SIGNERS[event.act])


def _had_factor(ledger: LedgerSnapshot, event: LedgerEvent) -> bool:
    """Return whether the signer had set up two-step verification at the time of the event."""
    factors = set[int]()
    for change in ledger.list_events_about("person", event.actor):
        if change.seq > event.seq:
            break
        if change.act == "second_factor_added":
            factors.add(change.data["factor"])
        elif change.act in {"second_factor_removed", "two_step_verification_reset"}:
            factors.difference_update(change.data.get("factors", [change.data.get("factor")]))
    return bool(factors)


def _is_after_first_record(ledger: LedgerSnapshot, event: LedgerEvent) -> bool:
    """Return whether the event, or one before it, says whether the second step was done."""
    return "second_step" in event.data or ledger.first_events.has_second_step_before(event.seq)


def _find_centre_id(ledger: LedgerSnapshot, event: LedgerEvent) -> int | None:
    """Return the centre of the unit that was signed, or None if the signature was erased."""
    signature = ledger.find_row("signature", event.object_id)
    attempt = ledger.find_row("unit_attempt", signature["attempt_id"]) if signature else None
    return attempt["centre_id"] if attempt else None


def _is_recent(event: LedgerEvent) -> bool:
    step = event.data["second_step"]
    SecondStepMethod(step["method"])
    return timedelta(0) <= event.at - datetime.fromisoformat(step["at"]) <= LIFETIME + MAX_CLOCK_DIFFERENCE

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
    asked: dict[int, SigningTwoStep] = {}
    owners: dict[int, int] = {}
    is_recorded = False
    for event in ledger.events:
        if event.act == "signing_two_step_changed":
            asked[event.object_id] = SigningTwoStep(event.data["asked"])
        elif event.act == "second_factor_added":
            owners[event.data["factor"]] = event.object_id
        elif event.act in {"second_factor_removed", "two_step_verification_reset"}:
            for key in event.data.get("factors", [event.data.get("factor")]):
                owners.pop(key, None)
        elif event.act in SIGNERS:
            is_recorded = is_recorded or "second_step" in event.data
            centre_id = _find_centre_id(ledger, event)
            is_needed = is_asked(asked.get(centre_id), SIGNERS[event.act]) if centre_id else False
            if event.data.get("second_step"):
                if not _is_recent(event):
                    yield f"{event.name} names a second step that was not in the five minutes before"
            elif is_recorded and is_needed and event.actor in owners.values():
                yield f"{event.name} was done without two-step verification, which the centre asked for"


def _find_centre_id(ledger: LedgerSnapshot, event: LedgerEvent) -> int | None:
    """Return the centre of the unit that was signed, or None if the signature was erased."""
    signature = ledger.find_row("signature", event.object_id)
    attempt = ledger.find_row("unit_attempt", signature["attempt_id"]) if signature else None
    return attempt["centre_id"] if attempt else None


def _is_recent(event: LedgerEvent) -> bool:
    step = event.data["second_step"]
    SecondStepMethod(step["method"])
    return timedelta(0) <= event.at - datetime.fromisoformat(step["at"]) <= LIFETIME + MAX_CLOCK_DIFFERENCE

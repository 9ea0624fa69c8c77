"""Checks of evidence guidance: what a sign-off says that it missed is what its event says."""

from collections.abc import Iterator

from tracker.integrity.invariants import invariant
from tracker.integrity.ledger_snapshot import LedgerSnapshot
from tracker.matrix.rule_findings import summarise_unmet
from tracker.vocabulary import SignatureRole


@invariant(
    43,
    "what evidence guidance missed at a sign-off is as its event says, and an assessor wrote why they signed",
    {"signature": ("unmet_guidance",)},
)
def find_changed_findings(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each signature with other findings than its event's. docs/integrity.md, invariant 43."""
    events = {event.object_id: event for event in ledger.list_events("unit_signed")}
    for key, row in ledger.rows("signature").items():
        unmet = row["unmet_guidance"]
        if unmet and row["role"] != SignatureRole.ASSESSOR:
            yield f"signature {key} has evidence guidance that was not met, but is no assessor's"
        if unmet and not row["warnings_reason"]:
            yield f"signature {key} has evidence guidance that was not met, but no reason"
        said = events[key].data.get("unmet_guidance", []) if key in events else []
        if summarise_unmet(unmet) != said:
            yield f"signature {key} has other evidence guidance that was not met than its event says"

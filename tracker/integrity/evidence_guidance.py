"""Checks of evidence guidance: what a sign-off missed is as its event says, and so are the rules of centres."""

from collections import Counter
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


@invariant(43, "each rule of a centre was written by the person of its event, and ended as its events say")
def find_changed_rules(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each rule with another writer than its event's, or another end. docs/integrity.md, invariant 43."""
    rows = ledger.rows("centre_evidence_rule")
    for event in ledger.list_events("evidence_rule_written", "evidence_rule_changed"):
        row = rows.get(event.object_id)
        if row and row["written_by_id"] != event.actor:
            yield f"rule {event.object_id} names another writer than {event.name}"
        if row and (row["number"] == 1) != (event.act == "evidence_rule_written"):
            yield f"rule {event.object_id} is another version than {event.name} says"
    ends = Counter(event.object_id for event in ledger.list_events("evidence_rule_ended"))
    ends += Counter(row["replaces_id"] for row in rows.values() if row["replaces_id"] is not None)
    for key, row in rows.items():
        if ends[key] != (row["ended_at"] is not None):
            yield f"rule {key} did not end as its events say"
        before = rows.get(row["replaces_id"])
        if before and (before["centre_id"], before["unit_id"], before["number"] + 1) != (
            row["centre_id"], row["unit_id"], row["number"],
        ):  # fmt: skip
            yield f"rule {key} replaces a rule of another centre, unit or version"

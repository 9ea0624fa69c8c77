"""Checks of rows against events: every row has its event, and every event its row."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from tracker.integrity.first_events import SIGNING_ACTS
from tracker.integrity.invariants import invariant
from tracker.integrity.ledger_snapshot import LedgerEvent, LedgerSnapshot
from tracker.ledger import events
from tracker.vocabulary import ERASED_TEXT

CREATING_EVENTS = {
    "centre": ("centre_created",),
    "earlier_name": ("name_changed",),
    "account_change": ("account_change_requested",),
    "grant": ("grant_given",),
    "registration": ("candidate_registered",),
    "registration_change": ("registration_changed",),
    "unit_attempt": ("attempt_started",),
    "allocation": ("allocation_made",),
    "evidence_version": ("evidence_submitted", "record_finished"),
    "acknowledgement": ("record_acknowledged", "objection_decided", "testimony_authenticated"),
    "record_withdrawal": ("record_withdrawn",),
    "assessment": ("assessment_released",),
    "signature": SIGNING_ACTS,
    "requirement_confirmation": ("requirement_confirmed",),
    "sample": ("sample_drawn",),
    "action_point": ("action_point_raised",),
    "visit": ("visit_opened",),
    "signing_key": ("key_made",),
    "issued_form": ("form_issued",),
    "retention_hold": ("retention_hold_set",),
    "erasure": ("portfolio_erased",),
    "witness_testimony": ("testimony_requested",),
    "bank_question": ("bank_question_written", "bank_question_changed"),
    "question_set": ("questions_set",),
    "centre_evidence_rule": ("evidence_rule_written", "evidence_rule_changed"),
    "staff_award": ("award_recorded",),
    "staff_competence": ("competence_recorded",),
    "countersignature": ("countersignature_asked",),
    "countersigner": ("countersigner_named",),
    "cpd_entry": ("cpd_recorded",),
    "interest_declaration": ("interest_declared",),
    "staff_erasure": ("staff_record_erased",),
    "listed_witness": ("witness_listed",),
    "feedback_answer": ("remark_answered",),
}
"""The events that create the rows of a table."""
DECIDING_EVENTS = ("assessment_released", "attempt_reopened", "attempt_moved", "sample_drawn")


@invariant(3, "every act has an event, and every event has its row")
def find_unmatched_rows_and_events(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each row without its event, and each event without its row. docs/integrity.md, invariant 3."""
    for table, acts in CREATING_EVENTS.items():
        event_counts = Counter(event.object_id for event in ledger.list_events(*acts))
        event_counts += Counter(_list_carried_over_confirmations(ledger, table))
        keys = {key for key in ledger.rows(table) if _needs_event(ledger, table, key)}
        yield from _compare_counts(ledger, table, event_counts, keys)
    decided = Counter(
        decision["decision"]
        for event in ledger.list_events(*DECIDING_EVENTS)
        for decision in event.data.get("decisions", ())
    )
    yield from _compare_counts(ledger, "decision", decided, set(ledger.rows("decision")))
    reopened = Counter(event.data.get("reopening") for event in ledger.list_events("attempt_reopened"))
    yield from _compare_counts(ledger, "reopening", reopened, set(ledger.rows("reopening")))


@invariant(14, "notes on evidence requirements are as they were when signed", {"requirement_confirmation": ("note",)})
def find_changed_notes(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each requirement note that changed after signing. docs/integrity.md, invariant 14.

    Notes may change until the signature, whose event holds their hashes.
    """
    erased = ledger.list_erased_ids("attempts")
    for event in ledger.list_events("unit_signed"):
        if not ledger.is_own("unit_attempt", event.data["attempt"]):
            continue
        texts, salts = event.data.get("texts", {}), ledger.salts.get(event.seq, {})
        confirmed = set(event.data.get("requirements", ()))
        for row in ledger.group_rows("requirement_confirmation", "attempt_id").get(event.data["attempt"], ()):
            if row["round"] != event.data["round"]:
                continue
            if row["note"] == ERASED_TEXT and row["attempt_id"] in erased:
                continue
            name = f"note-{row['requirement_id']}"
            if row["requirement_id"] not in confirmed or row["confirmed_at"] > event.at or _was_removed(row, event):
                continue
            if name not in texts:
                is_as_signed = not row["note"]  # an empty note has no hash
            else:
                is_as_signed = name in salts and texts[name] == events.hash_text(salts[name], row["note"])
            if not is_as_signed:
                yield f"requirement confirmation {row['id']}: its note is not the one that was signed"


def _was_removed(row: Any, event: LedgerEvent) -> bool:
    """Return whether a confirmation was removed before the signature."""
    return row["removed_at"] is not None and row["removed_at"] <= event.at


def _list_carried_over_confirmations(ledger: LedgerSnapshot, table: str) -> Iterator[int]:
    """Yield the confirmations that a version move carried over."""
    if table == "requirement_confirmation":
        yield from (
            new for event in ledger.list_events("attempt_moved") for _, new in event.data.get("confirmations", ())
        )


def _needs_event(ledger: LedgerSnapshot, table: str, key: int) -> bool:
    """Return whether a row must have an event: an assessment only once it is released."""
    return table != "assessment" or ledger.rows(table)[key]["state"] == "released"


def _compare_counts(ledger: LedgerSnapshot, table: str, event_counts: Counter[Any], keys: set[Any]) -> Iterator[str]:
    description = table.replace("_", " ")
    for key in sorted(keys - set(event_counts)):
        yield f"{description} {key} is in no event"
    for key, times in event_counts.items():
        if not ledger.is_own(table, key):
            continue
        if key not in keys:
            yield f"{description} {key} is missing, but an event records it"
        elif times > 1:
            yield f"{description} {key} is recorded in {times} events"

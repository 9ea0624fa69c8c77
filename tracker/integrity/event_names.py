"""The rows that an event names: what it is about, what it seals, and what its facts refer to."""

from collections.abc import Iterable, Iterator
from typing import Any

from tracker.integrity.ledger_events import LedgerEvent
from tracker.integrity.owners import is_id
from tracker.integrity.rows_and_events import CREATING_EVENTS
from tracker.ledger.row_seals import SEALED_TABLES

TABLES_OF_FACTS = {
    "attempt": "unit_attempt",
    "attempts": "unit_attempt",
    "attachments": "attachment",
    "change": "account_change",
    "factor": "second_factor",
    "factors": "second_factor",
    "forms": "issued_form",
    "remarks": "feedback_remark",
    "reopening": "reopening",
    "versions": "evidence_version",
}
"""The table of the rows that a fact of an event names by id, alone or in a list."""
TABLES_OF_ACTS = {
    **{act: table for table, acts in CREATING_EVENTS.items() for act in acts},
    **dict.fromkeys(("account_change_cancelled",), "account_change"),
    **dict.fromkeys(("attempt_moved", "attempt_reopened", "attempt_voided"), "unit_attempt"),
    **dict.fromkeys(("award_confirmed", "award_removed"), "staff_award"),
    **dict.fromkeys(("competence_removed",), "staff_competence"),
    **dict.fromkeys(("countersignature_answered", "countersignature_ended"), "countersignature"),
    **dict.fromkeys(("countersigner_ended",), "countersigner"),
    **dict.fromkeys(("cpd_removed",), "cpd_entry"),
    **dict.fromkeys(("interest_answered", "interest_ended"), "interest_declaration"),
    **dict.fromkeys(("bank_question_retired",), "bank_question"),
    **dict.fromkeys(("questions_taken_back",), "question_set"),
    **dict.fromkeys(("evidence_rule_ended",), "centre_evidence_rule"),
    **dict.fromkeys(("listed_witness_removed", "listed_witness_erased"), "listed_witness"),
    **dict.fromkeys(("qualification_chosen",), "registration"),
    **dict.fromkeys(("remark_settled",), "feedback_remark"),
    **dict.fromkeys(("signed_in",), "user_session"),
    **dict.fromkeys(("restore_accepted", "database_confined"), "signing_key"),
    **dict.fromkeys(("unit_published",), "unit"),
    **dict.fromkeys(("qualification_published",), "qualification"),
    **dict.fromkeys(("guidance_added", "guidance_changed"), "guidance"),
    **dict.fromkeys(("guidance_attached", "guidance_detached"), "guidance_unit"),
    **dict.fromkeys(("retention_rule_set",), "retention_rule"),
    **dict.fromkeys(
        (
            "email_changed", "email_confirmed", "invitation_accepted", "link_issued", "password_changed",
            "password_reset", "recovery_codes_made", "second_factor_added", "second_factor_removed",
            "two_step_verification_reset",
        ),
        "person",
    ),
}  # fmt: skip
"""The table that an event of an act is about for the checks, even if a forged event names another."""
PARENTS_BY_FIRST_PART = {
    "action_point_criterion": "action_point",
    "carried_over_claim": "claim",
    "version_attachment": "evidence_version",
    "visit_attempt": "visit",
}
"""The table of the first part of a key of two parts."""
MAX_DIGITS = 10
"""The most digits that an id in the database can have."""
Name = tuple[str, int]
"""A table, and the id of a row."""


def list_names(event: LedgerEvent) -> Iterator[Name]:
    """Yield the rows that an event names, beginning with what it is about.

    Raises:
        LookupError, TypeError, ValueError, AttributeError: a fact is damaged; what those before it name was yielded.
    """
    if is_id(event.object_id):
        yield event.object_type, event.object_id
        if table := TABLES_OF_ACTS.get(event.act):
            yield table, event.object_id
    data = event.data
    for keys in (data.get("rows"), data.get("former")):
        yield from filter(None, map(parse_row_key, keys or ()))
    for fact, table in TABLES_OF_FACTS.items():
        if fact in data:
            yield from ((table, key) for key in _list_ids(data[fact]))
    for decision in data.get("decisions") or ():
        yield from (("decision", key) for key in _list_ids(decision.get("decision")))
    for confirmation in data.get("confirmations") or ():
        yield from (("requirement_confirmation", key) for key in _list_ids(confirmation))


def parse_row_key(key: str) -> Name | None:
    """Return table and id of a sealed row's key in the ledger, or None if it is not such a key.

    For a key of two parts, the row of the first part is returned, to which the row belongs.
    """
    table, _, number = key.partition(":")
    parts = number.split("-")
    if table not in SEALED_TABLES or not all(part.isdecimal() and len(part) <= MAX_DIGITS for part in parts):
        return None
    first = int(parts[0])
    return (PARENTS_BY_FIRST_PART.get(table, table), first) if is_id(first) else None


def _list_ids(value: Any) -> Iterator[int]:
    values: Iterable[Any] = value if isinstance(value, list) else (value,)
    yield from (each for each in values if is_id(each))

"""What each act may write: the tables in which it adds rows, the columns that it changes, and of whose rows.

`tracker.ledger.sealing` refuses a transaction that writes more, and `flask verify` names an event that did
(docs/integrity.md, invariant 14). So an event about one thing cannot hide a change of another. An act that is not in
`WRITES` may write no sealed row.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Row = Mapping[str, Any]
FindRow = Callable[[str, Any], Row | None]

PARENTS: dict[str, dict[str, str]] = {
    "account_change": {"person_id": "person"},
    "acknowledgement": {"evidence_version_id": "evidence_version"},
    "action_point": {"attempt_id": "unit_attempt"},
    "action_point_criterion": {"action_point_id": "action_point"},
    "allocation": {"attempt_id": "unit_attempt"},
    "assessment": {"attempt_id": "unit_attempt"},
    "attachment": {"evidence_id": "evidence"},
    "carried_over_claim": {"move_id": "version_move"},
    "claim": {"attempt_id": "unit_attempt", "evidence_id": "evidence"},
    "countersignature": {"attempt_id": "unit_attempt"},
    "countersigner": {"assessor_id": "person"},
    "cpd_entry": {"person_id": "person"},
    "decision": {"attempt_id": "unit_attempt", "claim_id": "claim"},
    "earlier_name": {"person_id": "person"},
    "erasure": {"registration_id": "registration"},
    "evidence_version": {"evidence_id": "evidence"},
    "feedback_answer": {"remark_id": "feedback_remark"},
    "feedback_remark": {"assessment_id": "assessment", "evidence_version_id": "evidence_version"},
    "grant": {"person_id": "person"},
    "interest_declaration": {"person_id": "person"},
    "issued_form": {"attempt_id": "unit_attempt"},
    "listed_witness": {"centre_id": "centre"},
    "question_set": {"attempt_id": "unit_attempt", "evidence_id": "evidence"},
    "record_withdrawal": {"evidence_version_id": "evidence_version"},
    "registration_change": {"registration_id": "registration"},
    "reopening": {"attempt_id": "unit_attempt"},
    "requirement_confirmation": {"attempt_id": "unit_attempt"},
    "retention_hold": {"registration_id": "registration"},
    "retention_rule": {"centre_id": "centre"},
    "sample": {"attempt_id": "unit_attempt"},
    "sample_item": {"sample_id": "sample"},
    "signature": {"attempt_id": "unit_attempt"},
    "staff_award": {"person_id": "person"},
    "staff_competence": {"person_id": "person"},
    "staff_erasure": {"person_id": "person"},
    "submission": {"evidence_version_id": "evidence_version"},
    "version_attachment": {"version_id": "evidence_version"},
    "version_move": {"attempt_id": "unit_attempt"},
    "visit_attempt": {"visit_id": "visit"},
    "witness_testimony": {"attempt_id": "unit_attempt"},
}
"""The rows that a row belongs to: by table, each column that names one, and the table it is in."""
ERASING_ACTS = frozenset({"listed_witness_erased", "portfolio_erased", "staff_record_erased"})
"""The acts whose event replaces the salts of the columns that it changes, so that the former values are erased."""
PORTFOLIO = "portfolio"
"""Everything of one candidate at one centre."""
PORTFOLIO_TABLES = {"registration", "unit_attempt", "evidence"}
STAFF_RECORD = "staff_record"
"""Everything of one person in the staff register of one centre."""
STAFF_TABLES = {"staff_award", "staff_competence", "cpd_entry", "interest_declaration", "staff_erasure"}
QUESTION_BANK = "question_bank"
"""Every question about one unit in one bank, in all its versions."""
EVIDENCE_GUIDANCE = "evidence_guidance"
"""Every rule of evidence guidance that one centre set for one unit, in all its versions."""
SCOPE_LABELS = {
    "": "thing",
    "evidence": "piece of evidence",
    "evidence_version": "version of evidence",
    EVIDENCE_GUIDANCE: "evidence guidance of a unit",
    PORTFOLIO: "candidate",
    QUESTION_BANK: "question bank of a unit",
    STAFF_RECORD: "staff record",
    "unit_attempt": "candidate's unit",
    "question_set": "set of questions",
    "witness_testimony": "testimony",
}
"""The words for what events are about, where they are not the name of the table."""


@dataclass(frozen=True)
class Writes:
    """What one act may write."""

    scopes: tuple[str, ...]
    """What the event and every row it writes belong to: a table or `PORTFOLIO`; none for any row.

    Of several, the first that the row belongs to one of counts.
    """
    adds: frozenset[str] = frozenset()
    """The tables in which it may add rows, or seal rows for the first time."""
    changes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The columns that it may change, by table."""


def _writes(scope: str, adds: str = "", **changes: str) -> Writes:
    return Writes(
        tuple(scope.split()),
        frozenset(adds.split()),
        {table: frozenset(columns.split()) for table, columns in changes.items()},
    )


_REMOVED = "removed_at removed_by_id removed_reason"
_REOPENED = {
    "unit_attempt": "state round assessed_at",
    "signature": "superseded_at",
    "issued_form": "superseded_at",
    "decision": "superseded_at",
}
WRITES = {
    "account_change_cancelled": _writes(
        "account_change", account_change="cancelled_at cancelled_by_id cancelled_because"
    ),
    "account_change_requested": _writes("account_change", "account_change"),
    "action_point_answered": _writes("action_point", action_point="response responded_at responded_by_id"),
    "action_point_closed": _writes("action_point", action_point="closed_at closed_by_id"),
    "action_point_raised": _writes("unit_attempt", "action_point action_point_criterion"),
    "allocation_ended": _writes("allocation", allocation="ends_at"),
    "allocation_made": _writes("allocation", "allocation"),
    "assessment_released": _writes(
        "assessment unit_attempt", "assessment decision feedback_remark", decision="superseded_at"
    ),
    "attempt_moved": _writes(
        "unit_attempt",
        "version_move carried_over_claim claim decision requirement_confirmation",
        unit_attempt="unit_id",
        claim=_REMOVED,
        decision="superseded_at",
        requirement_confirmation="removed_at",
    ),
    "attempt_reopened": _writes("unit_attempt", "reopening decision", **_REOPENED),
    "attempt_started": _writes(PORTFOLIO, "unit_attempt"),
    "award_confirmed": _writes(
        "staff_award",
        staff_award="awarding_body certificate_number awarded_on ends_on confirmed_at confirmed_by_id",
    ),
    "award_recorded": _writes("staff_award", "staff_award"),
    "award_removed": _writes("staff_award", staff_award=_REMOVED),
    "attempt_voided": _writes("unit_attempt", unit_attempt="state void_reason", issued_form="superseded_at"),
    "bank_question_changed": _writes(QUESTION_BANK, "bank_question", bank_question="ended_at ended_by_id"),
    "bank_question_retired": _writes("bank_question", bank_question="ended_at ended_by_id"),
    "bank_question_written": _writes("bank_question", "bank_question"),
    "candidate_registered": _writes(PORTFOLIO, "registration"),
    "candidate_two_step_changed": _writes("centre", centre="candidates_need_two_step"),
    "candidate_withdrawn": _writes(PORTFOLIO, registration="withdrawn_at withdrawn_reason"),
    "centre_created": _writes("centre", "centre"),
    "centre_terms_changed": _writes("centre", centre="terms"),
    "claim_added": _writes("claim", "claim"),
    "claim_removed": _writes("claim", claim=_REMOVED, decision="superseded_at"),
    "claims_changed": _writes("evidence", "claim", claim=f"locator {_REMOVED}"),
    "competence_recorded": _writes("staff_competence", "staff_competence"),
    "competence_removed": _writes("staff_competence", staff_competence=_REMOVED),
    "countersignature_answered": _writes("countersignature", countersignature="answered_at agrees reason"),
    "countersignature_asked": _writes("countersignature", "countersignature"),
    "countersignature_ended": _writes("countersignature", countersignature="ended_at ended_because"),
    "countersigner_ended": _writes("countersigner", countersigner="ends_at"),
    "countersigner_named": _writes("countersigner", "countersigner"),
    "countersigning_changed": _writes("centre", centre="has_countersigning"),
    "cpd_recorded": _writes("cpd_entry", "cpd_entry"),
    "cpd_removed": _writes("cpd_entry", cpd_entry="removed_at removed_reason"),
    "email_changed": _writes("person", person="email", account_change="applied_at approved_by_id"),
    "evidence_age_limit_changed": _writes("centre", centre="evidence_age_limit"),
    "evidence_rule_changed": _writes(
        EVIDENCE_GUIDANCE, "centre_evidence_rule", centre_evidence_rule="ended_at ended_by_id"
    ),
    "evidence_rule_ended": _writes("centre_evidence_rule", centre_evidence_rule="ended_at ended_by_id"),
    "evidence_rule_written": _writes("centre_evidence_rule", "centre_evidence_rule"),
    "evidence_submitted": _writes(
        "evidence", "evidence evidence_version version_attachment attachment claim submission"
    ),
    "form_annex_changed": _writes("centre", centre="has_form_annex"),
    "form_issued": _writes("unit_attempt", "issued_form", issued_form="superseded_at"),
    "grant_ended": _writes("grant", grant="ends_at"),
    "grant_given": _writes("grant", "grant"),
    "interest_answered": _writes("interest_declaration", interest_declaration="answer answered_at answered_by_id"),
    "interest_declared": _writes("interest_declaration", "interest_declaration"),
    "interest_ended": _writes("interest_declaration", interest_declaration="ended_at ended_reason"),
    "invitation_accepted": _writes("person", person="name"),
    "key_made": _writes("", "signing_key"),
    "listed_witness_erased": _writes(
        "listed_witness",
        listed_witness="name email relationship cv removed_reason erased_at erased_by_id",
    ),
    "listed_witness_removed": _writes("listed_witness", listed_witness=_REMOVED),
    "name_changed": _writes("person", "earlier_name", person="name"),
    "portfolio_erased": _writes(
        f"{PORTFOLIO} person",
        "erasure",
        account_change="old_email new_email",
        acknowledgement="reason",
        action_point="action response",
        allocation="reason",
        assessment="feedback warnings_reason draft_decisions answer_marks",
        attachment="name",
        claim="added_reason removed_reason",
        countersignature="reason",
        decision="comment",
        earlier_name="name",
        evidence_version="title occasion customers narrative workplace_location workplace_holder workplace_seen_by "
        "response witness_name witness_relationship witness_status content",
        feedback_answer="text",
        feedback_remark="text",
        person="name email deactivated_at",
        question_set="content note taken_back_reason",
        record_withdrawal="reason",
        registration="candidate_number awarding_body_number withdrawn_reason",
        registration_change="candidate_number awarding_body_number",
        reopening="reason",
        retention_hold="reason lifted_reason",
        sample="comment",
        sample_item="comment",
        signature="comment unsampled_reason warnings_reason",
        unit_attempt="void_reason",
        version_move="reason not_carried_over",
        witness_testimony="witness_name email title place narrative content refusal_reason",
    ),
    "objection_decided": _writes(
        "evidence", "acknowledgement claim", submission="withdrawn_at", claim=f"locator {_REMOVED}"
    ),
    "person_deactivated": _writes("person", person="deactivated_at"),
    "person_invited": _writes("person", "person"),
    "qualification_chosen": _writes(PORTFOLIO, registration="qualification_id"),
    "questions_set": _writes("unit_attempt", "question_set"),
    "questions_taken_back": _writes("question_set", question_set="taken_back_at taken_back_by_id taken_back_reason"),
    "record_acknowledged": _writes("evidence_version", "acknowledgement"),
    "record_finished": _writes(
        "evidence",
        "evidence evidence_version version_attachment attachment claim submission",
        claim=f"locator {_REMOVED}",
    ),
    "record_withdrawn": _writes(
        "evidence", "record_withdrawal claim", submission="withdrawn_at", claim=f"locator {_REMOVED}"
    ),
    "remark_answered": _writes("feedback_remark", "feedback_answer"),
    "remark_settled": _writes("feedback_remark", feedback_remark="settled_at settled_by_id"),
    "registration_changed": _writes(
        PORTFOLIO, "registration_change", registration="candidate_number awarding_body_number awarding_body_date"
    ),
    "requirement_confirmed": _writes("requirement_confirmation", "requirement_confirmation"),
    "requirement_unconfirmed": _writes("requirement_confirmation", requirement_confirmation="removed_at"),
    "retention_hold_lifted": _writes("retention_hold", retention_hold="lifted_at lifted_by_id lifted_reason"),
    "retention_hold_set": _writes("retention_hold", "retention_hold"),
    "retention_rule_set": _writes(
        "centre", "retention_rule", retention_rule="evidence_months record_months set_at set_by_id"
    ),
    "sample_drawn": _writes("unit_attempt", "sample sample_item decision", decision="superseded_at"),
    "signing_two_step_changed": _writes("centre", centre="signing_two_step"),
    "staff_record_erased": _writes(
        STAFF_RECORD,
        "staff_erasure",
        staff_award="title awarding_body certificate_number removed_reason",
        staff_competence="sector basis removed_reason",
        cpd_entry="title learning evidence removed_reason",
        interest_declaration="interest answer ended_reason",
    ),
    "submission_withdrawn": _writes("evidence_version", submission="withdrawn_at"),
    "testimony_authenticated": _writes(
        PORTFOLIO, "acknowledgement", witness_testimony="answered_at answered_by_id evidence_id"
    ),
    "testimony_refused": _writes("witness_testimony", witness_testimony="answered_at answered_by_id refusal_reason"),
    "testimony_signed": _writes("witness_testimony", "witness_testimony"),
    "two_step_verification_reset": _writes("person", account_change="applied_at approved_by_id"),
    "unit_countersigned": _writes("unit_attempt", "signature"),
    "unit_confirmed": _writes("unit_attempt", "signature", unit_attempt="state"),
    "unit_signed": _writes("unit_attempt", "signature", unit_attempt="state assessed_at"),
    "unit_verified": _writes("unit_attempt", "signature", unit_attempt="state"),
    "unsampled_reasons_changed": _writes("centre", centre="unsampled_reasons"),
    "visit_ended": _writes("visit", visit="starts_at ends_at"),
    "visit_opened": _writes("visit", "visit visit_attempt"),
    "witness_listed": _writes("listed_witness", "listed_witness"),
}
"""What each act may write, by the act's name."""
NOTHING = Writes(())


def may_add(act: str, table: str) -> bool:
    """Return whether an act may add rows to a table."""
    return table in WRITES.get(act, NOTHING).adds


def list_columns(act: str, table: str) -> frozenset[str]:
    """Return the columns of a table that an act may change."""
    return WRITES.get(act, NOTHING).changes.get(table, frozenset())


def get_scope_label(act: str) -> str:
    """Return the word for what an act's event is about."""
    scope = next(iter(WRITES.get(act, NOTHING).scopes), "")
    return SCOPE_LABELS.get(scope, scope.replace("_", " "))


def find_owners(find_row: FindRow, table: str, row: Row | None) -> dict[str, Any]:
    """Return the ids of everything that a row belongs to, by table, with itself.

    Args:
        find_row: returns the row of a table with a primary key, or None.
        table: the row's table.
        row: the row's columns, or None if it does not exist.
    """
    owners: dict[str, Any] = {}
    if row is None:
        return owners
    for column, parent in PARENTS.get(table, {}).items():
        owners |= find_owners(find_row, parent, find_row(parent, row[column]))
    if table in PORTFOLIO_TABLES:
        owners |= {PORTFOLIO: (row["candidate_id"], row["centre_id"]), "person": row["candidate_id"]}
    if table in STAFF_TABLES:
        owners[STAFF_RECORD] = (row["person_id"], row["centre_id"])
    if table == "bank_question":
        owners[QUESTION_BANK] = (row["centre_id"], row["unit_id"])
    if table == "centre_evidence_rule":
        owners[EVIDENCE_GUIDANCE] = (row["centre_id"], row["unit_id"])
    if "id" in row:
        owners[table] = row["id"]
    return owners


def is_in_scope(act: str, subject: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    """Return whether a row belongs to what an event is about.

    Args:
        act: the event's act.
        subject: what the event's object belongs to, from `find_owners`.
        row: what the row belongs to, from `find_owners`.
    """
    scopes = WRITES.get(act, NOTHING).scopes
    if not scopes:
        return True
    scope = next((scope for scope in scopes if scope in row), None)
    return scope is not None and subject.get(scope) == row[scope]

"""Checks of actors: roles held, separation of duties, deactivation, and re-authentication before signing."""

from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from typing import Any

from tracker.extensions import db
from tracker.integrity.database_role import DATABASE_CONFINED
from tracker.integrity.first_events import SIGNING_ACTS
from tracker.integrity.invariants import invariant
from tracker.integrity.ledger_snapshot import LedgerEvent, LedgerSnapshot, Row
from tracker.ledger.checkpoint_repair import CHECKPOINTS_REPAIRED
from tracker.ledger.events import CLOCK_ACCEPTED, MAX_CLOCK_DIFFERENCE
from tracker.ledger.permitted_writes import PORTFOLIO, STAFF_TABLES, find_owners
from tracker.portfolio.derived_files import REPLACED
from tracker.registrations.separation_of_duties import VERIFYING_KINDS
from tracker.vocabulary import STAFF_ROLES, Role, SignatureRole

QUESTION_ACTS = ("bank_question_written", "bank_question_changed", "bank_question_retired")
"""The acts on a question of a bank; on a shared one they are the operator's."""
ROLES_OF_ACT: dict[str, Collection[Role]] = {
    "evidence_submitted": {Role.CANDIDATE},
    "submission_withdrawn": {Role.CANDIDATE},
    "record_finished": {Role.ASSESSOR},
    "record_acknowledged": {Role.CANDIDATE},
    "objection_decided": {Role.INTERNAL_VERIFIER},
    "record_withdrawn": {Role.ASSESSOR},
    "questions_set": {Role.ASSESSOR},
    "questions_taken_back": {Role.ASSESSOR},
    "testimony_requested": {Role.CANDIDATE, Role.ASSESSOR},
    "testimony_withdrawn": {Role.CANDIDATE, Role.ASSESSOR},
    "testimony_authenticated": {Role.ASSESSOR},
    "testimony_refused": {Role.ASSESSOR},
    "claims_changed": {Role.CANDIDATE},
    "draft_discarded": {Role.CANDIDATE, Role.ASSESSOR},
    "unit_countersigned": {Role.ASSESSOR},
    "unit_confirmed": {Role.CANDIDATE},
    "unit_disputed": {Role.CANDIDATE},
    "assessment_released": {Role.ASSESSOR},
    "countersignature_asked": {Role.ASSESSOR, Role.ADMINISTRATOR},
    "countersignature_answered": {Role.ASSESSOR},
    "countersignature_ended": {Role.CANDIDATE, Role.ASSESSOR, Role.INTERNAL_VERIFIER, Role.ADMINISTRATOR},
    "countersigner_named": {Role.ADMINISTRATOR},
    "countersigner_ended": {Role.ADMINISTRATOR},
    "countersigning_changed": {Role.ADMINISTRATOR},
    "remark_answered": {Role.CANDIDATE},
    "remark_settled": {Role.ASSESSOR},
    "claim_added": {Role.ASSESSOR},
    "claim_removed": {Role.ASSESSOR},
    "action_point_answered": {Role.ASSESSOR},
    "requirement_confirmed": {Role.ASSESSOR},
    "requirement_unconfirmed": {Role.ASSESSOR},
    "unit_signed": {Role.ASSESSOR},
    "signature_retracted": {Role.ASSESSOR},
    "sample_drawn": {Role.INTERNAL_VERIFIER},
    "action_point_raised": {Role.INTERNAL_VERIFIER},
    "action_point_closed": {Role.INTERNAL_VERIFIER},
    "unit_verified": {Role.INTERNAL_VERIFIER},
    "attempt_reopened": {Role.CANDIDATE, Role.ASSESSOR, Role.INTERNAL_VERIFIER},
    "evidence_rule_written": {Role.ADMINISTRATOR},
    "evidence_rule_changed": {Role.ADMINISTRATOR},
    "evidence_rule_ended": {Role.ADMINISTRATOR},
    "candidate_registered": {Role.ADMINISTRATOR},
    "candidate_withdrawn": {Role.ADMINISTRATOR},
    "registration_changed": {Role.ADMINISTRATOR},
    "attempt_started": {Role.ADMINISTRATOR},
    "attempt_voided": {Role.ADMINISTRATOR},
    "attempt_moved": {Role.ADMINISTRATOR, Role.ASSESSOR},
    "allocation_made": {Role.ADMINISTRATOR},
    "allocation_ended": {Role.ADMINISTRATOR},
    "visit_opened": {Role.ADMINISTRATOR},
    "visit_ended": {Role.ADMINISTRATOR},
    "form_issued": {Role.ASSESSOR, Role.INTERNAL_VERIFIER, Role.ADMINISTRATOR},
    "retention_rule_set": {Role.ADMINISTRATOR},
    "centre_terms_changed": {Role.ADMINISTRATOR},
    "unsampled_reasons_changed": {Role.ADMINISTRATOR},
    "evidence_age_limit_changed": {Role.ADMINISTRATOR},
    "form_annex_changed": {Role.ADMINISTRATOR},
    "candidate_two_step_changed": {Role.ADMINISTRATOR},
    "signing_two_step_changed": {Role.ADMINISTRATOR},
    "retention_hold_set": {Role.ADMINISTRATOR},
    "retention_hold_lifted": {Role.ADMINISTRATOR},
    "portfolio_erased": {Role.ADMINISTRATOR},
    **dict.fromkeys(("cpd_recorded", "cpd_removed", "interest_declared", "interest_ended"), STAFF_ROLES),
    **dict.fromkeys(QUESTION_ACTS, (Role.ASSESSOR, Role.ADMINISTRATOR)),
    "witness_listed": {Role.ADMINISTRATOR, Role.ASSESSOR},
    "qualification_published": {Role.ADMINISTRATOR},
    "qualification_chosen": {Role.ADMINISTRATOR},
    **dict.fromkeys(
        (
            "award_recorded", "award_confirmed", "award_removed", "competence_recorded", "competence_removed",
            "interest_answered", "staff_record_erased", "listed_witness_removed", "listed_witness_erased",
            "name_changed", "account_change_requested", "account_change_cancelled", "email_changed",
            "two_step_verification_reset", "sessions_ended",
            "person_invited", "grant_given", "grant_ended", "link_issued", "record_exported",
            "unit_document_read", "unit_correction_started", "unit_draft_shared", "unit_draft_discarded",
            "unit_published",
            "import_started", "import_failed", "import_resumed", "import_cancelled", "units_imported",
            "forms_print_started", "forms_printed",
            "guidance_added", "guidance_changed", "guidance_attached", "guidance_detached",
            "link_confirmed", "link_refused", "link_decision_withdrawn", "links_confirmed",
        ),
        frozenset({Role.ADMINISTRATOR}),
    ),
}  # fmt: skip
"""The roles that may do each act."""
OPERATOR_ACTS = {
    "centre_created", "person_invited", "grant_given", "link_issued", "person_deactivated",
    "name_changed", "account_change_requested", "account_change_cancelled", "email_changed",
    "two_step_verification_reset", "sign_in_failed", "key_made",
    "record_exported", "restore_accepted", CLOCK_ACCEPTED, CHECKPOINTS_REPAIRED, DATABASE_CONFINED, REPLACED,
    *QUESTION_ACTS,
}  # fmt: skip
"""The acts of the installation's operator, who has no account and no role, and of the installation itself."""
WITNESS_ACTS = {"testimony_signed", "testimony_declined"}
"""The acts of a witness, who has no account."""
OWN_ACCOUNT_ACTS = {
    "password_reset", "password_changed", "invitation_accepted", "session_ended", "data_exported",
    "account_change_cancelled", "link_issued", "email_confirmed", "browser_confirmed", "signed_in",
    "second_factor_added", "second_factor_removed", "recovery_codes_made", "recovery_code_used",
}  # fmt: skip
"""The acts that people do on their own account, without a role."""
CENTRE_TABLES = {
    "countersigner",
    "grant",
    "visit",
    "import_run",
    "job_run",
    "unit_draft",
    "retention_rule",
    "bank_question",
    "centre_evidence_rule",
    "listed_witness",
} | STAFF_TABLES
"""The tables whose rows name the centre that an event is about."""
COUNTERSIGNER_ACTS = {
    "countersignature_answered", "countersignature_ended", "unit_countersigned", "attempt_reopened",
}  # fmt: skip
"""The acts of a countersigner, to whom the unit is not allocated."""
ASSESSING, VERIFYING = "assessed", "verified"
REAUTHENTICATION_LIFETIME = timedelta(minutes=5)


@invariant(6, "everyone who acted held the role needed at that time")
def find_actors_without_role(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each event whose actor did not hold the role it names. docs/integrity.md, invariant 6."""
    grants = ledger.rows("grant")
    for event in ledger.events:
        if event.grant is not None:
            if fault := _find_role_fault(ledger, event, grants.get(event.grant)):
                yield f"{event.name} {fault}"
        elif event.act not in (OPERATOR_ACTS | WITNESS_ACTS if event.actor is None else OWN_ACCOUNT_ACTS):
            yield f"{event.name} names no role of its actor"
        elif event.actor is not None and event.object_type == "person" and event.object_id != event.actor:
            yield f"{event.name} is about the account of somebody else"


@invariant(7, "no one both assesses and verifies a unit attempt, or assesses their own work")
def find_duty_conflicts(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each attempt without separation of duties. docs/integrity.md, invariant 7."""
    for key, people in _list_duties(ledger).items():
        attempt = ledger.rows("unit_attempt").get(key)
        candidate = attempt["candidate_id"] if attempt else None
        for person in people[ASSESSING] & people[VERIFYING]:
            yield f"attempt {key} was assessed and verified by the same person, {person}"
        for role, members in people.items():
            if candidate in members:
                yield f"attempt {key} was {role} by its candidate"
    for key, row in ledger.rows("signature").items():
        attempt = ledger.rows("unit_attempt").get(row["attempt_id"])
        if attempt and row["role"] == SignatureRole.CANDIDATE and row["person_id"] != attempt["candidate_id"]:
            yield f"signature {key} is a candidate's, but another person signed"


@invariant(25, "no one acted after deactivation or the end of their role, or granted themselves a role")
def find_acts_without_right(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each act after deactivation, and each role that its holder granted. docs/integrity.md, invariant 25."""
    people = ledger.rows("person")
    for event in ledger.events:
        if event.actor is None:
            continue
        person = people.get(event.actor)
        if person is None:
            yield f"{event.name} was done by person {event.actor}, who does not exist"
        elif person["deactivated_at"] and event.at > person["deactivated_at"]:
            yield f"{event.name} was done by person {event.actor} after their account was closed"
    for key, grant in ledger.rows("grant").items():
        if grant["granted_by_id"] == grant["person_id"]:
            yield f"grant {key} was given by the person who has it"
    for event in ledger.list_events("grant_given"):
        granted = ledger.rows("grant").get(event.object_id)
        if granted and event.actor == granted["person_id"]:
            yield f"{event.name} was done by the person who got the role"
        elif granted and event.actor != granted["granted_by_id"]:
            yield f"grant {event.object_id} and {event.name} name different people as giver"


@invariant(24, "every signer had confirmed who they are just before signing")
def find_signatures_without_reauthentication(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each signature without a fresh re-authentication. docs/integrity.md, invariant 24."""
    events = {event.object_id: event for event in ledger.list_events(*SIGNING_ACTS)}
    for key, row in ledger.rows("signature").items():
        event = events.get(key)
        if not timedelta(0) <= row["signed_at"] - row["reauthenticated_at"] <= REAUTHENTICATION_LIFETIME:
            yield f"signature {key} was made without a password in the five minutes before"
        elif event and abs(event.at - row["signed_at"]) > MAX_CLOCK_DIFFERENCE:
            yield f"signature {key} and {event.name} have different times"
        elif event and (event.actor, event.session_ref or "") != (row["person_id"], row["session_ref"]):
            yield f"signature {key} and {event.name} name different people or sessions"


def _find_role_fault(ledger: LedgerSnapshot, event: LedgerEvent, grant: Row | None) -> str:
    """Return what is wrong with the grant that an event names; empty if nothing is."""
    if grant is None:
        return "names no role of its actor"
    if grant["person_id"] != event.actor:
        return "names a role of somebody else"
    if grant["role"] not in ROLES_OF_ACT.get(event.act, ()):
        return f"was done as {grant['role']}"
    if not _was_held(grant, event):
        return f"was done outside the dates of grant {grant['id']}"
    return _find_scope_fault(ledger, event, grant)


def _find_scope_fault(ledger: LedgerSnapshot, event: LedgerEvent, grant: Row) -> str:
    """Return what is wrong with where a role was used: at its centre, on the actor's own or allocated units."""
    owners = _find_owners(ledger, event)
    if _get_centre_id(ledger, event, owners) not in {None, grant["centre_id"]}:
        return "was done under a role at another centre"
    if "unit_attempt" in owners and event.data.get("attempt", owners["unit_attempt"]) != owners["unit_attempt"]:
        return "names another unit than the one that it is about"
    fault = f"was done by somebody who was not {grant['role']} there"
    return "" if _was_allocated(ledger, event, grant["role"], owners) else fault


def _find_owners(ledger: LedgerSnapshot, event: LedgerEvent) -> dict[str, Any]:
    """Return what an event is about, by table: its own object decides, not what the event says beside it."""
    if event.object_type not in db.metadata.tables:
        return {}
    return find_owners(ledger.find_row, event.object_type, ledger.find_row(event.object_type, event.object_id))


def _get_attempt(ledger: LedgerSnapshot, event: LedgerEvent, owners: Mapping[str, Any]) -> Row | None:
    return ledger.rows("unit_attempt").get(owners.get("unit_attempt", event.data.get("attempt")))


def _get_centre_id(ledger: LedgerSnapshot, event: LedgerEvent, owners: Mapping[str, Any]) -> int | None:
    if PORTFOLIO in owners:
        centre: int | None = owners[PORTFOLIO][1]
        return centre
    row = ledger.find_row(event.object_type, event.object_id) if event.object_type in CENTRE_TABLES else None
    attempt = _get_attempt(ledger, event, owners)
    centre = (row or attempt or {}).get("centre_id")
    return event.data.get("centre") if centre is None else centre


def _was_allocated(ledger: LedgerSnapshot, event: LedgerEvent, role: str, owners: Mapping[str, Any]) -> bool:
    """Return whether the portfolio was the candidate's own, or the attempt allocated to the actor at the time."""
    attempt = _get_attempt(ledger, event, owners)
    if role == Role.CANDIDATE:
        candidate = owners[PORTFOLIO][0] if PORTFOLIO in owners else (attempt or {}).get("candidate_id", event.actor)
        return bool(candidate == event.actor)
    if attempt is None or role not in {Role.ASSESSOR, Role.INTERNAL_VERIFIER}:
        return True
    if event.act in COUNTERSIGNER_ACTS and _was_asked(ledger, event, attempt["id"]):
        return True
    return any(
        (allocation["person_id"], allocation["role"]) == (event.actor, role)
        and allocation["starts_at"] <= event.at
        and (allocation["ends_at"] is None or event.at <= allocation["ends_at"])
        for allocation in ledger.group_rows("allocation", "attempt_id").get(attempt["id"], ())
    )


def _was_asked(ledger: LedgerSnapshot, event: LedgerEvent, attempt_id: int) -> bool:
    """Return whether the actor was asked to countersign in the attempt, which was not allocated to them."""
    return any(
        row["person_id"] == event.actor and row["asked_at"] <= event.at
        for row in ledger.group_rows("countersignature", "attempt_id").get(attempt_id, ())
    )


def _was_held(grant: Row, event: LedgerEvent) -> bool:
    return bool(grant["starts_at"] <= event.at and (grant["ends_at"] is None or event.at < grant["ends_at"]))


def _list_duties(ledger: LedgerSnapshot) -> dict[int, dict[str, set[int]]]:
    """Return who assessed and who verified each attempt, over all its rounds."""
    duties: dict[int, dict[str, set[int]]] = {}

    def note(attempt: int, duty: str, person: int) -> None:
        duties.setdefault(attempt, {ASSESSING: set(), VERIFYING: set()})[duty].add(person)

    for attempt, person in _list_assessing_people(ledger):
        note(attempt, ASSESSING, person)
    for attempt, person in list_verifying_people(ledger):
        note(attempt, VERIFYING, person)
    return duties


def _list_assessing_people(ledger: LedgerSnapshot) -> Iterator[tuple[int, int]]:
    """Yield attempt and person for every act of assessment: records, assessments, decisions, signatures."""
    evidence = ledger.rows("evidence")
    for row in ledger.rows("claim").values():
        author = evidence[row["evidence_id"]]["author_id"] if row["evidence_id"] in evidence else None
        if author is not None:
            yield row["attempt_id"], author
    for row in ledger.rows("assessment").values():
        if row["state"] == "released":
            yield row["attempt_id"], row["assessor_id"]
    for row in ledger.rows("decision").values():
        if row["assessment_id"] is not None:
            yield row["attempt_id"], row["decided_by_id"]
    for row in ledger.rows("question_set").values():
        yield row["attempt_id"], row["set_by_id"]
    for row in ledger.rows("countersignature").values():
        if row["answered_at"] is not None:
            yield row["attempt_id"], row["person_id"]
    yield from _list_signers(ledger, SignatureRole.ASSESSOR, SignatureRole.COUNTERSIGNER)


def list_verifying_people(ledger: LedgerSnapshot) -> Iterator[tuple[int, int]]:
    """Yield attempt and person for every act of verification.

    They are samples, action points, returns, signatures and decisions on objections. Such a decision is about the
    units that the record claimed criteria in at that moment.
    """
    claims = ledger.group_rows("claim", "evidence_id")
    versions = ledger.rows("evidence_version")
    for row in ledger.rows("acknowledgement").values():
        if row["role"] == Role.INTERNAL_VERIFIER and row["evidence_version_id"] in versions:
            evidence_id = versions[row["evidence_version_id"]]["evidence_id"]
            decided_at = row["acknowledged_at"]
            for each in claims.get(evidence_id, ()):
                removed_at = each["removed_at"]
                if each["claimed_at"] <= decided_at and (removed_at is None or removed_at >= decided_at):
                    yield each["attempt_id"], row["acknowledged_by_id"]
    for row in ledger.rows("sample").values():
        yield row["attempt_id"], row["verifier_id"]
    for row in ledger.rows("action_point").values():
        yield from ((row["attempt_id"], person) for person in (row["raised_by_id"], row["closed_by_id"]) if person)
    for row in ledger.rows("reopening").values():
        if row["kind"] in VERIFYING_KINDS:
            yield row["attempt_id"], row["reopened_by_id"]
    yield from _list_signers(ledger, SignatureRole.INTERNAL_VERIFIER)


def _list_signers(ledger: LedgerSnapshot, *roles: SignatureRole) -> Iterator[tuple[int, int]]:
    for row in ledger.rows("signature").values():
        if row["role"] in roles:
            yield row["attempt_id"], row["person_id"]

"""Sign-off of a unit: evidence requirements, signatures of assessor and candidate, retraction and dispute."""

from datetime import datetime
from typing import Any

from sqlalchemy import select

from tracker.accounts.email_confirmation import has_confirmed_address
from tracker.accounts.services.signing_two_step import check_second_step
from tracker.assessment import emails as email_texts
from tracker.assessment.queries.countersigning import find_open_of_signature
from tracker.assessment.reopening import reopen_attempt
from tracker.assessment.services.claims import validate_reason
from tracker.assessment.services.countersigning import ask_for_signature, find_need
from tracker.assessment.services.releasing import release_due_in
from tracker.assessment.services.sign_off_checks import check_warnings_reason, list_sign_off_blockers
from tracker.assessment.transitions import AttemptAction, change_attempt_state, check_action_allowed
from tracker.background import emails
from tracker.clock import now
from tracker.errors import Conflict, Invalid, NotFound, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.matrix import Matrix, load_matrix
from tracker.matrix.evidence_guidance import load_evidence_guidance
from tracker.matrix.rule_findings import RuleFinding, summarise_unmet
from tracker.models import (
    EvidenceRequirement,
    RequirementConfirmation,
    Signature,
    UnitAttempt,
)
from tracker.recording_forms.form_content import STATEMENT_OF_COMPETENCE
from tracker.recording_forms.snapshot import RoundSnapshot, take_snapshot
from tracker.registrations.current_allocations import find_current_allocation
from tracker.registrations.separation_of_duties import check_may_assess, check_not_withdrawn
from tracker.vocabulary import (
    Method,
    ReopeningKind,
    Role,
    SignatureRole,
    Simulation,
)
from tracker.web.current_user import SecondStep
from tracker.web.text_direction import isolate

FORM_CHANGED = (
    "The form changed while you were reading it. Nothing was signed. What you typed is kept. "
    "Read the form again as it is now, then sign."
)
GUIDANCE_CHANGED = (
    "The evidence guidance of this unit changed while you were reading it. Nothing was signed. What you typed is "
    "kept. Read the guidance again as it is now, then sign."
)
MAX_NOTE_LENGTH = 2_000
MAX_COMMENT_LENGTH = 4_000


def confirm_requirement(attempt: UnitAttempt, requirement_id: int, note: str, actor: Actor) -> None:
    """Confirm one of the unit's evidence requirements in this round, or change the note of a confirmed one.

    The note may change until the signature (docs/rules.md, Sign-off, rule 5), so a changed note makes no event.

    Raises:
        Invalid: the note is too long.
        NotFound: the requirement is not of this unit.
        Refused: the attempt cannot be signed now, or this person may not assess it.
    """
    person_id = _check_assessor(attempt, actor, AttemptAction.SIGN)
    query = select(EvidenceRequirement.id).where(
        EvidenceRequirement.id == requirement_id, EvidenceRequirement.unit_id == attempt.unit_id
    )
    if not db.session.scalar(query):
        raise NotFound
    if len(note) > MAX_NOTE_LENGTH:
        raise Invalid("A note can have at most 2,000 characters. Shorten it. What you typed is kept.", "note")
    confirmation = _load_live_confirmations(attempt).get(requirement_id)
    if confirmation:
        confirmation.note = note.strip()
        return
    confirmation = RequirementConfirmation(
        attempt_id=attempt.id,
        round=attempt.round,
        requirement_id=requirement_id,
        note=note.strip(),
        confirmed_at=now(),
        confirmed_by_id=person_id,
    )
    db.session.add(confirmation)
    record(
        "requirement_confirmed",
        confirmation,
        actor,
        attempt=attempt.id,
        round=attempt.round,
        requirement=requirement_id,
    )


def withdraw_confirmation(attempt: UnitAttempt, requirement_id: int, actor: Actor) -> None:
    """Withdraw the confirmation of an evidence requirement before sign-off, if there is one."""
    _check_assessor(attempt, actor, AttemptAction.SIGN)
    confirmation = _load_live_confirmations(attempt).get(requirement_id)
    if confirmation:
        confirmation.removed_at = now()
        record("requirement_unconfirmed", confirmation, actor, attempt=attempt.id, requirement=requirement_id)


def save_sign_off_draft(
    attempt: UnitAttempt,
    actor: Actor,
    *,
    comment: str | None = None,
    warnings_reason: str | None = None,
    simulation_reason: str | None = None,
) -> None:
    """Save the drafts of the closing comment and of the reasons to sign. A draft makes no event.

    None leaves a text as it is. Raises `Invalid` for one that is too long.
    """
    _check_assessor(attempt, actor, AttemptAction.SIGN)
    if len(comment or "") > MAX_COMMENT_LENGTH:
        raise Invalid(
            "The closing comment can have at most 4,000 characters. Shorten it. What you typed is kept.", "comment"
        )
    reasons = {"warnings_reason": warnings_reason, "simulation_reason": simulation_reason}
    for name, reason in reasons.items():
        if len(reason or "") > MAX_NOTE_LENGTH:
            raise Invalid("The reason can have at most 2,000 characters. Shorten it. What you typed is kept.", name)
    if comment is not None:
        attempt.closing_comment = comment
    for name, reason in reasons.items():
        if reason is not None and (getattr(attempt, name) or "") != reason:
            setattr(attempt, name, reason)


def needs_simulation_reason(attempt: UnitAttempt, matrix: Matrix) -> bool:
    """Return whether simulated evidence is claimed in a unit that does not say if simulation is allowed."""
    simulated = any(row.method is Method.SIMULATION for row in matrix.claiming_rows)
    return simulated and attempt.unit.simulation is Simulation.UNSTATED


def sign_unit(
    attempt: UnitAttempt,
    snapshot_hash: str,
    comment: str,
    actor: Actor,
    reauthenticated_at: datetime,
    *,
    simulation_reason: str = "",
    warnings_reason: str = "",
    seen_version: int | None = None,
    seen_guidance: str | None = None,
    second_step: SecondStep | None = None,
) -> Signature:
    """Sign a unit off as its assessor, over exactly the snapshot that was shown. The caller has locked the attempt.

    Args:
        attempt: the attempt to sign off.
        snapshot_hash: the hash of the snapshot on the page that was signed.
        comment: the closing comment, printed on the form.
        actor: the assessor.
        reauthenticated_at: when the assessor last gave their password.
        simulation_reason: why simulated evidence is allowed, where the unit does not say.
        warnings_reason: why the evidence is sufficient, where the unit has warnings.
        seen_version: the attempt's version on the page that was signed; None is not checked.
        seen_guidance: the hash of the evidence guidance on that page; None is not checked.
        second_step: when and how the second step was last done in the assessor's session.

    Raises:
        Conflict: the form, or the evidence guidance, is no longer the one that was shown.
        Invalid: an evidence requirement is not confirmed, a reason, for simulation or for warnings, is missing, or
            the second step is needed first.
        Refused: something must be done before sign-off, or this person may not sign.
    """
    person_id = _check_assessor(attempt, actor, AttemptAction.SIGN)
    matrix, snapshot = _check_as_shown(attempt, snapshot_hash, seen_version)
    confirmed = _check_requirements_confirmed(attempt)
    is_simulated = needs_simulation_reason(attempt, matrix)
    unmet = _check_guidance_as_shown(attempt, matrix, seen_guidance)
    reason = check_warnings_reason(matrix, warnings_reason, unmet)
    step = check_second_step(attempt.centre, Role.ASSESSOR, person_id, second_step)
    needs_countersigner = find_need(attempt, person_id)
    change_attempt_state(attempt, AttemptAction.SIGN)
    signature = add_signature(
        attempt,
        SignatureRole.ASSESSOR,
        person_id,
        _add_simulation_reason(comment, simulation_reason) if is_simulated else comment.strip(),
        snapshot,
        actor,
        reauthenticated_at,
        warnings_reason=reason,
        unmet_guidance=[each.as_json() for each in unmet] or None,
    )
    attempt.assessed_at = signature.signed_at
    attempt.closing_comment, attempt.warnings_reason = comment.strip(), reason
    attempt.simulation_reason = simulation_reason.strip() if is_simulated else None
    _record_sign_off(signature, actor, confirmed, step)
    if needs_countersigner:
        ask_for_signature(signature, actor)
    else:
        ask_candidate(attempt)
    return signature


def _record_sign_off(
    signature: Signature, actor: Actor, confirmed: list[RequirementConfirmation], step: dict[str, str] | None
) -> None:
    """Record the event of an assessor's signature, with the confirmed requirements and the second step."""
    notes = {f"note-{each.requirement_id}": each.note for each in confirmed if each.note}
    requirements = sorted(each.requirement_id for each in confirmed)
    record_signature(
        "unit_signed",
        signature,
        actor,
        notes,
        requirements=requirements,
        sufficient=True,
        second_step=step,
        unmet_guidance=summarise_unmet(signature.unmet_guidance),
    )


def ask_candidate(attempt: UnitAttempt) -> None:
    """Email the candidate that their unit is signed off and waits for their confirmation."""
    topic = f"unit_signed:{attempt.id}:{attempt.round}"
    emails.notify(attempt.candidate, topic, *email_texts.build_unit_signed_email(attempt))


def _check_as_shown(
    attempt: UnitAttempt, snapshot_hash: str, seen_version: int | None
) -> tuple[Matrix, RoundSnapshot]:
    """Return what an assessor signs; raise unless it is what the page showed, and nothing blocks the sign-off."""
    release_due_in(attempt)
    matrix = load_matrix(attempt)
    snapshot = take_snapshot(attempt, matrix)
    if snapshot.hash != snapshot_hash or seen_version not in {None, attempt.version}:
        raise Conflict(FORM_CHANGED)
    if blockers := list_sign_off_blockers(attempt, matrix):
        raise Refused(f"You cannot sign this unit off yet. {blockers[0].text}. Nothing was signed.")
    return matrix, snapshot


def _check_guidance_as_shown(
    attempt: UnitAttempt, matrix: Matrix, seen_guidance: str | None
) -> tuple[RuleFinding, ...]:
    """Return the evidence guidance that is not met; raise `Conflict` unless the page showed it as it is now."""
    guidance = load_evidence_guidance(attempt, matrix)
    if seen_guidance not in {None, guidance.hash}:
        raise Conflict(GUIDANCE_CHANGED)
    return guidance.unmet


def retract_signature(attempt: UnitAttempt, reason: str, actor: Actor) -> None:
    """Retract the assessor's signature before the candidate has confirmed, and begin a new round.

    Raises:
        Invalid: the reason is missing or too long.
        Refused: the unit is not signed or is confirmed already, or this person may not assess it.
    """
    _check_assessor(attempt, actor, AttemptAction.RETRACT)
    reopening = reopen_attempt(attempt, ReopeningKind.RETRACTION, validate_reason(reason), [], actor)
    record("signature_retracted", reopening, actor, attempt=attempt.id, round=reopening.round)


def confirm_unit(
    attempt: UnitAttempt,
    snapshot_hash: str,
    actor: Actor,
    reauthenticated_at: datetime,
    *,
    seen_version: int | None = None,
    second_step: SecondStep | None = None,
) -> Signature:
    """Sign the candidate's statement of competence, over exactly the snapshot that was shown.

    Raises:
        Conflict: the form is no longer the one that was shown.
        Invalid: the second step is needed first.
        NotFound: the actor is not the candidate.
        Refused: the unit is not waiting for the candidate.
    """
    person_id = _check_candidate(attempt, actor, AttemptAction.CONFIRM)
    snapshot = take_snapshot(attempt)
    if snapshot.hash != snapshot_hash or seen_version not in {None, attempt.version}:
        raise Conflict(FORM_CHANGED)
    step = check_second_step(attempt.centre, Role.CANDIDATE, person_id, second_step)
    change_attempt_state(attempt, AttemptAction.CONFIRM)
    signature = add_signature(attempt, SignatureRole.CANDIDATE, person_id, "", snapshot, actor, reauthenticated_at)
    record_signature("unit_confirmed", signature, actor, second_step=step)
    verifier = find_current_allocation(attempt, Role.INTERNAL_VERIFIER)
    if verifier:
        topic = f"unit_confirmed:{attempt.id}:{attempt.round}"
        emails.notify(verifier.person, topic, *email_texts.build_unit_confirmed_email(attempt))
    return signature


def dispute_unit(attempt: UnitAttempt, criterion_ids: list[int], reason: str, actor: Actor) -> None:
    """Dispute criteria as the candidate: they become "needs more", and a new round begins.

    Raises:
        Invalid: no criterion is chosen, or the reason is missing or too long.
        NotFound: a criterion is not of this unit, or the actor is not the candidate.
        Refused: the unit is not waiting for the candidate.
    """
    _check_candidate(attempt, actor, AttemptAction.DISPUTE)
    if not criterion_ids:
        raise Invalid("Choose the criteria you disagree with. Nothing was sent.", "criteria")
    criteria_of_unit = {column.id for column in load_matrix(attempt).columns}
    if set(criterion_ids) - criteria_of_unit:
        raise NotFound
    reopening = reopen_attempt(attempt, ReopeningKind.DISPUTE, _validate_dispute_reason(reason), criterion_ids, actor)
    record(
        "unit_disputed",
        reopening,
        actor,
        attempt=attempt.id,
        round=reopening.round,
        criteria=sorted(set(criterion_ids)),
    )
    assessor = find_current_allocation(attempt, Role.ASSESSOR)
    if assessor:
        topic = f"unit_disputed:{attempt.id}:{attempt.round}"
        emails.notify(assessor.person, topic, *email_texts.build_unit_disputed_email(attempt))


def _check_assessor(attempt: UnitAttempt, actor: Actor, action: AttemptAction) -> int:
    assert actor.person_id is not None  # noqa: S101 - people sign, never the operator
    check_action_allowed(attempt, action)
    check_not_withdrawn(attempt)
    check_may_assess(actor.person_id, attempt)
    return actor.person_id


def _check_candidate(attempt: UnitAttempt, actor: Actor, action: AttemptAction) -> int:
    check_action_allowed(attempt, action)
    check_not_withdrawn(attempt)
    if actor.person_id != attempt.candidate_id:
        raise NotFound
    if waiting := find_open_of_signature(attempt):
        raise Refused(
            f"{isolate(waiting.person.name)} countersigns {attempt.unit.code} before you see it. Nothing was changed."
        )
    return attempt.candidate_id


def _validate_dispute_reason(reason: str) -> str:
    if not reason.strip():
        raise Invalid("Enter why you disagree. Nothing was sent.", "reason")
    if len(reason) > MAX_NOTE_LENGTH:
        raise Invalid("The reason can have at most 2,000 characters. Shorten it. What you typed is kept.", "reason")
    return reason.strip()


def _add_simulation_reason(comment: str, reason: str) -> str:
    if not reason.strip():
        raise Invalid(
            "Enter why the assessment strategy allows simulated evidence in this unit. Nothing was signed.",
            "simulation_reason",
        )
    return f"{comment.strip()}\n\nSimulated evidence is allowed here because: {reason.strip()}".strip()


def _check_requirements_confirmed(attempt: UnitAttempt) -> list[RequirementConfirmation]:
    query = select(EvidenceRequirement.id).where(EvidenceRequirement.unit_id == attempt.unit_id)
    confirmed = _load_live_confirmations(attempt)
    missing = set(db.session.scalars(query)) - set(confirmed)
    if missing:
        missing_count = "1 is" if len(missing) == 1 else f"{len(missing)} are"
        raise Invalid(
            f"Confirm every evidence requirement before you sign: {missing_count} not confirmed. Nothing was signed.",
            "requirements",
        )
    return list(confirmed.values())


def _load_live_confirmations(attempt: UnitAttempt) -> dict[int, RequirementConfirmation]:
    query = select(RequirementConfirmation).where(
        RequirementConfirmation.attempt_id == attempt.id,
        RequirementConfirmation.round == attempt.round,
        RequirementConfirmation.removed_at.is_(None),
    )
    return {confirmation.requirement_id: confirmation for confirmation in db.session.scalars(query)}


def add_signature(
    attempt: UnitAttempt,
    role: SignatureRole,
    person_id: int,
    comment: str,
    snapshot: RoundSnapshot,
    actor: Actor,
    reauthenticated_at: datetime,
    *,
    warnings_reason: str | None = None,
    unmet_guidance: list[dict[str, Any]] | None = None,
) -> Signature:
    """Add a signature under a unit, of now."""
    signature = Signature(
        attempt_id=attempt.id,
        round=attempt.round,
        role=role,
        person_id=person_id,
        signed_at=now(),
        statement=STATEMENT_OF_COMPETENCE,
        comment=comment,
        snapshot=snapshot.text,
        snapshot_hash=snapshot.hash,
        reauthenticated_at=reauthenticated_at,
        session_ref=actor.session_ref or "",
        warnings_reason=warnings_reason,
        unmet_guidance=unmet_guidance,
        address_confirmed=has_confirmed_address(person_id),
    )
    db.session.add(signature)
    db.session.flush()
    return signature


def record_signature(
    event_name: str, signature: Signature, actor: Actor, notes: dict[str, str] | None = None, **facts: Any
) -> None:
    """Record the event of a signature."""
    written = {"comment": signature.comment, "warnings_reason": signature.warnings_reason}
    texts = {**(notes or {}), **{name: text for name, text in written.items() if text}}
    record(
        event_name,
        signature,
        actor,
        texts=texts,
        attempt=signature.attempt_id,
        round=signature.round,
        role=signature.role.value,
        snapshot=signature.snapshot_hash,
        state=signature.attempt.state.value,
        **facts,
    )

"""Signing a unit off: requirements confirmed, the assessor's and the candidate's signatures, disputes."""

from datetime import datetime
from typing import Any

from sqlalchemy import select

from tracker.assessment.reopening import reopen_attempt
from tracker.assessment.services.claims import validate_reason
from tracker.assessment.services.sign_off_checks import list_sign_off_blockers
from tracker.assessment.transitions import AttemptAction, change_attempt_state, check_action_allowed
from tracker.background import emails
from tracker.clock import now
from tracker.errors import Conflict, Invalid, NotFound, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.matrix import Matrix, load_matrix
from tracker.models import (
    EvidenceRequirement,
    RequirementConfirmation,
    Signature,
    UnitAttempt,
)
from tracker.recording_forms.form_content import STATEMENT_OF_COMPETENCE
from tracker.recording_forms.snapshot import RoundSnapshot, take_snapshot
from tracker.registrations.separation_of_duties import check_may_assess, check_not_withdrawn
from tracker.registrations.services import find_current_allocation
from tracker.vocabulary import (
    Method,
    ReopeningKind,
    Role,
    SignatureRole,
    Simulation,
)

FORM_CHANGED = (
    "The form changed while you were reading it. Nothing was signed; what you typed is kept. "
    "It is shown below as it is now: read it again, then sign."
)
MAX_NOTE_LENGTH = 2_000
MAX_COMMENT_LENGTH = 4_000


def confirm_requirement(attempt: UnitAttempt, requirement_id: int, note: str, actor: Actor) -> None:
    """Confirm one of the unit's evidence requirements in this round; again to change the note.

    The note may change until the signature, whose event holds its hash; only the confirmation is an event here.
    """
    person_id = _check_assessor(attempt, actor, AttemptAction.SIGN)
    query = select(EvidenceRequirement.id).where(
        EvidenceRequirement.id == requirement_id, EvidenceRequirement.unit_id == attempt.unit_id
    )
    if not db.session.scalar(query):
        raise NotFound
    if len(note) > MAX_NOTE_LENGTH:
        raise Invalid("A note takes at most 2,000 characters. What you typed is kept.", "note")
    live = _live_confirmations(attempt).get(requirement_id)
    if live:
        live.note = note.strip()
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
    db.session.flush()
    record(
        "requirement_confirmed",
        confirmation,
        actor,
        attempt=attempt.id,
        round=attempt.round,
        requirement=requirement_id,
    )


def withdraw_confirmation(attempt: UnitAttempt, requirement_id: int, actor: Actor) -> None:
    """Take a confirmation back before signing."""
    _check_assessor(attempt, actor, AttemptAction.SIGN)
    live = _live_confirmations(attempt).get(requirement_id)
    if live:
        live.removed_at = now()
        record("requirement_unconfirmed", live, actor, attempt=attempt.id, requirement=requirement_id)


def save_closing_comment(attempt: UnitAttempt, comment: str, actor: Actor) -> None:
    """Keep the closing comment as it is typed. No event: nothing is signed."""
    _check_assessor(attempt, actor, AttemptAction.SIGN)
    if len(comment) > MAX_COMMENT_LENGTH:
        raise Invalid("A closing comment takes at most 4,000 characters. What you typed is kept.", "comment")
    if attempt.closing_comment != comment:
        attempt.closing_comment = comment


def needs_simulation_reason(attempt: UnitAttempt, matrix: Matrix) -> bool:
    """Whether simulated evidence is claimed in a unit that does not say if simulation is allowed."""
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
    seen_version: int | None = None,
) -> Signature:
    """The assessor's signature, over exactly the snapshot that was shown. The caller has locked the attempt.

    `seen_version` is the attempt's version on the page that was signed; None is not checked.
    """
    person_id = _check_assessor(attempt, actor, AttemptAction.SIGN)
    matrix = load_matrix(attempt)
    snapshot = take_snapshot(attempt, matrix)
    if snapshot.hash != snapshot_hash or seen_version not in {None, attempt.version}:
        raise Conflict(FORM_CHANGED)
    if blockers := list_sign_off_blockers(attempt, matrix):
        raise Refused(f"This unit cannot be signed yet. {blockers[0].words}. Nothing was signed.")
    confirmed = _check_requirements_confirmed(attempt)
    if needs_simulation_reason(attempt, matrix):
        comment = _with_simulation_reason(comment, simulation_reason)
    change_attempt_state(attempt, AttemptAction.SIGN)
    signature = _add_signature(
        attempt, SignatureRole.ASSESSOR, person_id, comment.strip(), snapshot, actor, reauthenticated_at
    )
    attempt.assessed_at = signature.signed_at
    attempt.closing_comment = comment.strip()
    notes = {f"note-{each.requirement_id}": each.note for each in confirmed if each.note}
    requirements = sorted(each.requirement_id for each in confirmed)
    _record_signature("unit_signed", signature, actor, notes, requirements=requirements)
    emails.notify(
        attempt.candidate,
        f"unit_signed:{attempt.id}:{attempt.round}",
        f"Confirm {attempt.unit.code}",
        f"Your assessor has signed {attempt.unit.code}, {attempt.unit.title}. Read the form and confirm it: "
        f"{emails.build_url(f'/attempts/{attempt.id}/confirm')}",
    )
    return signature


def retract_signature(attempt: UnitAttempt, reason: str, actor: Actor) -> None:
    """Take the signature back before the candidate has confirmed."""
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
) -> Signature:
    """The candidate's statement of competence, likewise over what was shown."""
    person_id = _check_candidate(attempt, actor, AttemptAction.CONFIRM)
    snapshot = take_snapshot(attempt)
    if snapshot.hash != snapshot_hash or seen_version not in {None, attempt.version}:
        raise Conflict(FORM_CHANGED)
    change_attempt_state(attempt, AttemptAction.CONFIRM)
    signature = _add_signature(attempt, SignatureRole.CANDIDATE, person_id, "", snapshot, actor, reauthenticated_at)
    _record_signature("unit_confirmed", signature, actor)
    verifier = find_current_allocation(attempt, Role.INTERNAL_VERIFIER)
    if verifier:
        emails.notify(
            verifier.person,
            f"unit_confirmed:{attempt.id}:{attempt.round}",
            f"{attempt.unit.code} of {attempt.candidate.name} is confirmed",
            f"It waits for verification: {emails.build_url(f'/attempts/{attempt.id}/verify')}",
        )
    return signature


def dispute_unit(attempt: UnitAttempt, criterion_ids: list[int], reason: str, actor: Actor) -> None:
    """The candidate does not agree: the criteria named need more, and the assessor looks again."""
    _check_candidate(attempt, actor, AttemptAction.DISPUTE)
    if not criterion_ids:
        raise Invalid("Choose the criteria you do not agree with. Nothing was sent.", "criteria")
    known = {column.id for column in load_matrix(attempt).columns}
    if set(criterion_ids) - known:
        raise NotFound
    reopening = reopen_attempt(attempt, ReopeningKind.DISPUTE, _checked_dispute(reason), criterion_ids, actor)
    record(
        "unit_disputed",
        reopening,
        actor,
        attempt=attempt.id,
        round=reopening.round,
        criteria=sorted(set(criterion_ids)),
    )
    holder = find_current_allocation(attempt, Role.ASSESSOR)
    if holder:
        emails.notify(
            holder.person,
            f"unit_disputed:{attempt.id}:{attempt.round}",
            f"{attempt.candidate.name} does not agree on {attempt.unit.code}",
            f"Some criteria need another look: {emails.build_url(f'/attempts/{attempt.id}')}",
        )


def _check_assessor(attempt: UnitAttempt, actor: Actor, move: AttemptAction) -> int:
    assert actor.person_id is not None  # noqa: S101 - people sign, never the operator
    check_action_allowed(attempt, move)
    check_not_withdrawn(attempt)
    check_may_assess(actor.person_id, attempt)
    return actor.person_id


def _check_candidate(attempt: UnitAttempt, actor: Actor, move: AttemptAction) -> int:
    check_action_allowed(attempt, move)
    check_not_withdrawn(attempt)
    if actor.person_id is None or actor.person_id != attempt.candidate_id:
        raise NotFound
    return actor.person_id


def _checked_dispute(reason: str) -> str:
    if not reason.strip():
        raise Invalid("Say why you do not agree. Nothing was sent.", "reason")
    if len(reason) > MAX_NOTE_LENGTH:
        raise Invalid("A reason takes at most 2,000 characters. What you typed is kept.", "reason")
    return reason.strip()


def _with_simulation_reason(comment: str, reason: str) -> str:
    if not reason.strip():
        raise Invalid(
            "Say why the assessment strategy allows simulated evidence in this unit. Nothing was signed.",
            "simulation_reason",
        )
    return f"{comment.strip()}\n\nSimulated evidence is allowed here because: {reason.strip()}".strip()


def _check_requirements_confirmed(attempt: UnitAttempt) -> list[RequirementConfirmation]:
    query = select(EvidenceRequirement.id).where(EvidenceRequirement.unit_id == attempt.unit_id)
    confirmed = _live_confirmations(attempt)
    missing = set(db.session.scalars(query)) - set(confirmed)
    if missing:
        still = "1 is" if len(missing) == 1 else f"{len(missing)} are"
        raise Invalid(
            f"Confirm every evidence requirement before you sign: {still} still open. Nothing was signed.",
            "requirements",
        )
    return list(confirmed.values())


def _live_confirmations(attempt: UnitAttempt) -> dict[int, RequirementConfirmation]:
    query = select(RequirementConfirmation).where(
        RequirementConfirmation.attempt_id == attempt.id,
        RequirementConfirmation.round == attempt.round,
        RequirementConfirmation.removed_at.is_(None),
    )
    return {each.requirement_id: each for each in db.session.scalars(query)}


def _add_signature(
    attempt: UnitAttempt,
    role: SignatureRole,
    person_id: int,
    comment: str,
    snapshot: RoundSnapshot,
    actor: Actor,
    reauthenticated_at: datetime,
) -> Signature:
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
    )
    db.session.add(signature)
    db.session.flush()
    return signature


def _record_signature(
    act: str, signature: Signature, actor: Actor, notes: dict[str, str] | None = None, **facts: Any
) -> None:
    texts = {**(notes or {}), **({"comment": signature.comment} if signature.comment else {})}
    record(
        act,
        signature,
        actor,
        texts=texts or None,
        attempt=signature.attempt_id,
        round=signature.round,
        role=signature.role.value,
        snapshot=signature.snapshot_hash,
        state=signature.attempt.state.value,
        **facts,
    )

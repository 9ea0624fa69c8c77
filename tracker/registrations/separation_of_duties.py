"""Separation of duties: who may not assess or verify a unit attempt, over all its rounds.

docs/rules.md, Separation of duties. Acts call these checks inside their transaction.
"""

from sqlalchemy import or_, select, union

from tracker.errors import Refused
from tracker.extensions import db
from tracker.models import ActionPoint, Assessment, Reopening, Sample, Signature, UnitAttempt
from tracker.vocabulary import AssessmentState, AttemptState, ReopeningKind, SignatureRole

ASSESSING_ROLES = (SignatureRole.ASSESSOR, SignatureRole.COUNTERSIGNER)
COMPLETED_STATES = (AttemptState.CONFIRMED, AttemptState.VERIFIED)
"""The states of a unit that both assessor and candidate have signed."""
VERIFYING_KINDS = (ReopeningKind.RETURN, ReopeningKind.REOPENING, ReopeningKind.DISAGREEMENT)


def check_may_assess(person_id: int, attempt: UnitAttempt) -> None:
    """Raise `Refused` for the candidate, and for anybody who has verified this attempt in any round."""
    if person_id == attempt.candidate_id:
        raise Refused("Nobody can assess their own work. Nothing was changed.")
    if has_verified(person_id, attempt.id):
        raise Refused(
            "Somebody who has verified a candidate's unit cannot assess it, in any round. "
            "Nothing was changed. Choose another assessor."
        )


def check_may_verify(person_id: int, attempt: UnitAttempt) -> None:
    """Raise `Refused` for the candidate, and for anybody who has assessed this attempt in any round."""
    if person_id == attempt.candidate_id:
        raise Refused("Nobody can verify their own work. Nothing was changed.")
    if has_assessed(person_id, attempt.id):
        raise Refused(
            "Somebody who has assessed a candidate's unit cannot verify it, in any round. "
            "Nothing was changed. Choose another verifier."
        )


def check_not_withdrawn(attempt: UnitAttempt) -> None:
    """Raise `Refused` if the candidate has been withdrawn from the registration."""
    if attempt.registration.withdrawn_at:
        raise Refused("This candidate has been withdrawn, so their work cannot be changed. Nothing was changed.")


def check_not_withdrawn_before_completion(attempt: UnitAttempt) -> None:
    """Raise `Refused` for a withdrawn candidate, unless they had completed the unit.

    A unit that its assessor and candidate have signed may still be verified, since a withdrawn candidate is entitled
    to certification of the units they completed (docs/rules.md, Unit states, rule 8).
    """
    if is_withdrawn_before_completion(attempt):
        check_not_withdrawn(attempt)


def is_withdrawn_before_completion(attempt: UnitAttempt) -> bool:
    """Return whether the candidate has been withdrawn and had not completed the unit."""
    return attempt.registration.withdrawn_at is not None and attempt.state not in COMPLETED_STATES


def has_assessed(person_id: int, attempt_id: int) -> bool:
    """Return whether this person has done any act of assessment in the attempt, in any round."""
    assessed = select(Assessment.id).where(
        Assessment.attempt_id == attempt_id,
        Assessment.assessor_id == person_id,
        (Assessment.state == AssessmentState.RELEASED) | Assessment.release_after.is_not(None),
    )
    signed = select(Signature.id).where(
        Signature.attempt_id == attempt_id, Signature.person_id == person_id, Signature.role.in_(ASSESSING_ROLES)
    )
    return db.session.execute(union(assessed, signed).limit(1)).first() is not None


def has_verified(person_id: int, attempt_id: int) -> bool:
    """Return whether this person has done any act of verification in the attempt, in any round."""
    sampled = select(Sample.id).where(Sample.attempt_id == attempt_id, Sample.verifier_id == person_id)
    raised_or_closed = select(ActionPoint.id).where(
        ActionPoint.attempt_id == attempt_id,
        or_(ActionPoint.raised_by_id == person_id, ActionPoint.closed_by_id == person_id),
    )
    reopened = select(Reopening.id).where(
        Reopening.attempt_id == attempt_id, Reopening.reopened_by_id == person_id, Reopening.kind.in_(VERIFYING_KINDS)
    )
    signed = select(Signature.id).where(
        Signature.attempt_id == attempt_id,
        Signature.person_id == person_id,
        Signature.role == SignatureRole.INTERNAL_VERIFIER,
    )
    return db.session.execute(union(sampled, raised_or_closed, reopened, signed).limit(1)).first() is not None

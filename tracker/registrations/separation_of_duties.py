"""Separation of duties, per attempt and over all its rounds (design, section 3). Checked inside the transaction."""

from sqlalchemy import or_, select, union

from tracker.errors import Refused
from tracker.extensions import db
from tracker.models import ActionPoint, Assessment, Reopening, Sample, Signature, UnitAttempt
from tracker.vocabulary import AssessmentState, ReopeningKind, SignatureRole

ASSESSING_ROLES = (SignatureRole.ASSESSOR, SignatureRole.COUNTERSIGNER)
VERIFYING_KINDS = (ReopeningKind.RETURN, ReopeningKind.REOPENING)


def check_may_assess(person_id: int, attempt: UnitAttempt) -> None:
    """Raise `Refused` for the candidate's own work, and for whoever has verified this attempt in any round."""
    if person_id == attempt.candidate_id:
        raise Refused("Nobody assesses their own work. Nothing was changed.")
    if has_verified(person_id, attempt.id):
        raise Refused(
            "Whoever has verified a unit of a candidate never assesses it too, in any round. "
            "Nothing was changed. Choose somebody else to assess it."
        )


def check_may_verify(person_id: int, attempt: UnitAttempt) -> None:
    """Raise `Refused` for the candidate's own work, and for whoever has assessed this attempt in any round."""
    if person_id == attempt.candidate_id:
        raise Refused("Nobody verifies their own work. Nothing was changed.")
    if has_assessed(person_id, attempt.id):
        raise Refused(
            "Whoever has assessed a unit of a candidate never verifies it too, in any round. "
            "Nothing was changed. Choose somebody else to verify it."
        )


def check_not_withdrawn(attempt: UnitAttempt) -> None:
    """Raise `Refused` when the candidate was withdrawn from the registration."""
    if attempt.registration.withdrawn_at:
        raise Refused("This candidate was withdrawn, so the work stays as it is. Nothing was changed.")


def has_assessed(person_id: int, attempt_id: int) -> bool:
    """Whether this person has reviewed, decided, countersigned or signed as assessor in the attempt."""
    reviewed = select(Assessment.id).where(
        Assessment.attempt_id == attempt_id,
        Assessment.assessor_id == person_id,
        (Assessment.state == AssessmentState.RELEASED) | Assessment.release_after.is_not(None),
    )
    signed = select(Signature.id).where(
        Signature.attempt_id == attempt_id, Signature.person_id == person_id, Signature.role.in_(ASSESSING_ROLES)
    )
    return db.session.execute(union(reviewed, signed).limit(1)).first() is not None


def has_verified(person_id: int, attempt_id: int) -> bool:
    """Return whether this person has done any act of verification in the attempt, in any round."""
    sampled = select(Sample.id).where(Sample.attempt_id == attempt_id, Sample.verifier_id == person_id)
    found = select(ActionPoint.id).where(
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
    return db.session.execute(union(sampled, found, reopened, signed).limit(1)).first() is not None

"""Claims added and removed by an assessor, with a reason that the candidate sees."""

from sqlalchemy import select

from tracker.assessment.services.assessments import check_assessor
from tracker.clock import now
from tracker.errors import Invalid, NotFound, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.models import Claim, Criterion, Decision, EvidenceVersion, UnitAttempt
from tracker.portfolio.services.claims import check_simulation


def add_claim(attempt: UnitAttempt, version: EvidenceVersion, criterion_id: int, reason: str, actor: Actor) -> Claim:
    """Add a claim as the assessor, for a criterion that the item shows and the candidate did not claim.

    Raises:
        Invalid: the reason is missing or too long.
        NotFound: the criterion is not an assessable one of this unit.
        Refused: the criterion is claimed already, or this person cannot assess the attempt now.
    """
    person_id = check_assessor(attempt, actor)
    reason = validate_reason(reason)
    criterion = select(Criterion.id).where(
        Criterion.id == criterion_id, Criterion.unit_id == attempt.unit_id, Criterion.assessable
    )
    if not db.session.scalar(criterion):
        raise NotFound
    live_claim = select(Claim.id).where(
        Claim.attempt_id == attempt.id,
        Claim.evidence_id == version.evidence_id,
        Claim.criterion_id == criterion_id,
        Claim.removed_at.is_(None),
    )
    if db.session.scalar(live_claim):
        raise Refused("This item already claims that criterion. Nothing was changed.")
    check_simulation(attempt, version.method)
    claim = Claim(
        attempt_id=attempt.id,
        evidence_id=version.evidence_id,
        criterion_id=criterion_id,
        locator="",
        claimed_at=now(),
        claimed_by_id=person_id,
        added_reason=reason,
    )
    db.session.add(claim)
    db.session.flush()
    record("claim_added", claim, actor, texts={"reason": reason}, attempt=attempt.id, criterion=criterion_id)
    return claim


def remove_claim(attempt: UnitAttempt, evidence_id: int, claim_id: int, reason: str, actor: Actor) -> Claim:
    """Remove a claim, decided or not. A live decision on it is superseded, and both stay in the record.

    Raises:
        Invalid: the reason is missing or too long.
        NotFound: the item makes no such claim in this attempt.
        Refused: this person cannot assess the attempt now.
    """
    person_id = check_assessor(attempt, actor)
    reason = validate_reason(reason)
    query = select(Claim).where(
        Claim.id == claim_id,
        Claim.attempt_id == attempt.id,
        Claim.evidence_id == evidence_id,
        Claim.removed_at.is_(None),
    )
    claim = db.session.scalars(query).one_or_none()
    if claim is None:
        raise NotFound
    moment = now()
    claim.removed_at, claim.removed_by_id, claim.removed_reason = moment, person_id, reason
    live_decisions = select(Decision).where(Decision.claim_id == claim.id, Decision.superseded_at.is_(None))
    for decision in db.session.scalars(live_decisions):
        decision.superseded_at = moment
    record("claim_removed", claim, actor, texts={"reason": reason}, attempt=attempt.id, criterion=claim.criterion_id)
    return claim


def validate_reason(reason: str) -> str:
    """Return the reason without spaces around it; raise `Invalid` if it is missing or too long."""
    reason = reason.strip()
    if not reason:
        raise Invalid("Enter the reason. The candidate can see it. Nothing was changed.", "reason")
    if len(reason) > 2_000:
        raise Invalid("The reason can have at most 2,000 characters. Shorten it. Nothing was changed.", "reason")
    return reason

"""Queries for the sign-off page: evidence requirements, assessments about to be released."""

from collections.abc import Iterable

from sqlalchemy import and_, exists, func, select

from tracker.extensions import db
from tracker.models import Assessment, EvidenceRequirement, RequirementConfirmation, UnitAttempt
from tracker.vocabulary import AssessmentState


def list_requirement_confirmations(
    attempt: UnitAttempt,
) -> list[tuple[EvidenceRequirement, RequirementConfirmation | None]]:
    """List the unit's evidence requirements, each with its confirmation in this round."""
    query = (
        select(EvidenceRequirement, RequirementConfirmation)
        .outerjoin(
            RequirementConfirmation,
            and_(
                RequirementConfirmation.requirement_id == EvidenceRequirement.id,
                RequirementConfirmation.attempt_id == attempt.id,
                RequirementConfirmation.round == attempt.round,
                RequirementConfirmation.removed_at.is_(None),
            ),
        )
        .where(EvidenceRequirement.unit_id == attempt.unit_id)
        .order_by(EvidenceRequirement.position)
    )
    return [(requirement, confirmation) for requirement, confirmation in db.session.execute(query)]


def count_unconfirmed_requirements(attempt_ids: Iterable[int]) -> dict[int, int]:
    """Count the evidence requirements of each attempt not confirmed in its round; without any, it is left out."""
    is_confirmed = exists().where(
        RequirementConfirmation.requirement_id == EvidenceRequirement.id,
        RequirementConfirmation.attempt_id == UnitAttempt.id,
        RequirementConfirmation.round == UnitAttempt.round,
        RequirementConfirmation.removed_at.is_(None),
    )
    query = (
        select(UnitAttempt.id, func.count(EvidenceRequirement.id))
        .join(EvidenceRequirement, EvidenceRequirement.unit_id == UnitAttempt.unit_id)
        .where(UnitAttempt.id.in_(attempt_ids), ~is_confirmed)
        .group_by(UnitAttempt.id)
    )
    return dict(db.session.execute(query).all())


def list_versions_being_released(attempt: UnitAttempt) -> set[int]:
    """Return the ids of evidence versions whose assessment is finished and not released yet."""
    query = select(Assessment.evidence_version_id).where(
        Assessment.attempt_id == attempt.id, Assessment.release_after.is_not(None)
    )
    return set(db.session.scalars(query))


def list_versions_to_countersign(attempt: UnitAttempt) -> set[int]:
    """Return the ids of evidence versions whose assessment waits for its countersigner."""
    if not attempt.centre.has_countersigning:
        return set()
    query = select(Assessment.evidence_version_id).where(
        Assessment.attempt_id == attempt.id, Assessment.state == AssessmentState.AWAITING_COUNTERSIGNATURE
    )
    return set(db.session.scalars(query))

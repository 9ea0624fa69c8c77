"""The SQL condition that a decision is on a version that was accepted in its attempt."""

from sqlalchemy import ColumnElement, exists

from tracker.models import Assessment, Decision
from tracker.vocabulary import AssessmentOutcome, AssessmentState


def is_on_accepted_version() -> ColumnElement[bool]:
    """Return the SQL condition that a released assessment accepted the decision's version in its attempt."""
    return exists().where(
        Assessment.attempt_id == Decision.attempt_id,
        Assessment.evidence_version_id == Decision.evidence_version_id,
        Assessment.state == AssessmentState.RELEASED,
        Assessment.outcome == AssessmentOutcome.ACCEPTED,
    )

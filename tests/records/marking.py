"""Marks of answers to set questions for tests, given by the services that the pages call."""

from tests import factories
from tests.assessment import workflow
from tracker.assessment.services import assessments
from tracker.assessment.services.assessments import DraftDecisions
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Assessment, Claim, Person, QuestionSet, UnitAttempt
from tracker.portfolio.queries.evidence import find_version_in
from tracker.vocabulary import Outcome, Role


def mark_and_accept(
    question_set: QuestionSet, attempt: UnitAttempt, assessor: Person, comment: str = ""
) -> Assessment:
    """Mark each of two answers as shown, the second with a comment, and accept them in one unit."""
    with transaction():
        attempt = db.session.get_one(UnitAttempt, attempt.id)
        version = find_version_in(attempt, question_set.evidence_id)
        assert version
        query = db.session.query(Claim).filter_by(
            evidence_id=question_set.evidence_id, attempt_id=attempt.id, removed_at=None
        )
        draft = DraftDecisions(
            {claim.id: Outcome.MET for claim in query},
            {},
            workflow.ALL_CHECKS,
            warnings_reason=workflow.WARNINGS_REASON,
            answer_marks={1: {"outcome": "met"}, 2: {"outcome": "met", "comment": comment}},
        )
        actor = factories.make_actor(assessor)
        assessments.save_draft(attempt, version, draft, actor)
        return assessments.accept_evidence(attempt, version, actor)


def claim_elsewhere(question_set: QuestionSet, attempt: UnitAttempt, *labels: str) -> list[Claim]:
    """Claim criteria of another unit with the answers, as their candidate does."""
    with transaction():
        evidence = question_set.evidence
        db.session.add(evidence)
        return factories.claim(db.session.get_one(UnitAttempt, attempt.id), evidence, *labels)


def reallocate(attempt: UnitAttempt, assessor: Person, administrator: Person) -> None:
    """Allocate a unit to another assessor."""
    with transaction():
        found = db.session.get_one(UnitAttempt, attempt.id)
        factories.end_allocation(found, Role.ASSESSOR)
        factories.allocate(found, assessor, Role.ASSESSOR, administrator)

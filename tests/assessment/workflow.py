"""Steps of the assessment workflow, done by the product's own services."""

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import select

from tests import factories
from tests.factories import World
from tracker import clock
from tracker.assessment.services import assessments, releasing, signing
from tracker.assessment.services.assessments import DraftDecisions
from tracker.assessment.services.releasing import CHECKS
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import (
    Assessment,
    Claim,
    Criterion,
    Evidence,
    EvidenceRequirement,
    EvidenceVersion,
    Person,
    UnitAttempt,
)
from tracker.recording_forms.snapshot import take_snapshot
from tracker.vocabulary import Outcome

ALL_CHECKS = dict.fromkeys(CHECKS, True)
WARNINGS_REASON = "I saw the system and spoke to the team leader."
EMPTY_DRAFT = DraftDecisions({}, {}, {})


def submit_item(
    attempt: UnitAttempt, title: str, *labels: str, days_ago: int = 0
) -> tuple[Evidence, EvidenceVersion, list[Claim]]:
    """Submit an item of the attempt's candidate with claims for these criteria."""
    with transaction():
        evidence = factories.make_evidence(attempt, title)
        claims = factories.claim(attempt, evidence, *labels)
        for claim in claims:
            claim.claimed_at = factories.days_ago(days_ago)
        version = factories.submit(evidence, at=factories.days_ago(days_ago))
    return evidence, version, claims


def submit_next_version(evidence: Evidence, narrative: str = "And this is what happened next.") -> EvidenceVersion:
    with transaction():
        evidence.narrative = narrative
        return factories.submit(evidence)


def build_draft(
    outcomes: dict[Claim, Outcome],
    comments: dict[Claim, str] | None = None,
    feedback: str = "",
    *,
    all_checks: bool = True,
) -> DraftDecisions:
    return DraftDecisions(
        {claim.id: outcome for claim, outcome in outcomes.items()},
        {claim.id: comment for claim, comment in (comments or {}).items()},
        ALL_CHECKS if all_checks else {},
        feedback,
        WARNINGS_REASON,
    )


def accept(attempt: UnitAttempt, version: EvidenceVersion, by: Person, claims: Iterable[Claim]) -> None:
    """Accept an item with every claim met, and release the assessment."""
    with transaction():
        actor = factories.make_actor(by)
        assessments.save_draft(attempt, version, build_draft(dict.fromkeys(claims, Outcome.MET)), actor)
        assessment = assessments.accept_evidence(attempt, version, actor)
    release(assessment.id)


def decide_again(attempt: UnitAttempt, version_id: int | None, claim_id: int, by: Person) -> None:
    """Decide a claim of an assessed version again, as met, and release the assessment."""
    with transaction():
        actor, version = factories.make_actor(by), db.session.get_one(EvidenceVersion, version_id)
        assessments.save_draft(
            attempt, version, DraftDecisions({claim_id: Outcome.MET}, {}, ALL_CHECKS, "", WARNINGS_REASON), actor
        )
        assessment = assessments.accept_evidence(attempt, version, actor)
    release(assessment.id)


def return_item(attempt: UnitAttempt, version: EvidenceVersion, by: Person, draft: DraftDecisions) -> None:
    with transaction():
        actor = factories.make_actor(by)
        assessments.save_draft(attempt, version, draft, actor)
        assessment = assessments.return_evidence(attempt, version, actor)
    release(assessment.id)


def release(assessment_id: int) -> None:
    """Release an assessment as the worker does, as if the time to undo it were over."""
    with transaction():
        assessment = db.session.get_one(
            Assessment, assessment_id, populate_existing=True
        )  # a job may have released it
        if assessment.release_after:
            assessment.release_after = clock.now()
    releasing.release_assessment_if_due(assessment_id)


def pass_time_to_undo() -> None:
    """Hold the clock eleven seconds later."""
    clock.frozen = clock.now() + timedelta(seconds=11)


def meet_everything(world: World, attempt: UnitAttempt) -> tuple[EvidenceVersion, list[Claim]]:
    """Submit one item that claims every criterion of the unit, and decide each as met."""
    with transaction():
        evidence = factories.make_evidence(attempt, "Everything I did in October")
        query = select(Criterion.id).where(Criterion.unit_id == attempt.unit_id, Criterion.assessable)
        claims = [
            Claim(
                attempt_id=attempt.id,
                evidence_id=evidence.id,
                criterion_id=criterion_id,
                locator="",
                claimed_at=clock.now(),
                claimed_by_id=attempt.candidate_id,
            )
            for criterion_id in db.session.scalars(query)
        ]
        db.session.add_all(claims)
        db.session.flush()
        version = factories.submit(evidence)
        factories.accept(attempt, version, world.bob, dict.fromkeys(claims, Outcome.MET))
    return version, claims


def confirm_requirements(world: World, attempt: UnitAttempt) -> list[int]:
    query = select(EvidenceRequirement.id).where(EvidenceRequirement.unit_id == attempt.unit_id)
    ids = list(db.session.scalars(query))
    with transaction():
        for requirement_id in ids:
            signing.confirm_requirement(attempt, requirement_id, "", factories.make_actor(world.bob))
    return ids


def sign(world: World, attempt: UnitAttempt, comment: str = "") -> None:
    """Sign a unit off as Bob, with everything met and confirmed."""
    meet_everything(world, attempt)
    confirm_requirements(world, attempt)
    with transaction():
        snapshot_hash, by_bob = take_snapshot(attempt).hash, factories.make_actor(world.bob)
        signing.sign_unit(attempt, snapshot_hash, comment, by_bob, clock.now(), warnings_reason=WARNINGS_REASON)


def confirm(attempt: UnitAttempt) -> None:
    """Confirm a signed unit as its candidate."""
    with transaction():
        candidate = factories.make_actor(db.session.get_one(Person, attempt.candidate_id))
        signing.confirm_unit(attempt, take_snapshot(attempt).hash, candidate, clock.now())

"""Undoing an assessment within ten seconds, and its release when they are over."""

from collections.abc import Callable
from datetime import UTC, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.assessment import workflow
from tests.factories import World
from tests.pausing import run_while_paused
from tracker import clock
from tracker.assessment.services import assessments, releasing
from tracker.errors import Refused
from tracker.extensions import db
from tracker.ledger.transactions import lock_rows, transaction
from tracker.models import Allocation, Assessment, Decision, Grant, UnitAttempt
from tracker.portfolio.services.submissions import submit_evidence
from tracker.registrations.allocations import allocate
from tracker.registrations.services import void_attempt, withdraw_candidate
from tracker.vocabulary import AssessmentOutcome, AssessmentState, AttemptState, Outcome, Role

ClientFor = Callable[..., FlaskClient]


@pytest.fixture
def pending_assessment(world: World) -> Assessment:
    """Return an assessment that Bob has just accepted."""
    _, version, claims = workflow.submit_item(world.cfacc15, "Complaint", "1", "2")
    bob = factories.make_actor(world.bob)
    with transaction():
        assessments.save_draft(world.cfacc15, version, workflow.build_draft(dict.fromkeys(claims, Outcome.MET)), bob)
        return assessments.accept_evidence(world.cfacc15, version, bob)


def test_assessor_undoes_and_finds_their_draft_again(
    world: World, client: ClientFor, pending_assessment: Assessment
) -> None:
    bob = client(world.bob)
    response = bob.post(f"/assessments/{pending_assessment.id}/undo")
    assert response.status_code == 303
    page = bob.get(response.location).text
    assert "The assessment is undone. Your decisions are kept as a draft" in page
    assert page.count("checked") == 2 + 3
    db.session.refresh(pending_assessment)
    assert (pending_assessment.state, pending_assessment.outcome, pending_assessment.release_after) == (
        AssessmentState.DRAFT,
        None,
        None,
    )


def test_assessment_cannot_be_undone_after_ten_seconds(
    world: World, client: ClientFor, pending_assessment: Assessment
) -> None:
    workflow.pass_time_to_undo()
    response = client(world.bob).post(f"/assessments/{pending_assessment.id}/undo")
    assert response.status_code == 409
    assert "released already" in response.text


def test_assessment_cannot_be_undone_while_it_is_released(
    world: World, app: Flask, pending_assessment: Assessment
) -> None:
    """The undo waits for the release, and is then refused."""
    workflow.pass_time_to_undo()
    assessment_id, attempt_id, bob = pending_assessment.id, world.cfacc15.id, factories.make_actor(world.bob)

    def undo() -> str:
        try:
            with transaction():
                assessment = db.session.get_one(Assessment, assessment_id)
                lock_rows(UnitAttempt, [attempt_id])  # as the view does
                assessments.undo_assessment(assessment.attempt, assessment, bob)
        except Refused as refusal:
            return str(refusal)
        return "undone"

    def release() -> None:
        releasing.release_assessment_if_due(assessment_id)

    _, answer = run_while_paused(app, (releasing, "can_be_released"), release, undo)
    assert answer == assessments.TOO_LATE_TO_UNDO
    assessment = db.session.get_one(Assessment, assessment_id)
    assert (assessment.state, assessment.outcome) == (AssessmentState.RELEASED, AssessmentOutcome.ACCEPTED)


def test_only_the_assessor_undoes_their_assessment(
    world: World, client: ClientFor, pending_assessment: Assessment
) -> None:
    for person in (world.alice, world.carol, world.dan, world.eve, world.frank, world.heidi):
        assert client(person).post(f"/assessments/{pending_assessment.id}/undo").status_code == 404
    assert client(world.grace).post(f"/assessments/{pending_assessment.id}/undo").status_code == 409
    db.session.refresh(pending_assessment)
    assert pending_assessment.release_after


def test_no_request_releases_a_due_assessment(
    world: World, client: ClientFor, anonymous: FlaskClient, pending_assessment: Assessment
) -> None:
    workflow.pass_time_to_undo()
    anonymous.get("/sign-in")
    client(world.dan).get("/")
    client(world.bob).get("/queue")
    client(world.alice).get(f"/evidence/{pending_assessment.evidence_version.evidence_id}")
    db.session.refresh(pending_assessment)
    assert (pending_assessment.state, bool(pending_assessment.release_after)) == (AssessmentState.DRAFT, True)


def test_the_release_is_queued_for_the_end_of_the_time_to_undo(
    app: Flask, world: World, pending_assessment: Assessment
) -> None:
    queued = [
        task
        for task in app.extensions["jobs"].queue.scheduled()
        if (task.name, task.args) == ("release_assessment_if_due", (pending_assessment.id,))
    ]
    assert pending_assessment.release_after
    (wait,) = [task.eta.replace(tzinfo=UTC) - pending_assessment.release_after for task in queued]
    assert timedelta(0) <= wait < timedelta(seconds=5), "the feedback is read within 15 seconds of Accept"


def test_the_queued_job_releases_nothing_while_it_can_be_undone(world: World, pending_assessment: Assessment) -> None:
    assert pending_assessment.release_after
    with clock.frozen_at(pending_assessment.release_after - timedelta(seconds=1)):
        releasing.release_assessment_if_due(pending_assessment.id)
    db.session.refresh(pending_assessment)
    assert pending_assessment.state is AssessmentState.DRAFT
    with clock.frozen_at(pending_assessment.release_after):
        releasing.release_assessment_if_due(pending_assessment.id)
    db.session.refresh(pending_assessment)
    assert pending_assessment.state is AssessmentState.RELEASED


def test_the_queued_job_of_an_undone_assessment_releases_nothing(
    world: World, pending_assessment: Assessment
) -> None:
    with transaction():
        assessments.undo_assessment(world.cfacc15, pending_assessment, factories.make_actor(world.bob))
    workflow.pass_time_to_undo()
    releasing.release_assessment_if_due(pending_assessment.id)
    db.session.refresh(pending_assessment)
    assert (pending_assessment.state, pending_assessment.outcome) == (AssessmentState.DRAFT, None)


def test_a_new_version_submitted_after_the_time_to_undo_cancels_nothing(
    world: World, pending_assessment: Assessment
) -> None:
    workflow.pass_time_to_undo()
    evidence = pending_assessment.evidence_version.evidence
    with transaction():
        evidence.narrative = "And this is what happened next."
        submit_evidence(evidence, factories.make_actor(world.alice))
    db.session.refresh(pending_assessment)
    assert pending_assessment.state is AssessmentState.RELEASED


def test_a_reallocation_after_the_time_to_undo_cancels_nothing(world: World, pending_assessment: Assessment) -> None:
    with transaction():
        irene = factories.make_person("Irene Novak", world.northgate, Role.ASSESSOR)
    workflow.pass_time_to_undo()
    with transaction():
        allocate(world.cfacc15, irene, Role.ASSESSOR, "Bob is on leave", factories.make_actor(world.dan))
    db.session.refresh(pending_assessment)
    assert pending_assessment.state is AssessmentState.RELEASED


def test_a_withdrawal_or_a_void_after_the_time_to_undo_cancels_nothing(
    world: World, pending_assessment: Assessment
) -> None:
    workflow.pass_time_to_undo()
    with transaction():
        withdraw_candidate(world.registration, "Left the company", factories.make_actor(world.dan))
        void_attempt(world.cfacc15, "Registered by mistake", factories.make_actor(world.dan))
    db.session.refresh(pending_assessment)
    assert pending_assessment.state is AssessmentState.RELEASED


def test_the_command_releases_without_a_request(app: Flask, world: World, pending_assessment: Assessment) -> None:
    workflow.pass_time_to_undo()
    result = app.test_cli_runner().invoke(args=["assessments", "release"])
    assert result.output == "1 released.\n"
    db.session.refresh(pending_assessment)
    assert pending_assessment.state is AssessmentState.RELEASED


def test_assessment_is_released_once(world: World, pending_assessment: Assessment) -> None:
    workflow.release(pending_assessment.id)
    workflow.release(pending_assessment.id)
    assert len(db.session.scalars(select(Decision)).all()) == 2


def test_newer_version_before_release_makes_the_assessment_a_draft_again(
    world: World, pending_assessment: Assessment
) -> None:
    workflow.submit_next_version(pending_assessment.evidence_version.evidence)
    workflow.release(pending_assessment.id)
    assert (pending_assessment.state, pending_assessment.release_after) == (AssessmentState.DRAFT, None)
    assert db.session.scalars(select(Decision)).all() == []


def test_assessment_is_not_released_after_a_reallocation(world: World, pending_assessment: Assessment) -> None:
    with transaction():
        query = select(Allocation).where(Allocation.attempt_id == world.cfacc15.id, Allocation.role == Role.ASSESSOR)
        db.session.scalars(query).one().ends_at = clock.now()
    workflow.release(pending_assessment.id)
    assert pending_assessment.state is AssessmentState.DRAFT


def test_assessment_of_a_void_attempt_is_not_released(world: World, pending_assessment: Assessment) -> None:
    with transaction():
        world.cfacc15.state = AttemptState.VOID
    workflow.release(pending_assessment.id)
    assert pending_assessment.state is AssessmentState.DRAFT


def test_assessment_is_not_released_when_the_assessor_has_lost_role_or_account(
    world: World, pending_assessment: Assessment
) -> None:
    grant = db.session.get_one(Grant, pending_assessment.grant_id)
    with transaction():
        grant.ends_at = clock.now()
    workflow.release(pending_assessment.id)
    assert (pending_assessment.state, pending_assessment.release_after) == (AssessmentState.DRAFT, None)
    with transaction():
        grant.ends_at = None
        assessments.accept_evidence(
            world.cfacc15, pending_assessment.evidence_version, factories.make_actor(world.bob)
        )
        world.bob.deactivated_at = clock.now()
    workflow.release(pending_assessment.id)
    assert pending_assessment.state is AssessmentState.DRAFT

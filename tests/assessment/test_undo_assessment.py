"""Ten seconds in which Bob can take a decision back, and what happens when they are over."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.assessment import stories
from tests.factories import World
from tracker import clock
from tracker.assessment.services import assessments
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Allocation, Assessment, Decision, Grant
from tracker.vocabulary import AssessmentState, AttemptState, Outcome, Role

ClientFor = Callable[..., FlaskClient]


@pytest.fixture
def decided(world: World) -> Assessment:
    """Bob has just accepted Alice's complaint."""
    _, version, claims = stories.hand_in(world.cfacc15, "Complaint", "1", "2")
    bob = factories.actor(world.bob)
    with transaction():
        assessments.save_draft(world.cfacc15, version, stories.put_down(dict.fromkeys(claims, Outcome.MET)), bob)
        return assessments.accept_evidence(world.cfacc15, version, bob)


def test_bob_undoes_and_finds_his_marks_again(world: World, client: ClientFor, decided: Assessment) -> None:
    bob = client(world.bob)
    response = bob.post(f"/assessments/{decided.id}/undo")
    assert response.status_code == 303
    page = bob.get(response.location).text
    assert "Undone. Nobody has seen it" in page
    assert page.count("checked") == 2 + 4
    db.session.refresh(decided)
    assert (decided.state, decided.outcome, decided.release_after) == (AssessmentState.DRAFT, None, None)


def test_after_ten_seconds_it_is_too_late(world: World, client: ClientFor, decided: Assessment) -> None:
    stories.let_undo_lapse()
    response = client(world.bob).post(f"/assessments/{decided.id}/undo")
    assert response.status_code == 409
    assert "released already" in response.text


def test_nobody_undoes_bobs_decision(world: World, client: ClientFor, decided: Assessment) -> None:
    for person in (world.alice, world.carol, world.dan, world.eve, world.frank, world.heidi):
        assert client(person).post(f"/assessments/{decided.id}/undo").status_code == 404
    assert client(world.grace).post(f"/assessments/{decided.id}/undo").status_code == 409
    db.session.refresh(decided)
    assert decided.release_after


def test_any_request_releases_what_is_due(world: World, anonymous: FlaskClient, decided: Assessment) -> None:
    stories.let_undo_lapse()
    anonymous.get("/sign-in")
    db.session.refresh(decided)
    assert decided.state is AssessmentState.RELEASED


def test_it_is_looked_for_once_a_second_at_most(
    app: Flask, world: World, anonymous: FlaskClient, decided: Assessment
) -> None:
    app.config["RELEASE_INTERVAL"] = 60
    app.extensions.pop("released_at", None)
    anonymous.get("/sign-in")
    stories.let_undo_lapse()
    anonymous.get("/sign-in")
    db.session.refresh(decided)
    assert decided.state is AssessmentState.DRAFT


def test_the_command_releases_without_a_request(app: Flask, world: World, decided: Assessment) -> None:
    stories.let_undo_lapse()
    result = app.test_cli_runner().invoke(args=["assessments", "release"])
    assert result.output == "1 released.\n"
    db.session.refresh(decided)
    assert decided.state is AssessmentState.RELEASED


def test_it_is_released_once(world: World, decided: Assessment) -> None:
    stories.release(decided.id)
    stories.release(decided.id)
    assert len(db.session.scalars(select(Decision)).all()) == 2


def test_a_newer_version_handed_in_meanwhile_makes_it_a_draft_again(world: World, decided: Assessment) -> None:
    stories.hand_in_again(decided.evidence_version.evidence)
    stories.release(decided.id)
    assert (decided.state, decided.release_after) == (AssessmentState.DRAFT, None)
    assert db.session.scalars(select(Decision)).all() == []


def test_an_assessor_who_lost_the_unit_meanwhile_decides_nothing(world: World, decided: Assessment) -> None:
    with transaction():
        query = select(Allocation).where(Allocation.attempt_id == world.cfacc15.id, Allocation.role == Role.ASSESSOR)
        db.session.scalars(query).one().ends_at = clock.now()
    stories.release(decided.id)
    assert decided.state is AssessmentState.DRAFT


def test_a_unit_made_void_meanwhile_is_not_decided(world: World, decided: Assessment) -> None:
    with transaction():
        world.cfacc15.state = AttemptState.VOID
    stories.release(decided.id)
    assert decided.state is AssessmentState.DRAFT


def test_an_assessor_whose_role_ended_or_account_closed_meanwhile_decides_nothing(
    world: World, decided: Assessment
) -> None:
    grant = db.session.get_one(Grant, decided.grant_id)
    with transaction():
        grant.ends_at = clock.now()
    stories.release(decided.id)
    assert (decided.state, decided.release_after) == (AssessmentState.DRAFT, None)
    with transaction():
        grant.ends_at = None
        assessments.accept_evidence(world.cfacc15, decided.evidence_version, factories.actor(world.bob))
        world.bob.deactivated_at = clock.now()
    stories.release(decided.id)
    assert decided.state is AssessmentState.DRAFT

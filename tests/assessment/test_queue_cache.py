"""The cached queue: read once while nothing changes, and again after any change of it."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests import factories
from tests.assessment import workflow
from tests.factories import World
from tracker import clock
from tracker.assessment.services import assessments
from tracker.assessment.services.claims import remove_claim
from tracker.ledger.transactions import transaction
from tracker.models import Evidence
from tracker.portfolio.services.submissions import submit_evidence, withdraw_submission
from tracker.registrations.services import void_attempt, withdraw_candidate
from tracker.vocabulary import Outcome

ClientFor = Callable[..., FlaskClient]
Counting = Callable[[], AbstractContextManager[list[str]]]


@pytest.fixture
def bob(app: Flask, world: World, client: ClientFor) -> FlaskClient:
    app.extensions.pop("kept_queues", None)
    app.config["CACHE_QUEUE"] = True
    return client(world.bob)


def submit(world: World, title: str) -> Evidence:
    """Submit by the product's own service, so that there is an event."""
    with transaction():
        evidence = factories.make_evidence(world.cfacc15, title)
        factories.claim(world.cfacc15, evidence, "1")
        submit_evidence(evidence, factories.make_actor(world.alice))
    return evidence


def test_queue_is_read_once_while_nothing_changes(world: World, bob: FlaskClient, count_statements: Counting) -> None:
    submit(world, "Complaint")
    bob.get("/queue")
    with count_statements() as statements:
        assert "Complaint" in bob.get("/queue").text
    assert not [each for each in statements if "undecided" in each]


def test_cached_queue_shows_a_submission_and_its_withdrawal_at_once(world: World, bob: FlaskClient) -> None:
    assert "No evidence to assess." in bob.get("/queue").text
    evidence = submit(world, "Complaint")
    assert "Complaint" in bob.get("/queue").text
    with transaction():
        withdraw_submission(evidence, factories.make_actor(world.alice))
    assert "No evidence to assess." in bob.get("/queue").text


def test_cached_queue_shows_accept_undo_and_release_at_once(world: World, bob: FlaskClient) -> None:
    evidence = submit(world, "Complaint")
    version = evidence.versions[0]
    assert "Complaint" in bob.get("/queue").text
    (cell,) = assessments.load_claimed_cells(world.cfacc15, version).values()
    with transaction():
        actor = factories.make_actor(world.bob)
        draft = assessments.DraftDecisions({cell.claim_id: Outcome.MET}, {}, workflow.ALL_CHECKS, "")
        assessments.save_draft(world.cfacc15, version, draft, actor)
        assessment = assessments.accept_evidence(world.cfacc15, version, actor)
    assert "No evidence to assess." in bob.get("/queue").text
    bob.post(f"/assessments/{assessment.id}/undo")
    assert "Complaint" in bob.get("/queue").text
    with transaction():
        assessments.accept_evidence(world.cfacc15, version, actor)
    workflow.pass_time_to_undo()
    assert "No evidence to assess." in bob.get("/queue").text
    assert clock.frozen


def test_cached_queue_shows_removed_claims_voids_and_withdrawals_at_once(world: World, bob: FlaskClient) -> None:
    first, _, _ = (submit(world, title) for title in ("First", "Second", "Third"))
    (cell,) = assessments.load_claimed_cells(world.cfacc15, first.versions[0]).values()
    assert "<b>3</b> items to assess" in bob.get("/queue").text
    with transaction():
        remove_claim(world.cfacc15, first.id, cell.claim_id, "Not this.", factories.make_actor(world.bob))
    assert "<b>2</b> items to assess" in bob.get("/queue").text
    with transaction():
        void_attempt(world.inscc004, "Registered by mistake", factories.make_actor(world.dan))
        withdraw_candidate(world.registration, "Left", factories.make_actor(world.dan))
    assert "No evidence to assess." in bob.get("/queue").text

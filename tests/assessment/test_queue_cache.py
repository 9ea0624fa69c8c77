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
from tracker.accounts import sessions
from tracker.assessment.services import assessments
from tracker.assessment.services.claims import remove_claim
from tracker.assessment.views import queue_cache
from tracker.ledger.transactions import transaction
from tracker.models import Evidence
from tracker.portfolio.services.submissions import submit_evidence, withdraw_submission
from tracker.registrations.allocations import allocate
from tracker.registrations.services import void_attempt, withdraw_candidate
from tracker.vocabulary import Outcome, Role

ClientFor = Callable[..., FlaskClient]
Counting = Callable[[], AbstractContextManager[list[str]]]


@pytest.fixture
def bob(app: Flask, world: World, client: ClientFor) -> FlaskClient:
    app.extensions.pop("queue_cache", None)
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


def test_events_about_others_leave_a_cached_queue_valid(
    world: World, bob: FlaskClient, client: ClientFor, count_statements: Counting
) -> None:
    submit(world, "Complaint")
    bob.get("/queue")
    grace = client(world.grace)
    with transaction():
        evidence = factories.make_evidence(world.franks_attempt, "Refund")
        factories.claim(world.franks_attempt, evidence, "1")
        submit_evidence(evidence, factories.make_actor(world.frank))
        sessions.start_session(world.alice, "127.0.0.1", "Chrome on Windows", proven=True)
    with count_statements() as statements:
        assert "Complaint" in bob.get("/queue").text
        assert "Refund" in grace.get("/queue").text
    assert len([each for each in statements if "undecided" in each]) == 1


def test_cached_queue_shows_an_allocation_and_its_end_at_once(world: World, bob: FlaskClient) -> None:
    ivy, jack = (factories.make_person(name, world.northgate, Role.CANDIDATE) for name in ("Ivy Stone", "Jack Reid"))
    attempts = []
    with transaction():
        for person in (ivy, jack):
            registration = factories.make_registration(person, world.northgate, world.dan)
            attempts.append(factories.make_attempt(registration, "CFACC15"))
            evidence = factories.make_evidence(attempts[-1], f"Refund of {person.name}")
            factories.claim(attempts[-1], evidence, "1")
            submit_evidence(evidence, factories.make_actor(person))
    assert "Refund" not in bob.get("/queue").text
    with transaction():
        allocate(attempts[0], world.bob, Role.ASSESSOR, "", factories.make_actor(world.dan))
    assert "Refund of Ivy Stone" in bob.get("/queue").text
    with transaction():
        helen = factories.make_person("Helen Ross", world.northgate, Role.ASSESSOR)
        allocate(attempts[0], helen, Role.ASSESSOR, "Holiday", factories.make_actor(world.dan))
    assert "Refund" not in bob.get("/queue").text


def test_cached_queue_is_read_again_after_more_events_than_are_remembered(
    world: World, bob: FlaskClient, count_statements: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_cache, "MAX_REMEMBERED_EVENTS", 2)
    for number in range(4):
        bob.get("/queue")
        for title in ("a", "b", "c"):
            submit(world, f"{title} {number}")
        with count_statements() as statements:
            assert f"<b>{(number + 1) * 3}</b> items to assess" in bob.get("/queue").text
        assert [each for each in statements if "undecided" in each]


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

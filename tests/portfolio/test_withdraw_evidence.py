"""Withdrawing a version whose assessment has not started; its number stays."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from tests import factories
from tests.factories import World
from tests.portfolio.conftest import ClientFor
from tracker.clock import now
from tracker.errors import Refused
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Assessment, Evidence
from tracker.portfolio.services.submissions import submit_evidence, withdraw_submission
from tracker.vocabulary import AssessmentState


@pytest.fixture
def submitted_item(world: World, complaint: Evidence) -> Evidence:
    with transaction():
        submit_evidence(complaint, factories.make_actor(world.alice))
    return complaint


def test_alice_withdraws_a_version(
    world: World, client: ClientFor, submitted_item: Evidence, recorded_acts: Callable[[], list[str]]
) -> None:
    path = f"/attempts/{world.cfacc15.id}/evidence/{submitted_item.id}"
    assert client(world.bob).get(path).status_code == 200
    answer = client(world.alice).post(f"/evidence/{submitted_item.id}/withdraw")
    assert answer.status_code == 303
    assert submitted_item.number == 1
    assert recorded_acts() == ["evidence_submitted", "submission_withdrawn"]
    assert client(world.bob).get(path).status_code == 404
    page = client(world.alice).get(answer.location).text
    assert "withdrew version 1" in page
    assert "Submit version 2" in page


def test_a_withdrawn_item_can_be_submitted_again_unchanged(world: World, submitted_item: Evidence) -> None:
    with transaction():
        withdraw_submission(submitted_item, factories.make_actor(world.alice))
    with transaction():
        version = submit_evidence(submitted_item, factories.make_actor(world.alice))
    assert (submitted_item.number, version.number) == (1, 2)


def test_a_version_cannot_be_withdrawn_once_assessment_has_started(
    world: World, alice: FlaskClient, submitted_item: Evidence
) -> None:
    with transaction():
        db.session.add(
            Assessment(
                attempt_id=world.cfacc15.id,
                evidence_version_id=submitted_item.versions[0].id,
                assessor_id=world.bob.id,
                state=AssessmentState.DRAFT,
                started_at=now(),
                saved_at=now(),
            )
        )
    answer = alice.post(f"/evidence/{submitted_item.id}/withdraw")
    assert answer.status_code == 409
    assert "can no longer be withdrawn" in answer.text
    assert submitted_item.versions[0].submission.withdrawn_at is None


def test_withdrawing_twice_is_refused(world: World, submitted_item: Evidence) -> None:
    with transaction():
        withdraw_submission(submitted_item, factories.make_actor(world.alice))
    with pytest.raises(Refused, match="not submitted"):
        withdraw_submission(submitted_item, factories.make_actor(world.alice))


def test_a_draft_cannot_be_withdrawn(world: World, complaint: Evidence) -> None:
    with pytest.raises(Refused, match="not submitted"):
        withdraw_submission(complaint, factories.make_actor(world.alice))

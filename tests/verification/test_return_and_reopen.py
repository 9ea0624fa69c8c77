"""Returning a unit with an action point, the response to it, and reopening a verified unit."""

from collections.abc import Callable
from datetime import timedelta

from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.factories import PASSWORD, World
from tests.verification.conftest import VerifyPage
from tracker import clock
from tracker.extensions import db
from tracker.matrix import load_matrix
from tracker.models import ActionPoint, Decision, Person, Signature, UnitAttempt
from tracker.models.people import UNSAMPLED_REASONS
from tracker.vocabulary import AttemptState, CriterionState

Browser = Callable[[Person], FlaskClient]
Read = Callable[[FlaskClient, int], VerifyPage]


def returned(world: World, client: Browser, *labels: str) -> ActionPoint:
    attempt = world.cfacc15
    data = {
        "criterion": [factories.criterion(attempt, label).id for label in labels],
        "action": "Ask for the compliance column.",
        "due_on": (clock.today() + timedelta(days=14)).isoformat(),
    }
    assert client(world.carol).post(f"/attempts/{attempt.id}/return", data=data).status_code == 303
    db.session.rollback()
    return db.session.scalars(select(ActionPoint)).one()


def test_return_opens_the_next_round_and_named_criteria_need_more(confirmed: World, client: Browser) -> None:
    returned(confirmed, client, "12")
    attempt = db.session.get_one(UnitAttempt, confirmed.cfacc15.id)
    assert (attempt.state, attempt.round, attempt.assessed_at) == (AttemptState.IN_PROGRESS, 2, None)
    matrix = load_matrix(attempt)
    states = {each.column.label: each.state for each in matrix.statuses}
    assert states["12"] is CriterionState.NEEDS_MORE
    assert matrix.met == 23


def test_signatures_and_decisions_of_the_round_are_kept_superseded(confirmed: World, client: Browser) -> None:
    returned(confirmed, client, "12")
    signatures = list(db.session.scalars(select(Signature)))
    assert len(signatures) == 2
    assert all(each.superseded_at for each in signatures)
    assert len(list(db.session.scalars(select(Decision)))) == 25  # the twenty-four, and the one that the return made


def test_assessor_cannot_sign_again_before_responding_to_the_action_point(confirmed: World, client: Browser) -> None:
    action_point = returned(confirmed, client, "12")
    bob = client(confirmed.bob)
    page = bob.get(f"/attempts/{confirmed.cfacc15.id}/sign").text
    assert "Ask for the compliance column." in page
    name = f"action-point-{action_point.id}-response"
    assert name in page
    answer = bob.post(
        f"/attempts/{confirmed.cfacc15.id}/action-points/{action_point.id}/answer",
        data={name: "I have asked Alice for it."},
    )
    assert answer.status_code == 303
    db.session.rollback()
    assert db.session.get_one(ActionPoint, action_point.id).response == "I have asked Alice for it."
    carol = client(confirmed.carol)
    assert carol.post(f"/attempts/{confirmed.cfacc15.id}/action-points/{action_point.id}/close").status_code == 303
    db.session.rollback()
    assert db.session.get_one(ActionPoint, action_point.id).closed_by_id == confirmed.carol.id


def test_action_point_without_a_response_cannot_be_closed(confirmed: World, client: Browser) -> None:
    action_point = returned(confirmed, client, "12")
    answer = client(confirmed.carol).post(f"/attempts/{confirmed.cfacc15.id}/action-points/{action_point.id}/close")
    assert answer.status_code == 409
    assert "has not responded to this action point yet" in answer.text


def test_return_needs_criteria_an_action_and_a_due_date(confirmed: World, client: Browser) -> None:
    carol, attempt = client(confirmed.carol), confirmed.cfacc15
    criterion = factories.criterion(attempt, "12").id
    day = clock.today().isoformat()
    for data, sentence in (
        ({"action": "Look again.", "due_on": day}, "Choose at least one criterion"),
        ({"criterion": criterion, "due_on": day}, "Enter the action required"),
        ({"criterion": criterion, "action": "Look again.", "due_on": "2020-01-01"}, "not in the past"),
    ):
        refusal = carol.post(f"/attempts/{attempt.id}/return", data=data)
        assert refusal.status_code == 422
        assert sentence in refusal.text
    assert "Look again." in refusal.text
    db.session.rollback()
    assert db.session.scalar(select(ActionPoint.id)) is None


def test_verified_unit_is_reopened_with_a_reason(confirmed: World, client: Browser, read_page: Read) -> None:
    carol, attempt = client(confirmed.carol), confirmed.cfacc15.id
    data = {
        "snapshot_hash": read_page(carol, attempt).snapshot_hash,
        "password": PASSWORD,
        "reason": UNSAMPLED_REASONS[0],
    }
    carol.post(f"/attempts/{attempt}/release", data=data)
    criterion = factories.criterion(confirmed.cfacc15, "5").id
    assert carol.post(f"/attempts/{attempt}/reopen", data={"criterion": criterion}).status_code == 422
    answer = carol.post(
        f"/attempts/{attempt}/reopen", data={"criterion": criterion, "reason": "The log was another's."}
    )
    assert answer.status_code == 303
    db.session.rollback()
    reopened_attempt = db.session.get_one(UnitAttempt, attempt)
    assert (reopened_attempt.state, reopened_attempt.round) == (AttemptState.IN_PROGRESS, 2)
    assert "The log was another" in client(confirmed.alice).get(f"/attempts/{attempt}").text

"""The assessor's written response to an action point, before sign-off."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from tests import factories
from tests.factories import World
from tracker import clock
from tracker.assessment.services.action_points import answer_action_point
from tracker.errors import Invalid, NotFound, Refused
from tracker.extensions import db
from tracker.ledger.transactions import rollback, transaction
from tracker.models import ActionPoint

ClientFor = Callable[..., FlaskClient]


@pytest.fixture
def action_point(world: World) -> ActionPoint:
    with transaction():
        point = ActionPoint(
            attempt_id=world.cfacc15.id,
            round=1,
            raised_by_id=world.carol.id,
            raised_at=clock.now(),
            action="Say which rule was applied.",
            due_on=clock.today(),
        )
        db.session.add(point)
    return point


def test_assessor_responds_to_an_action_point_on_the_page(
    world: World, client: ClientFor, action_point: ActionPoint, recorded_acts: Callable[[], list[str]]
) -> None:
    bob, address = client(world.bob), f"/attempts/{world.cfacc15.id}/sign"
    page = bob.get(address).text
    assert "Carol Hughes" in page
    assert "Say which rule was applied." in page
    name = f"action-point-{action_point.id}-response"
    assert f'name="{name}"' in page
    response = bob.post(
        f"/attempts/{world.cfacc15.id}/action-points/{action_point.id}/answer", data={name: "Rule 4."}
    )
    assert response.status_code == 303
    assert "Rule 4." in bob.get(address).text
    assert recorded_acts()[-1] == "action_point_answered"


def test_empty_response_is_refused(world: World, client: ClientFor, action_point: ActionPoint) -> None:
    response = client(world.bob).post(f"/attempts/{world.cfacc15.id}/action-points/{action_point.id}/answer", data={})
    assert response.status_code == 422
    assert "Write your response." in response.text
    for text, sentence in ((" ", "Write your response"), ("x" * 2_001, "2,000 characters")):
        with pytest.raises(Invalid, match=sentence):
            answer_action_point(world.cfacc15, action_point.id, text, factories.make_actor(world.bob))


def test_action_point_has_one_response(world: World, action_point: ActionPoint) -> None:
    with transaction():
        answer_action_point(world.cfacc15, action_point.id, "Rule 4.", factories.make_actor(world.bob))
    with pytest.raises(Refused, match="already has a response"):
        answer_action_point(world.cfacc15, action_point.id, "Rule 5.", factories.make_actor(world.bob))


def test_verifier_cannot_respond_to_their_own_action_point(
    world: World, client: ClientFor, action_point: ActionPoint
) -> None:
    with pytest.raises(Refused, match="cannot assess it"):
        answer_action_point(world.cfacc15, action_point.id, "Fine.", factories.make_actor(world.carol))
    rollback()
    address = f"/attempts/{world.cfacc15.id}/action-points/{action_point.id}/answer"
    for person in (world.alice, world.carol, world.dan, world.eve, world.grace):
        assert client(person).post(address, data={"response": "Fine."}).status_code == 404, person.name


def test_action_point_is_reached_through_its_own_attempt_only(world: World, action_point: ActionPoint) -> None:
    with pytest.raises(NotFound):
        answer_action_point(world.inscc004, action_point.id, "Rule 4.", factories.make_actor(world.bob))

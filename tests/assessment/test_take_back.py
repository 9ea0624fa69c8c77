"""An assessment that waits for a countersigner, taken back by its assessor."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from tests import factories
from tests.assessment.countersigning import decide, find_waiting, make_qualified, switch_on
from tests.factories import World
from tracker.assessment.services.countersignature_answers import agree_with_assessment
from tracker.assessment.services.countersigning import take_back
from tracker.errors import NotFound, Refused
from tracker.extensions import db
from tracker.integrity.countersigning import find_assessments_without_countersignature, find_faulty_countersignatures
from tracker.integrity.ledger_snapshot import LedgerSnapshot
from tracker.ledger.transactions import transaction
from tracker.models import Assessment, Countersignature, Person
from tracker.vocabulary import AssessmentState, CountersignatureEnd

Browser = Callable[..., FlaskClient]


@pytest.fixture(autouse=True)
def gwen(world: World) -> Person:
    """The countersigner of Bob, who has no award."""
    person = make_qualified(world)
    switch_on(world, person)
    return person


def test_it_is_the_assessor_s_draft_again_with_what_they_typed(world: World) -> None:
    _, claims, assessment = decide(world)
    waiting = find_waiting()
    with transaction():
        take_back(waiting, factories.make_actor(world.bob))
    assert (waiting.ended_because, waiting.answered_at) == (CountersignatureEnd.TAKEN_BACK, None)
    assert (assessment.state, assessment.outcome) == (AssessmentState.DRAFT, None)
    assert set(assessment.draft_decisions) == {str(each.id) for each in claims}
    ledger = LedgerSnapshot()
    assert [*find_faulty_countersignatures(ledger), *find_assessments_without_countersignature(ledger)] == []


def test_nobody_else_takes_it_back(world: World, gwen: Person) -> None:
    decide(world)
    for person in (gwen, world.dan, world.alice):
        with pytest.raises(NotFound), transaction():
            take_back(find_waiting(), factories.make_actor(person))


def test_what_was_countersigned_is_not_taken_back(world: World, gwen: Person) -> None:
    _, _, assessment = decide(world)
    waiting = find_waiting()
    with transaction():
        agree_with_assessment(waiting, factories.make_actor(gwen))
    with pytest.raises(Refused, match="countersigned already"), transaction():
        take_back(waiting, factories.make_actor(world.bob))
    assert assessment.state is AssessmentState.RELEASED


def test_it_is_taken_back_once(world: World) -> None:
    decide(world)
    waiting = find_waiting()
    with transaction():
        take_back(waiting, factories.make_actor(world.bob))
    with pytest.raises(Refused, match="has ended"), transaction():
        take_back(waiting, factories.make_actor(world.bob))


def test_the_list_of_own_decisions_takes_it_back(world: World, client: Browser, gwen: Person) -> None:
    version, _, assessment = decide(world)
    waiting = find_waiting()
    path = f"/attempts/{world.cfacc15.id}/countersignatures/{waiting.id}/take-back"
    bob = client(world.bob)
    assert f'action="{path}"' in bob.get("/countersigning?show=own").text
    assert f'action="{path}"' not in client(gwen).get("/countersigning").text
    other = f"/attempts/{world.inscc004.id}/countersignatures/{waiting.id}/take-back"
    assert bob.post(other).status_code == 404
    answer = bob.post(path)
    assert answer.location == f"/attempts/{world.cfacc15.id}/evidence/{version.evidence_id}/assess"
    db.session.rollback()
    assert db.session.get_one(Assessment, assessment.id).state is AssessmentState.DRAFT
    assert db.session.get_one(Countersignature, waiting.id).ended_because is CountersignatureEnd.TAKEN_BACK
    assert "Taken back. Gwen Hill is not asked any more." in bob.get(answer.location).text

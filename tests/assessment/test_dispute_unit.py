"""The candidate's dispute of criteria, which then need more evidence and are assessed again."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.assessment import workflow
from tests.factories import World
from tracker.assessment.services.sign_off_checks import list_sign_off_blockers
from tracker.assessment.services.signing import dispute_unit
from tracker.errors import Invalid, NotFound, Refused
from tracker.extensions import db
from tracker.ledger.transactions import rollback, transaction
from tracker.matrix import load_matrix
from tracker.models import Decision, Reopening, Signature
from tracker.vocabulary import AttemptState, CriterionState, Outcome

ClientFor = Callable[..., FlaskClient]
WHY = "I did this one on my own, not with help."


def dispute(world: World, *labels: str) -> None:
    ids = [factories.criterion(world.cfacc15, label).id for label in labels]
    with transaction():
        dispute_unit(world.cfacc15, ids, WHY, factories.make_actor(world.alice))


def test_disputed_criteria_need_more_and_others_stay_met(world: World) -> None:
    workflow.sign(world, world.cfacc15)
    dispute(world, "2", "5")
    states = {each.column.label: each.state for each in load_matrix(world.cfacc15).statuses[:13]}
    assert states.pop("2") is states.pop("5") is CriterionState.NEEDS_MORE
    assert set(states.values()) == {CriterionState.MET}


def test_dispute_keeps_signatures_and_decisions(world: World, recorded_acts: Callable[[], list[str]]) -> None:
    workflow.sign(world, world.cfacc15)
    dispute(world, "2")
    (signature,) = db.session.scalars(select(Signature)).all()
    assert signature.superseded_at
    (reopening,) = db.session.scalars(select(Reopening)).all()
    assert (reopening.reason, reopening.round, world.cfacc15.round) == (WHY, 1, 2)
    criterion_id = factories.criterion(world.cfacc15, "2").id
    claim = next(
        cell
        for row in load_matrix(world.cfacc15).rows
        for cell in row.cells.values()
        if cell.criterion_id == criterion_id
    )
    query = select(Decision).where(Decision.claim_id == claim.claim_id).order_by(Decision.id)
    before, after = db.session.scalars(query)
    assert (before.outcome, before.superseded_at) == (Outcome.MET, after.decided_at)
    assert (after.outcome, after.reopening_id, after.assessment_id) == (Outcome.NEEDS_MORE, reopening.id, None)
    assert recorded_acts()[-2:] == ["attempt_reopened", "unit_disputed"]


def test_disputed_criteria_block_sign_off_until_assessed_again(world: World) -> None:
    workflow.sign(world, world.cfacc15)
    dispute(world, "2")
    (obstacle,) = list_sign_off_blockers(world.cfacc15, load_matrix(world.cfacc15))
    assert obstacle.text.startswith("Criterion 2, needs more")


def test_dispute_needs_a_criterion_and_a_reason(world: World) -> None:
    workflow.sign(world, world.cfacc15)
    alice = factories.make_actor(world.alice)
    with pytest.raises(Invalid, match="Choose the criteria"):
        dispute_unit(world.cfacc15, [], WHY, alice)
    criterion_id = factories.criterion(world.cfacc15, "1").id
    with pytest.raises(Invalid, match="Enter why you disagree"):
        dispute_unit(world.cfacc15, [criterion_id], "  ", alice)
    with pytest.raises(NotFound):
        dispute_unit(world.cfacc15, [factories.criterion(world.inscc004, "1").id], WHY, alice)
    rollback()
    assert world.cfacc15.state is AttemptState.ASSESSED


def test_confirmed_unit_cannot_be_disputed(world: World) -> None:
    workflow.sign(world, world.cfacc15)
    workflow.confirm(world.cfacc15)
    with pytest.raises(Refused):
        dispute(world, "1")


def test_candidate_disputes_on_the_page_and_a_refusal_keeps_what_was_typed(world: World, client: ClientFor) -> None:
    workflow.sign(world, world.cfacc15)
    alice, address = client(world.alice), f"/attempts/{world.cfacc15.id}/dispute"
    response = alice.post(address, data={"reason": WHY})
    assert response.status_code == 422
    assert "Choose the criteria you disagree with." in response.text
    assert WHY in response.text
    criterion_id = factories.criterion(world.cfacc15, "2").id
    response = alice.post(address, data={"criterion": criterion_id, "reason": ""})
    assert response.status_code == 422
    assert f'value="{criterion_id}" checked' in response.text
    assert alice.post(address, data={"criterion": criterion_id, "reason": WHY}).status_code == 303
    assert WHY in client(world.bob).get(f"/attempts/{world.cfacc15.id}").text


def test_only_the_candidate_disputes(world: World, client: ClientFor) -> None:
    workflow.sign(world, world.cfacc15)
    criterion_id = factories.criterion(world.cfacc15, "1").id
    for person in (world.bob, world.carol, world.dan, world.eve, world.frank):
        response = client(person).post(
            f"/attempts/{world.cfacc15.id}/dispute", data={"criterion": criterion_id, "reason": WHY}
        )
        assert response.status_code == 404, person.name

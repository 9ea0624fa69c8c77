"""Claims added or removed by the assessor, with a reason that the candidate sees."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.assessment import workflow
from tests.factories import World
from tracker.assessment.services.claims import add_claim, remove_claim
from tracker.errors import Invalid, NotFound, Refused
from tracker.extensions import db
from tracker.ledger.transactions import rollback, transaction
from tracker.matrix import load_matrix
from tracker.models import Claim, Decision
from tracker.vocabulary import AttemptState, CriterionState, Method, Outcome

ClientFor = Callable[..., FlaskClient]
WHY = "Your notes show this too."


def test_assessor_adds_a_claim_and_candidate_sees_the_reason(
    world: World, client: ClientFor, recorded_acts: Callable[[], list[str]]
) -> None:
    evidence, version, _ = workflow.submit_item(world.cfacc15, "Complaint", "1")
    with transaction():
        claim = add_claim(
            world.cfacc15, version, factories.criterion(world.cfacc15, "2").id, WHY, factories.make_actor(world.bob)
        )
    assert (claim.added_reason, claim.claimed_by_id) == (WHY, world.bob.id)
    assert recorded_acts().count("claim_added") == 1
    assert WHY in client(world.alice).get(f"/evidence/{evidence.id}").text


def test_assessor_cannot_add_a_claim_that_exists(world: World) -> None:
    _, version, _ = workflow.submit_item(world.cfacc15, "Complaint", "1")
    with pytest.raises(Refused, match="already claims that criterion"):
        add_claim(
            world.cfacc15, version, factories.criterion(world.cfacc15, "1").id, WHY, factories.make_actor(world.bob)
        )


def test_assessor_cannot_add_a_criterion_of_another_unit(world: World) -> None:
    _, version, _ = workflow.submit_item(world.cfacc15, "Complaint", "1")
    criterion_id = factories.criterion(world.inscc004, "1").id
    with pytest.raises(NotFound):
        add_claim(world.cfacc15, version, criterion_id, WHY, factories.make_actor(world.bob))


@pytest.mark.parametrize(("reason", "sentence"), [("   ", "Enter the reason"), ("x" * 2_001, "2,000 characters")])
def test_adding_and_removing_need_a_reason_within_the_limit(world: World, reason: str, sentence: str) -> None:
    _, version, (claim,) = workflow.submit_item(world.cfacc15, "Complaint", "1")
    bob = factories.make_actor(world.bob)
    with pytest.raises(Invalid, match=sentence):
        add_claim(world.cfacc15, version, factories.criterion(world.cfacc15, "2").id, reason, bob)
    with pytest.raises(Invalid, match=sentence):
        remove_claim(world.cfacc15, version.evidence_id, claim.id, reason, bob)


def test_simulated_evidence_is_refused_with_the_rule_of_the_unit(world: World) -> None:
    with transaction():
        evidence = factories.make_evidence(world.cfacc15, "Practice call")
        evidence.method = Method.SIMULATION
        version = factories.submit(evidence)
    with pytest.raises(Refused, match="evidence requirement 1 says"):
        add_claim(
            world.cfacc15, version, factories.criterion(world.cfacc15, "1").id, WHY, factories.make_actor(world.bob)
        )
    rollback()


def test_removed_claim_and_its_decision_stay_in_the_record(world: World, client: ClientFor) -> None:
    evidence, version, claims = workflow.submit_item(world.cfacc15, "Complaint", "1", "2")
    workflow.accept(world.cfacc15, version, world.bob, claims)
    with transaction():
        remove_claim(
            world.cfacc15, evidence.id, claims[0].id, "This is about another rule.", factories.make_actor(world.bob)
        )
    decision = db.session.scalars(select(Decision).where(Decision.claim_id == claims[0].id)).one()
    assert decision.superseded_at
    assert load_matrix(world.cfacc15).statuses[0].state is CriterionState.NOTHING_YET
    assert "This is about another rule." in client(world.alice).get(f"/evidence/{evidence.id}").text


def test_claim_cannot_be_removed_through_another_item(world: World) -> None:
    _, version, _ = workflow.submit_item(world.cfacc15, "Complaint", "1")
    _, _, (other_claim,) = workflow.submit_item(world.cfacc15, "Briefing", "2")
    with pytest.raises(NotFound):
        remove_claim(world.cfacc15, version.evidence_id, other_claim.id, WHY, factories.make_actor(world.bob))


def test_claim_cannot_be_removed_twice(world: World) -> None:
    _, version, (claim,) = workflow.submit_item(world.cfacc15, "Complaint", "1")
    bob = factories.make_actor(world.bob)
    remove_claim(world.cfacc15, version.evidence_id, claim.id, WHY, bob)
    with pytest.raises(NotFound):
        remove_claim(world.cfacc15, version.evidence_id, claim.id, WHY, bob)
    rollback()


@pytest.mark.parametrize("state", [state for state in AttemptState if state is not AttemptState.IN_PROGRESS])
def test_claims_of_a_signed_unit_cannot_change(world: World, state: AttemptState) -> None:
    _, version, (claim,) = workflow.submit_item(world.cfacc15, "Complaint", "1")
    with transaction():
        world.cfacc15.state = state
    bob = factories.make_actor(world.bob)
    with pytest.raises(Refused, match="cannot be assessed"):
        remove_claim(world.cfacc15, version.evidence_id, claim.id, WHY, bob)
    with pytest.raises(Refused, match="cannot be assessed"):
        add_claim(world.cfacc15, version, factories.criterion(world.cfacc15, "2").id, WHY, bob)


def test_adding_and_removing_on_the_page_keep_what_was_typed(world: World, client: ClientFor) -> None:
    evidence, _, (claim,) = workflow.submit_item(world.cfacc15, "Complaint", "1")
    bob, address = client(world.bob), f"/attempts/{world.cfacc15.id}/evidence/{evidence.id}/assess"
    fields = {f"outcome-{claim.id}": "met", "feedback": "Well told.", "valid": "y"}
    criterion_id = factories.criterion(world.cfacc15, "2").id
    attempt_id = world.cfacc15.id
    addition = {"act": f"add-{attempt_id}", f"add-criterion-{attempt_id}": criterion_id}
    response = bob.post(address, data={**fields, **addition, f"add-reason-{attempt_id}": ""})
    assert response.status_code == 422
    assert "Enter the reason" in response.text
    assert "Well told." in response.text
    response = bob.post(address, data={**fields, **addition, f"add-reason-{attempt_id}": WHY})
    assert response.status_code == 303
    page = bob.get(address).text
    assert "Well told." in page
    assert WHY in page
    response = bob.post(
        address, data={**fields, "act": f"remove-{claim.id}", f"remove-reason-{claim.id}": "Not this."}
    )
    assert response.status_code == 303
    live_claim = db.session.scalars(select(Claim).where(Claim.removed_at.is_(None))).one()
    assert live_claim.criterion_id == criterion_id
    assert Outcome.MET.label in bob.get(address).text


def test_removing_the_last_claim_leads_back_to_the_queue(world: World, client: ClientFor) -> None:
    evidence, _, (claim,) = workflow.submit_item(world.cfacc15, "Complaint", "1")
    bob, address = client(world.bob), f"/attempts/{world.cfacc15.id}/evidence/{evidence.id}/assess"
    data = {"act": f"remove-{claim.id}", f"remove-reason-{claim.id}": "Not this."}
    response = bob.post(address, data=data)
    assert (response.status_code, response.location) == (303, "/queue")
    assert bob.get(address).status_code == 404

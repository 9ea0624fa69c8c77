"""Accepting evidence: every claim has an outcome, all checks are ticked, and the release follows."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.assessment import workflow
from tests.assessment.workflow import build_draft
from tests.factories import World
from tracker import clock
from tracker.assessment.services import assessments, releasing
from tracker.errors import Conflict, Invalid, NotFound, Refused
from tracker.extensions import db
from tracker.ledger.transactions import rollback, transaction
from tracker.models import Assessment, Decision, Event, Person, Sample
from tracker.vocabulary import AssessmentOutcome, AssessmentState, AttemptState, Outcome

MET, MORE = Outcome.MET, Outcome.NEEDS_MORE


def live_outcomes() -> dict[int, Outcome]:
    query = select(Decision.claim_id, Decision.outcome).where(Decision.superseded_at.is_(None))
    return dict(db.session.execute(query).all())


def test_accepted_evidence_is_not_decided_for_ten_seconds(world: World) -> None:
    _, version, (first, second) = workflow.submit_item(world.cfacc15, "Complaint", "1", "2")
    bob = factories.make_actor(world.bob)
    with transaction():
        assessments.save_draft(
            world.cfacc15, version, build_draft({first: MET, second: MORE}, {second: "Which day?"}), bob
        )
        assessment = assessments.accept_evidence(world.cfacc15, version, bob)
    assert (assessment.outcome, assessment.state) == (AssessmentOutcome.ACCEPTED, AssessmentState.DRAFT)
    assert assessment.release_after - assessment.saved_at >= timedelta(seconds=9)
    assert releasing.release_due_assessments() == 0
    assert live_outcomes() == {}


def test_decisions_are_recorded_after_ten_seconds(world: World) -> None:
    _, version, (first, second) = workflow.submit_item(world.cfacc15, "Complaint", "1", "2")
    bob = factories.make_actor(world.bob)
    with transaction():
        assessments.save_draft(
            world.cfacc15, version, build_draft({first: MET, second: MORE}, {second: "Which day?"}), bob
        )
        assessments.accept_evidence(world.cfacc15, version, bob)
    workflow.pass_time_to_undo()
    assert releasing.release_due_assessments() == 1
    assert live_outcomes() == {first.id: MET, second.id: MORE}
    decision = db.session.scalars(select(Decision).where(Decision.claim_id == second.id)).one()
    assert (decision.comment, decision.decided_by_id) == ("Which day?", world.bob.id)
    assert decision.evidence_version_id == version.id


def test_release_is_one_event_under_the_assessors_grant(world: World, recorded_acts: Callable[[], list[str]]) -> None:
    _, version, claims = workflow.submit_item(world.cfacc15, "Complaint", "1")
    workflow.accept(world.cfacc15, version, world.bob, claims)
    event = db.session.scalars(select(Event).where(Event.act == "assessment_released")).one()
    assert recorded_acts().count("assessment_released") == 1
    assert (event.actor_id, event.grant_id) == (world.bob.id, factories.make_actor(world.bob).grant_id)
    assert version.content_hash.encode() in event.body
    assert b'"outcome":"accepted"' in event.body


def test_second_assessment_supersedes_and_keeps_the_first(world: World) -> None:
    _, version, (claim,) = workflow.submit_item(world.cfacc15, "Complaint", "1")
    workflow.accept(world.cfacc15, version, world.bob, [claim])
    bob = factories.make_actor(world.bob)
    with transaction():
        assessments.save_draft(world.cfacc15, version, build_draft({claim: MORE}, {claim: "I misread it."}), bob)
        assessment = assessments.accept_evidence(world.cfacc15, version, bob)
    workflow.release(assessment.id)
    assert live_outcomes() == {claim.id: MORE}
    every = db.session.scalars(select(Decision).order_by(Decision.id)).all()
    assert [each.outcome for each in every] == [MET, MORE]
    assert every[0].superseded_at == every[1].decided_at


def test_unchanged_decision_is_not_made_again(world: World) -> None:
    _, version, (claim,) = workflow.submit_item(world.cfacc15, "Complaint", "1")
    workflow.accept(world.cfacc15, version, world.bob, [claim])
    workflow.accept(world.cfacc15, version, world.bob, [claim])
    assert len(db.session.scalars(select(Decision)).all()) == 1


def test_accepting_needs_an_outcome_for_every_claim(world: World) -> None:
    _, version, (first, _) = workflow.submit_item(world.cfacc15, "Complaint", "1", "2")
    bob = factories.make_actor(world.bob)
    assessments.save_draft(world.cfacc15, version, build_draft({first: MET}), bob)
    with pytest.raises(Invalid, match="1 claim has none"):
        assessments.accept_evidence(world.cfacc15, version, bob)
    rollback()


@pytest.mark.parametrize("outcome", [Outcome.NEEDS_MORE, Outcome.NOT_MET])
def test_what_is_not_met_needs_a_comment_or_feedback(world: World, outcome: Outcome) -> None:
    _, version, (claim,) = workflow.submit_item(world.cfacc15, "Complaint", "1")
    bob = factories.make_actor(world.bob)
    with transaction():
        assessments.save_draft(world.cfacc15, version, build_draft({claim: outcome}, {claim: "  "}), bob)
    with pytest.raises(Invalid, match="Criterion 1 is marked") as refusal:
        assessments.accept_evidence(world.cfacc15, version, bob)
    assert refusal.value.field == f"comment-{claim.id}"
    rollback()
    with transaction():
        draft = build_draft({claim: outcome}, feedback="Which day was it?")
        assessments.save_draft(world.cfacc15, version, draft, bob)
        assessments.accept_evidence(world.cfacc15, version, bob)


def test_claim_in_another_unit_does_not_block_accepting(world: World) -> None:
    evidence, version, (claim,) = workflow.submit_item(world.cfacc15, "Complaint", "1")
    with transaction():
        factories.claim(world.inscc004, evidence, "1")
    workflow.accept(world.cfacc15, version, world.bob, [claim])
    assert live_outcomes() == {claim.id: MET}


@pytest.mark.parametrize("check", releasing.CHECKS)
def test_accepting_needs_every_check_and_the_refusal_names_it(world: World, check: str) -> None:
    _, version, (claim,) = workflow.submit_item(world.cfacc15, "Complaint", "1")
    bob = factories.make_actor(world.bob)
    draft = assessments.DraftDecisions({claim.id: MET}, {}, {**workflow.ALL_CHECKS, check: False})
    assessments.save_draft(world.cfacc15, version, draft, bob)
    with pytest.raises(Invalid, match=f"tick that the evidence is {check}"):
        assessments.accept_evidence(world.cfacc15, version, bob)
    rollback()


def test_evidence_cannot_be_accepted_twice(world: World) -> None:
    _, version, (claim,) = workflow.submit_item(world.cfacc15, "Complaint", "1")
    bob = factories.make_actor(world.bob)
    assessments.save_draft(world.cfacc15, version, build_draft({claim: MET}), bob)
    assessments.accept_evidence(world.cfacc15, version, bob)
    with pytest.raises(Refused, match="just finished"):
        assessments.accept_evidence(world.cfacc15, version, bob)
    with pytest.raises(Refused, match="undo it first"):
        assessments.save_draft(world.cfacc15, version, workflow.EMPTY_DRAFT, bob)
    rollback()


def test_older_version_cannot_be_accepted(world: World) -> None:
    evidence, version, (claim,) = workflow.submit_item(world.cfacc15, "Complaint", "1")
    bob = factories.make_actor(world.bob)
    with transaction():
        assessments.save_draft(world.cfacc15, version, build_draft({claim: MET}), bob)
    workflow.submit_next_version(evidence)
    with pytest.raises(Conflict, match="newer version"):
        assessments.accept_evidence(world.cfacc15, version, bob)
    rollback()


def test_draft_with_another_items_claim_is_refused(world: World) -> None:
    _, version, _ = workflow.submit_item(world.cfacc15, "Complaint", "1")
    _, _, (other_claim,) = workflow.submit_item(world.cfacc15, "Briefing", "2")
    with pytest.raises(NotFound):
        assessments.save_draft(
            world.cfacc15, version, build_draft({other_claim: MET}), factories.make_actor(world.bob)
        )
    rollback()


def test_candidate_cannot_assess_their_own_work(world: World) -> None:
    _, version, (claim,) = workflow.submit_item(world.cfacc15, "Complaint", "1")
    with pytest.raises(Refused, match="their own work"):
        assessments.save_draft(world.cfacc15, version, build_draft({claim: MET}), factories.make_actor(world.alice))


def test_person_who_has_verified_cannot_assess_in_any_round(world: World) -> None:
    _, version, (claim,) = workflow.submit_item(world.cfacc15, "Complaint", "1")
    with transaction():
        sample = Sample(
            attempt_id=world.cfacc15.id,
            round=1,
            verifier_id=world.carol.id,
            sampled_at=clock.now(),
            is_interim=True,
            comment="",
        )
        db.session.add(sample)
        world.cfacc15.round = 2
    with pytest.raises(Refused, match="cannot assess it"):
        assessments.save_draft(world.cfacc15, version, build_draft({claim: MET}), factories.make_actor(world.carol))


@pytest.mark.parametrize("state", [state for state in AttemptState if state is not AttemptState.IN_PROGRESS])
def test_only_a_unit_in_progress_can_be_assessed(world: World, state: AttemptState) -> None:
    _, version, (claim,) = workflow.submit_item(world.cfacc15, "Complaint", "1")
    with transaction():
        world.cfacc15.state = state
    with pytest.raises(Refused, match="cannot be assessed"):
        assessments.save_draft(world.cfacc15, version, build_draft({claim: MET}), factories.make_actor(world.bob))


def test_work_of_a_withdrawn_candidate_cannot_be_assessed(world: World) -> None:
    _, version, (claim,) = workflow.submit_item(world.cfacc15, "Complaint", "1")
    with transaction():
        world.registration.withdrawn_at, world.registration.withdrawn_reason = clock.now(), "Left the company"
    with pytest.raises(Refused, match="withdrawn"):
        assessments.save_draft(world.cfacc15, version, build_draft({claim: MET}), factories.make_actor(world.bob))


def test_draft_comment_over_the_limit_is_refused(world: World) -> None:
    _, version, (claim,) = workflow.submit_item(world.cfacc15, "Complaint", "1")
    draft = build_draft({claim: MET}, {claim: "x" * 10_000})
    with pytest.raises(Invalid, match="2,000 characters"):
        assessments.save_draft(world.cfacc15, version, draft, factories.make_actor(world.bob))
    assert db.session.scalars(select(Assessment)).all() == []


def test_refusal_leads_to_the_first_claim_without_an_outcome(
    world: World, client: Callable[[Person], FlaskClient]
) -> None:
    with transaction():
        evidence = factories.make_evidence(world.cfacc15, "Complaint CH-2231")
        first, second = factories.claim(world.cfacc15, evidence, "5", "7")
        factories.submit(evidence)
    address = f"/attempts/{world.cfacc15.id}/evidence/{evidence.id}/assess"
    page = client(world.bob).post(address, data={f"outcome-{first.id}": "met", "act": "accept"}).text
    assert f'href="#claim-{second.id}" data-missing' in page


@pytest.mark.parametrize(("act", "missing"), [("accept", "authentic"), ("return", "feedback")])
def test_refusal_leads_to_the_field_that_is_missing(
    world: World, client: Callable[[Person], FlaskClient], act: str, missing: str
) -> None:
    with transaction():
        evidence = factories.make_evidence(world.cfacc15, "Complaint CH-2231")
        (only,) = factories.claim(world.cfacc15, evidence, "5")
        factories.submit(evidence)
    address = f"/attempts/{world.cfacc15.id}/evidence/{evidence.id}/assess"
    form = {f"outcome-{only.id}": "met", "valid": "y", "current": "y", "act": act}
    assert f'href="#{missing}" data-missing' in client(world.bob).post(address, data=form).text

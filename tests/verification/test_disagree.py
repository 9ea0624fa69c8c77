"""Disagreements beside other acts: the assessor's own work, withdrawn candidates, void attempts."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.assessment import workflow
from tests.factories import World
from tests.integrity.tampering import list_violations
from tests.verification.conftest import VerifyPage
from tests.verification.steps import ACTION, disagree, find_live_decision
from tracker import clock
from tracker.assessment.queries.queue import list_action_points_to_answer
from tracker.assessment.services import assessments
from tracker.assessment.services.action_points import answer_action_point
from tracker.assessment.services.assessments import DraftDecisions
from tracker.errors import Conflict
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.matrix import load_matrix
from tracker.models import Assessment, Decision, EvidenceVersion, Person
from tracker.registrations.services import void_attempt, withdraw_candidate
from tracker.verification.queries.action_points import count_action_points, list_action_points
from tracker.verification.queries.sampling import list_items_to_sample, summarise_sampling
from tracker.verification.services import action_points
from tracker.vocabulary import AssessmentState, AttemptState, CentreTerms, Outcome
from tracker.web.lists import ListQuery

Browser = Callable[[Person], FlaskClient]
Read = Callable[[FlaskClient, int], VerifyPage]


@pytest.fixture
def decision_on_6(world: World) -> tuple[EvidenceVersion, Decision]:
    """Decide every criterion of Alice's CFACC15 as met, on one item; return its version and the decision on 6."""
    version, _ = workflow.meet_everything(world, world.cfacc15)
    return version, find_live_decision(world.cfacc15, "6")


def accept_again(world: World, version: EvidenceVersion, decision: Decision, outcome: Outcome) -> int:
    """Decide a claim again as Bob, and accept the item; the assessment can still be undone. Return its id."""
    with transaction():
        outcomes, comments = {decision.claim_id: outcome}, {decision.claim_id: "Heard."}
        draft = DraftDecisions(outcomes, comments, workflow.ALL_CHECKS, "", workflow.WARNINGS_REASON)
        by_bob = factories.make_actor(world.bob)
        assessments.save_draft(world.cfacc15, version, draft, by_bob)
        return assessments.accept_evidence(world.cfacc15, version, by_bob).id


def test_assessment_accepted_before_a_disagreement_does_not_override_it(
    world: World, decision_on_6: tuple[EvidenceVersion, Decision]
) -> None:
    assessment_id = accept_again(world, *decision_on_6, Outcome.MET)
    disagree(world, decision_on_6[1])
    workflow.release(assessment_id)
    db.session.rollback()
    live_decision = find_live_decision(world.cfacc15, "6")
    assert (live_decision.outcome, live_decision.comment) == (Outcome.NEEDS_MORE, ACTION)
    draft = db.session.get_one(Assessment, assessment_id)
    assert (draft.state, draft.release_after) == (AssessmentState.DRAFT, None)
    assert draft.draft_decisions == {str(live_decision.claim_id): {"comment": "Heard."}}


def test_assessment_that_is_due_is_released_before_a_sample(
    world: World, decision_on_6: tuple[EvidenceVersion, Decision]
) -> None:
    accept_again(world, *decision_on_6, Outcome.NEEDS_MORE)
    workflow.pass_time_to_undo()
    with pytest.raises(Conflict, match="A decision was changed since you opened this page"):
        disagree(world, decision_on_6[1])


def test_assess_page_opened_before_a_disagreement_is_out_of_date(
    world: World, client: Browser, decision_on_6: tuple[EvidenceVersion, Decision]
) -> None:
    version, decision = decision_on_6
    bob, path = client(world.bob), f"/attempts/{world.cfacc15.id}/evidence/{version.evidence_id}/assess"
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', bob.get(path).text))
    data = {name: hidden[name] for name in ("version", "after", "superseding")}
    data |= {f"outcome-{decision.claim_id}": "met", f"comment-{decision.claim_id}": "Heard.", "act": "accept"}
    disagree(world, decision)
    refusal = bob.post(path, data=data)
    assert refusal.status_code == 409
    assert "A decision on this item now says that more is needed" in refusal.text
    assert ACTION in refusal.text
    assert "Heard." in refusal.text


def test_action_point_of_a_withdrawn_candidate_is_answered_and_closed(confirmed: World, client: Browser) -> None:
    attempt = confirmed.cfacc15
    with transaction():
        withdraw_candidate(attempt.registration, "Left the company.", factories.make_actor(confirmed.dan))
    page = client(confirmed.carol).get(f"/attempts/{attempt.id}/verify").text
    assert "it can no longer be assessed" in page
    action_point = disagree(confirmed, find_live_decision(attempt, "6"))
    with transaction():
        answer_action_point(attempt, action_point.id, "I agree.", factories.make_actor(confirmed.bob))
    with transaction():
        action_points.close_action_point(attempt, action_point, factories.make_actor(confirmed.carol))
    assert (attempt.state, action_point.closed_by_id) == (AttemptState.IN_PROGRESS, confirmed.carol.id)
    page = client(confirmed.carol).get(f"/attempts/{attempt.id}/verify").text
    assert 'value="agree"' not in page
    assert [each for each in list_violations() if each.startswith("19:")] == []


def test_action_points_of_void_attempts_are_not_listed(
    world: World, client: Browser, decision_on_6: tuple[EvidenceVersion, Decision]
) -> None:
    disagree(world, decision_on_6[1])
    assert sum(count_action_points(world.carol.id)) == 1
    with transaction():
        void_attempt(world.cfacc15, "Entered by mistake.", factories.make_actor(world.dan))
    assert sum(count_action_points(world.carol.id)) == 0
    assert list_action_points(world.carol.id, ListQuery(chosen={"state": "all"})).total == 0
    assert list_action_points_to_answer(world.bob.id) == []
    assert "cannot be signed until" not in client(world.carol).get(f"/attempts/{world.cfacc15.id}/verify").text
    assert db.session.scalars(select(Decision.superseded_at).where(Decision.id == decision_on_6[1].id)).one()


def test_refusals_use_the_terms_of_the_centre(confirmed: World, client: Browser) -> None:
    with transaction():
        confirmed.northgate.terms = CentreTerms.ENGLAND
    answer = client(confirmed.bob).post(f"/attempts/{confirmed.cfacc15.id}/retract", data={"reason": "Too early."})
    assert answer.status_code == 409
    assert "the internal quality assurer verifies it next" in answer.text
    assert "verifier" not in answer.text


def test_decision_disagreed_with_counts_as_sampled(confirmed: World) -> None:
    attempt = confirmed.cfacc15
    before = summarise_sampling(list_items_to_sample(attempt, load_matrix(attempt)))
    disagree(confirmed, find_live_decision(attempt, "6"))
    after = summarise_sampling(list_items_to_sample(attempt, load_matrix(attempt)))
    assert (before.sampled_decisions, before.decisions) == (0, 24)
    assert (after.sampled_decisions, after.decisions) == (1, 24)
    assert (after.sampled_items, after.items) == (1, 1)


def test_action_point_of_a_disagreement_links_to_its_evidence(confirmed: World, client: Browser) -> None:
    attempt = confirmed.cfacc15
    decision = find_live_decision(attempt, "6")
    action_point = disagree(confirmed, decision)
    evidence_id = db.session.get_one(EvidenceVersion, decision.evidence_version_id).evidence_id
    page = client(confirmed.bob).get(f"/attempts/{attempt.id}/sign").text
    assert f'href="/attempts/{attempt.id}/evidence/{evidence_id}/assess"' in page
    page = client(confirmed.carol).get(f"/attempts/{attempt.id}/verify/action-points").text
    assert f'href="/attempts/{attempt.id}/verify?item={evidence_id}"' in page
    with transaction():
        answer_action_point(attempt, action_point.id, "Done.", factories.make_actor(confirmed.bob))
    page = client(confirmed.carol).get(f"/attempts/{attempt.id}/verify/action-points").text
    assert f'value="{(clock.today() + timedelta(days=14)).isoformat()}"' in page


def test_saved_sample_says_how_many_were_disagreed_with(confirmed: World, client: Browser, read_page: Read) -> None:
    carol, path = client(confirmed.carol), f"/attempts/{confirmed.cfacc15.id}"
    first, second, third, *_ = read_page(carol, confirmed.cfacc15.id).decision_ids
    data = {f"decision-{first}": "agree", f"decision-{second}": "agree"}
    assert carol.post(f"{path}/sample", data=data).status_code == 303
    assert "Sample saved: 2 decisions, agreed." in carol.get(f"{path}/verify").text
    data = {f"decision-{third}": "disagree", f"action-{third}": ACTION, f"due-{third}": "31/12/2099"}
    assert carol.post(f"{path}/sample", data=data).status_code == 303
    assert "Sample saved: 1 decision, 0 agreed and 1 disagreed." in carol.get(f"{path}/verify").text

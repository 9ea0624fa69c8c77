"""Affirming that a new version still meets what an earlier version met."""

import pytest
from sqlalchemy import select

from tests import factories
from tests.assessment import workflow
from tests.factories import World
from tracker.assessment.queries.queue import list_evidence_to_assess
from tracker.assessment.services import assessments
from tracker.errors import Refused
from tracker.extensions import db
from tracker.ledger.transactions import rollback, transaction
from tracker.matrix import load_matrix
from tracker.models import Assessment, Decision, EvidenceVersion
from tracker.vocabulary import AssessmentOutcome, Outcome


def affirm(world: World, version: EvidenceVersion) -> Assessment:
    with transaction():
        return assessments.affirm_evidence(world.cfacc15, version, factories.make_actor(world.bob))


def test_criterion_met_on_an_old_version_counts_and_awaits_affirmation(world: World) -> None:
    evidence, version, claims = workflow.submit_item(world.cfacc15, "Complaint", "1", "2")
    workflow.accept(world.cfacc15, version, world.bob, claims)
    workflow.submit_next_version(evidence)
    assert load_matrix(world.cfacc15).met == 2
    assert [each.claim_count for each in list_evidence_to_assess(world.bob.id)] == [2]


def test_affirming_keeps_every_met_on_the_new_version(world: World) -> None:
    evidence, version, claims = workflow.submit_item(world.cfacc15, "Complaint", "1", "2")
    workflow.accept(world.cfacc15, version, world.bob, claims)
    newer = workflow.submit_next_version(evidence)
    assessment = affirm(world, newer)
    assert assessment.outcome is AssessmentOutcome.ACCEPTED
    workflow.release(assessment.id)
    decisions = db.session.scalars(select(Decision).where(Decision.superseded_at.is_(None))).all()
    assert {(each.outcome, each.evidence_version_id) for each in decisions} == {(Outcome.MET, newer.id)}
    assert list_evidence_to_assess(world.bob.id) == []


def test_affirming_with_undecided_claims_saves_a_draft(world: World) -> None:
    evidence, version, claims = workflow.submit_item(world.cfacc15, "Complaint", "1", "2")
    workflow.accept(world.cfacc15, version, world.bob, claims)
    with transaction():
        (added,) = factories.claim(world.cfacc15, evidence, "3")
    newer = workflow.submit_next_version(evidence)
    assessment = affirm(world, newer)
    assert (assessment.outcome, assessment.release_after) == (None, None)
    assert set(assessment.draft_decisions) == {str(claim.id) for claim in claims}
    assert str(added.id) not in assessment.draft_decisions


def test_affirming_needs_a_criterion_met_earlier(world: World) -> None:
    _, version, _ = workflow.submit_item(world.cfacc15, "Complaint", "1")
    with pytest.raises(Refused, match="nothing to affirm"):
        affirm(world, version)
    rollback()


def test_needs_more_on_an_old_version_is_claimed_on_the_new(world: World) -> None:
    evidence, version, (claim,) = workflow.submit_item(world.cfacc15, "Complaint", "1")
    workflow.return_item(
        world.cfacc15, version, world.bob, workflow.build_draft({claim: Outcome.NEEDS_MORE}, feedback="Which day?")
    )
    newer = workflow.submit_next_version(evidence)
    with pytest.raises(Refused, match="nothing to affirm"):
        affirm(world, newer)
    rollback()
    assert load_matrix(world.cfacc15).statuses[0].state.label == "Claimed"

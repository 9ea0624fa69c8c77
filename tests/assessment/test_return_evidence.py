"""Returning evidence to the candidate: feedback is required, and no criterion becomes met."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.assessment import workflow
from tests.assessment.workflow import build_draft
from tests.factories import World
from tracker.assessment.queries.queue import list_evidence_to_assess
from tracker.assessment.services import assessments, releasing
from tracker.background import emails
from tracker.errors import Invalid
from tracker.extensions import db
from tracker.ledger.transactions import rollback
from tracker.models import Assessment, Decision, Notification
from tracker.vocabulary import Outcome

MET, MORE = Outcome.MET, Outcome.NEEDS_MORE


def test_returning_evidence_needs_feedback(world: World) -> None:
    _, version, (claim,) = workflow.submit_item(world.cfacc15, "Complaint", "1")
    bob = factories.make_actor(world.bob)
    assessments.save_draft(world.cfacc15, version, build_draft({claim: MORE}, feedback="  "), bob)
    with pytest.raises(Invalid, match="Write feedback") as refusal:
        assessments.return_evidence(world.cfacc15, version, bob)
    assert refusal.value.field == "feedback"
    rollback()


def test_returned_evidence_meets_no_criterion(world: World) -> None:
    _, version, (first, second) = workflow.submit_item(world.cfacc15, "Complaint", "1", "2")
    draft = build_draft({first: MET, second: MORE}, {second: "Say which day."}, "Nearly there.")
    workflow.return_item(world.cfacc15, version, world.bob, draft)
    decisions = db.session.scalars(select(Decision)).all()
    assert [(each.claim_id, each.outcome, each.comment) for each in decisions] == [
        (second.id, MORE, "Say which day.")
    ]


def test_criterion_met_earlier_stays_met_after_a_return(world: World) -> None:
    _, version, (claim,) = workflow.submit_item(world.cfacc15, "Complaint", "1")
    workflow.accept(world.cfacc15, version, world.bob, [claim])
    workflow.return_item(world.cfacc15, version, world.bob, build_draft({}, feedback="One more thing."))
    live = db.session.scalars(select(Decision).where(Decision.superseded_at.is_(None))).one()
    assert live.outcome is MET


def test_comments_without_a_decision_are_added_to_the_feedback(world: World) -> None:
    _, version, (first, _) = workflow.submit_item(world.cfacc15, "Complaint", "1", "2")
    workflow.return_item(
        world.cfacc15, version, world.bob, build_draft({first: MET}, {first: "Well told."}, "Say more about 2.")
    )
    assessment = db.session.scalars(select(Assessment)).one()
    assert assessment.feedback == "Say more about 2.\n\nOn 1: Well told."


def test_returned_evidence_leaves_the_queue_until_a_new_version(world: World) -> None:
    evidence, version, _ = workflow.submit_item(world.cfacc15, "Complaint", "1", "2")
    workflow.return_item(world.cfacc15, version, world.bob, build_draft({}, feedback="Which day was it?"))
    assert list_evidence_to_assess(world.bob.id) == []
    workflow.submit_next_version(evidence)
    (waiting,) = list_evidence_to_assess(world.bob.id)
    assert (waiting.version_number, waiting.criteria) == (2, 2)


def test_claim_added_after_a_return_enters_the_queue(world: World, freeze_clock: Callable[..., None]) -> None:
    evidence, version, _ = workflow.submit_item(world.cfacc15, "Complaint", "1", days_ago=1)
    workflow.return_item(world.cfacc15, version, world.bob, build_draft({}, feedback="Which day was it?"))
    workflow.pass_time_to_undo()
    with workflow.transaction():
        factories.claim(world.cfacc15, evidence, "2")
    (waiting,) = list_evidence_to_assess(world.bob.id)
    assert waiting.criteria == 1


def test_candidate_is_emailed_about_returned_evidence_once_a_day(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emails, "can_deliver", lambda: True)
    monkeypatch.setattr(emails, "send", lambda *_: None)
    evidence, version, _ = workflow.submit_item(world.cfacc15, "Complaint", "1", "2")
    for words in ("Which day was it?", "And who was there?"):
        workflow.return_item(world.cfacc15, version, world.bob, build_draft({}, feedback=words))
    (notification,) = db.session.scalars(select(Notification).where(Notification.person_id == world.alice.id)).all()
    assert notification.topic == f"evidence_returned:{evidence.id}"


def test_candidate_reads_feedback_only_after_release(world: World, client: Callable[..., FlaskClient]) -> None:
    evidence, version, (claim,) = workflow.submit_item(world.cfacc15, "Complaint", "1")
    bob = factories.make_actor(world.bob)
    with workflow.transaction():
        assessments.save_draft(world.cfacc15, version, build_draft({claim: MORE}, feedback="Which day was it?"), bob)
        assessments.return_evidence(world.cfacc15, version, bob)
    assert "Which day was it?" not in client(world.alice).get(f"/evidence/{evidence.id}").text
    workflow.pass_time_to_undo()
    assert releasing.release_due_assessments() == 1
    assert "Which day was it?" in client(world.alice).get(f"/evidence/{evidence.id}").text

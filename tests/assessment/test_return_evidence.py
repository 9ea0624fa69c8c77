"""Returning evidence to the candidate: feedback is required, and no criterion becomes met."""

import re
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
from tracker.portfolio.text_changes import compare_texts
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


def test_what_was_marked_met_before_a_return_is_filled_in_on_the_next_version(
    world: World, client: Callable[..., FlaskClient]
) -> None:
    evidence, version, (first, second) = workflow.submit_item(world.cfacc15, "Complaint", "1", "2")
    draft = build_draft({first: MET, second: MORE}, {first: "Well told.", second: "Which day?"}, "Nearly there.")
    workflow.return_item(world.cfacc15, version, world.bob, draft)
    newer = workflow.submit_next_version(evidence)
    bob, address = client(world.bob), f"/attempts/{world.cfacc15.id}/evidence/{evidence.id}/assess"
    page = " ".join(bob.get(address).text.split())
    assert page.count("Was marked met on the returned version 1 (not counted).") == 1
    assert re.search(rf'id="o-{first.id}-met"[^>]* checked', page)
    assert not re.search(rf'id="o-{second.id}-[^>]* checked', page)
    assert page.count("Well told.") == 2, "in the feedback, and filled in"
    assert db.session.scalars(select(Decision).where(Decision.evidence_version_id == newer.id)).all() == []
    workflow.accept(world.cfacc15, newer, world.bob, [first, second])
    assert "not counted" not in bob.get(address).text


def test_words_changed_in_the_account_are_marked_within_the_text(
    world: World, client: Callable[..., FlaskClient]
) -> None:
    evidence, _, _ = workflow.submit_item(world.cfacc15, "Complaint", "1")
    workflow.submit_next_version(evidence, "I took the <b>first</b> call myself.")
    page = client(world.bob).get(f"/attempts/{world.cfacc15.id}/evidence/{evidence.id}/assess").text
    assert re.search(
        r'I took the <ins><span[^>]*>Added: </span><span aria-hidden="true">\+</span>&lt;b&gt;first', page
    )
    assert "<del>" not in page


def test_removed_words_are_kept_as_runs_and_a_text_too_long_is_not_compared() -> None:
    runs = compare_texts("I rang twice.", "I rang.")
    assert runs
    assert [(run.kind, run.text) for run in runs] == [
        ("same", "I "), ("removed", "rang twice."), ("added", "rang."),
    ]  # fmt: skip
    assert compare_texts("Same.", "Same.") is None
    assert compare_texts("a " * 4_000, "b") is None


def test_criterion_met_earlier_stays_met_after_a_return(world: World) -> None:
    _, version, (claim,) = workflow.submit_item(world.cfacc15, "Complaint", "1")
    workflow.accept(world.cfacc15, version, world.bob, [claim])
    workflow.return_item(world.cfacc15, version, world.bob, build_draft({}, feedback="One more thing."))
    decision = db.session.scalars(select(Decision).where(Decision.superseded_at.is_(None))).one()
    assert decision.outcome is MET


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
    (row,) = list_evidence_to_assess(world.bob.id)
    assert (row.version_number, row.claim_count) == (2, 2)


def test_claim_added_after_a_return_enters_the_queue(world: World, freeze_clock: Callable[..., None]) -> None:
    evidence, version, _ = workflow.submit_item(world.cfacc15, "Complaint", "1", days_ago=1)
    workflow.return_item(world.cfacc15, version, world.bob, build_draft({}, feedback="Which day was it?"))
    workflow.pass_time_to_undo()
    with workflow.transaction():
        factories.claim(world.cfacc15, evidence, "2")
    (row,) = list_evidence_to_assess(world.bob.id)
    assert row.claim_count == 1


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

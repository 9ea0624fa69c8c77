"""Samples: the decisions sampled, what the verifier agrees with, and what a disagreement does."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.assessment import workflow
from tests.factories import World
from tests.verification.conftest import VerifyPage
from tests.verification.steps import ACTION, disagree, find_live_decision
from tracker import clock
from tracker.assessment.services import signing
from tracker.assessment.services.action_points import answer_action_point
from tracker.background import emails
from tracker.errors import Conflict, Invalid, NotFound, Refused
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.matrix import load_matrix
from tracker.models import (
    ActionPoint,
    ActionPointCriterion,
    Decision,
    Notification,
    Person,
    Reopening,
    Sample,
    SampleItem,
    Signature,
)
from tracker.models.people import UNSAMPLED_REASONS
from tracker.recording_forms.snapshot import take_snapshot
from tracker.verification.services import action_points
from tracker.verification.services.sampling import SampledDecision, draw_sample
from tracker.verification.services.signing import sign_verification
from tracker.vocabulary import AttemptState, CriterionState, Outcome, ReopeningKind

Browser = Callable[[Person], FlaskClient]
Read = Callable[[FlaskClient, int], VerifyPage]


def list_samples() -> list[Sample]:
    db.session.rollback()
    return list(db.session.scalars(select(Sample)))


def test_verifier_samples_decisions(
    confirmed: World, client: Browser, read_page: Read, recorded_acts: Callable[[], list[str]]
) -> None:
    carol, attempt = client(confirmed.carol), confirmed.cfacc15.id
    data = {f"decision-{number}": "agree" for number in read_page(carol, attempt).decision_ids[:3]}
    answer = carol.post(f"/attempts/{attempt}/sample", data={**data, "comment": "Chosen for their methods."})
    assert answer.status_code == 303
    [sample] = list_samples()
    assert (sample.verifier_id, sample.is_interim, sample.comment) == (
        confirmed.carol.id,
        False,
        "Chosen for their methods.",
    )
    assert len(sample.items) == 3
    assert recorded_acts()[-1] == "sample_drawn"
    assert "<b>3 of 24</b> decisions sampled" in carol.get(f"/attempts/{attempt}/verify").text


def test_nothing_is_preselected_on_the_sample_page(confirmed: World, client: Browser) -> None:
    page = client(confirmed.carol).get(f"/attempts/{confirmed.cfacc15.id}/verify").text
    assert "Disagree" in page
    assert "checked" not in page


def test_sample_of_an_unconfirmed_unit_is_interim(world: World, client: Browser, read_page: Read) -> None:
    workflow.meet_everything(world, world.cfacc15)
    carol = client(world.carol)
    [first, *_] = read_page(carol, world.cfacc15.id).decision_ids
    data = {f"decision-{first}": "agree"}
    assert carol.post(f"/attempts/{world.cfacc15.id}/sample", data=data).status_code == 303
    assert list_samples()[0].is_interim


def test_disagreement_needs_an_action_and_a_due_date_and_keeps_what_was_typed(
    confirmed: World, client: Browser, read_page: Read
) -> None:
    carol, attempt = client(confirmed.carol), confirmed.cfacc15.id
    [first, *_] = read_page(carol, attempt).decision_ids
    data = {f"decision-{first}": "disagree", f"due-{first}": "31/12/2099", "comment": "I listened to the call."}
    refusal = carol.post(f"/attempts/{attempt}/sample", data=data)
    assert refusal.status_code == 422
    assert "Enter the action required" in refusal.text
    assert "I listened to the call." in refusal.text
    data |= {f"action-{first}": ACTION}
    for due, sentence in (
        ("2020-01-01", "not in the past"),
        ("soon", "Enter a date such as"),
        ("", "Enter a due date"),
    ):
        refusal = carol.post(f"/attempts/{attempt}/sample", data={**data, f"due-{first}": due})
        assert refusal.status_code == 422
        assert sentence in refusal.text
        assert ACTION in refusal.text
    assert list_samples() == []
    assert carol.post(f"/attempts/{attempt}/sample", data=data).status_code == 303
    [item] = db.session.scalars(select(SampleItem))
    assert (item.agrees, item.comment) == (False, ACTION)


@pytest.mark.parametrize("state", [AttemptState.ASSESSED, AttemptState.CONFIRMED, AttemptState.VERIFIED])
def test_disagreement_with_a_signed_unit_ends_the_round(world: World, state: AttemptState) -> None:
    attempt = world.cfacc15
    workflow.sign(world, attempt)
    if state is not AttemptState.ASSESSED:
        workflow.confirm(attempt)
    if state is AttemptState.VERIFIED:
        with transaction():
            carol, snapshot_hash = factories.make_actor(world.carol), take_snapshot(attempt).hash
            sign_verification(attempt, snapshot_hash, carol, clock.now(), unsampled_reason=UNSAMPLED_REASONS[0])
    assert attempt.state is state
    disagree(world, find_live_decision(attempt, "6"))
    assert (attempt.state, attempt.round) == (AttemptState.IN_PROGRESS, 2)
    assert db.session.scalars(select(Reopening.kind)).one() is ReopeningKind.DISAGREEMENT
    assert all(signature.superseded_at for signature in db.session.scalars(select(Signature)))


def test_interim_disagreement_leaves_the_unit_in_its_round(world: World) -> None:
    workflow.meet_everything(world, world.cfacc15)
    disagree(world, find_live_decision(world.cfacc15, "6"))
    assert (world.cfacc15.state, world.cfacc15.round) == (AttemptState.IN_PROGRESS, 1)


def test_disagreement_with_a_unit_whose_certificate_is_claimed_is_refused(confirmed: World) -> None:
    decision = find_live_decision(confirmed.cfacc15, "6")
    with transaction():
        confirmed.cfacc15.state = AttemptState.CERTIFICATE_CLAIMED
    with pytest.raises(Refused, match="A second person must agree to reopen it"):
        disagree(confirmed, decision)
    db.session.rollback()
    assert db.session.scalar(select(ActionPoint.id)) is None


def test_disagreement_supersedes_only_its_own_decision_and_raises_an_action_point(confirmed: World) -> None:
    attempt = confirmed.cfacc15
    decision = find_live_decision(attempt, "6")
    action_point = disagree(confirmed, decision)
    [item] = db.session.scalars(select(SampleItem))
    live_decisions = list(db.session.scalars(select(Decision).where(Decision.superseded_at.is_(None))))
    [new] = [each for each in live_decisions if each.outcome is not Outcome.MET]
    assert decision.superseded_at
    assert (new.claim_id, new.outcome, new.sample_item_id, new.comment) == (
        decision.claim_id,
        Outcome.NEEDS_MORE,
        item.id,
        ACTION,
    )
    assert (action_point.sample_item_id, action_point.action) == (item.id, ACTION)
    criterion_ids = db.session.scalars(select(ActionPointCriterion.criterion_id)).all()
    assert criterion_ids == [factories.criterion(attempt, "6").id]
    states = {status.column.label: status.state for status in load_matrix(attempt).statuses}
    assert states.pop("6") is CriterionState.NEEDS_MORE
    assert set(states.values()) == {CriterionState.MET}


def test_criterion_stays_met_where_other_evidence_still_meets_it(world: World) -> None:
    attempt = world.cfacc15
    for title in ("Call of 5 October", "Call of 6 October"):
        _, version, claims = workflow.submit_item(attempt, title, "6")
        workflow.accept(attempt, version, world.bob, claims)
    [first, _second] = load_matrix(attempt).claiming_rows
    criterion_id = factories.criterion(attempt, "6").id
    disagree(world, db.session.get_one(Decision, first.cells[criterion_id].decision_id))
    [status] = [status for status in load_matrix(attempt).statuses if status.column.id == criterion_id]
    assert status.state is CriterionState.MET


def test_assessor_gets_one_email_about_several_disagreements(
    confirmed: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emails, "can_deliver", lambda: True)
    monkeypatch.setattr(emails, "send", lambda *_: None)
    decisions = [find_live_decision(confirmed.cfacc15, label) for label in ("5", "6")]
    due_on = clock.today() + timedelta(days=14)
    with transaction():
        sampled = [
            SampledDecision(decision.id, agrees=False, comment=ACTION, due_on=due_on) for decision in decisions
        ]
        draw_sample(confirmed.cfacc15, sampled, "", factories.make_actor(confirmed.carol))
    assert len(db.session.scalars(select(ActionPoint)).all()) == 2
    topics = db.session.scalars(select(Notification.topic).where(Notification.person_id == confirmed.bob.id)).all()
    assert [topic for topic in topics if topic.startswith("action_point_raised")] == ["action_point_raised:1"]


def test_unit_is_signed_again_only_after_the_action_point_was_answered_and_closed(confirmed: World) -> None:
    attempt, by_bob, by_carol = (
        confirmed.cfacc15,
        factories.make_actor(confirmed.bob),
        factories.make_actor(confirmed.carol),
    )
    action_point = disagree(confirmed, find_live_decision(attempt, "6"))
    [row] = load_matrix(attempt).claiming_rows
    version_id, claim_id = row.version_id, row.cells[factories.criterion(attempt, "6").id].claim_id
    workflow.decide_again(attempt, version_id, claim_id, confirmed.bob)
    workflow.confirm_requirements(confirmed, attempt)

    def sign() -> None:
        with transaction():
            reason = workflow.WARNINGS_REASON
            signing.sign_unit(attempt, take_snapshot(attempt).hash, "", by_bob, clock.now(), warnings_reason=reason)

    with pytest.raises(Refused, match="An action point needs your written response"):
        sign()
    with transaction():
        answer_action_point(attempt, action_point.id, "I have listened to both calls.", by_bob)
    with pytest.raises(Refused, match="The verifier has not yet closed an action point"):
        sign()
    with transaction():
        action_points.close_action_point(attempt, action_point, by_carol)
    sign()
    assert (attempt.state, attempt.round) == (AttemptState.ASSESSED, 2)


def test_verifier_asks_again_when_the_response_does_not_satisfy(confirmed: World, client: Browser) -> None:
    attempt = confirmed.cfacc15
    action_point = disagree(confirmed, find_live_decision(attempt, "6"))
    carol, path = client(confirmed.carol), f"/attempts/{attempt.id}/action-points/{action_point.id}/ask-again"
    prefix = f"action-point-{action_point.id}-"
    data = {f"{prefix}action": "Name the second call.", f"{prefix}due_on": "31/12/2099"}
    assert carol.post(path, data=data).status_code == 409  # not answered yet
    with transaction():
        answer_action_point(attempt, action_point.id, "Done.", factories.make_actor(confirmed.bob))
    refusal = carol.post(path, data={f"{prefix}action": "Name the second call."})
    assert refusal.status_code == 422
    assert "Enter the due date." in refusal.text
    assert "Name the second call." in refusal.text
    assert carol.post(path, data=data).status_code == 303
    db.session.rollback()
    first, second = db.session.scalars(select(ActionPoint).order_by(ActionPoint.id))
    assert first.closed_at
    assert (second.follows_id, second.action, second.closed_at) == (first.id, "Name the second call.", None)


def test_sample_needs_a_decision(confirmed: World, client: Browser) -> None:
    answer = client(confirmed.carol).post(f"/attempts/{confirmed.cfacc15.id}/sample", data={"comment": "All fine."})
    assert answer.status_code == 422
    assert "for at least one decision" in answer.text
    assert "All fine." in answer.text


def test_decision_of_another_unit_cannot_be_sampled(confirmed: World, client: Browser) -> None:
    _, version, claims = workflow.submit_item(confirmed.inscc004, "Call of 7 October", "3")
    workflow.accept(confirmed.inscc004, version, confirmed.bob, claims)
    foreign = db.session.scalars(select(Decision).where(Decision.attempt_id == confirmed.inscc004.id)).one()
    answer = client(confirmed.carol).post(
        f"/attempts/{confirmed.cfacc15.id}/sample", data={f"decision-{foreign.id}": "agree"}
    )
    assert answer.status_code == 404
    assert list_samples() == []


def test_verifiers_own_decision_cannot_be_sampled(confirmed: World) -> None:
    disagree(confirmed, find_live_decision(confirmed.cfacc15, "6"))
    with pytest.raises(NotFound):
        disagree(confirmed, find_live_decision(confirmed.cfacc15, "6"))


def test_decision_that_was_superseded_meanwhile_is_not_sampled(confirmed: World, client: Browser) -> None:
    decision = find_live_decision(confirmed.cfacc15, "6")
    disagree(confirmed, decision)
    with pytest.raises(Conflict):
        disagree(confirmed, decision)
    data = {f"decision-{decision.id}": "agree", "comment": "I listened to the call."}
    answer = client(confirmed.carol).post(f"/attempts/{confirmed.cfacc15.id}/sample", data=data)
    assert answer.status_code == 409
    assert "A decision was changed since you opened this page" in answer.text
    assert "I listened to the call." in answer.text


def test_sample_form_sent_twice_is_one_sample(confirmed: World, client: Browser, read_page: Read) -> None:
    carol, attempt = client(confirmed.carol), confirmed.cfacc15.id
    page = read_page(carol, attempt)
    data = {f"decision-{page.decision_ids[0]}": "agree", "idempotency_key": page.idempotency_key}
    for _ in range(2):
        assert carol.post(f"/attempts/{attempt}/sample", data=data).status_code == 303
    assert len(list_samples()) == 1


def test_comment_that_is_too_long_is_refused_and_not_cut(confirmed: World) -> None:
    decision = find_live_decision(confirmed.cfacc15, "6")
    sampled, by_carol = [SampledDecision(decision.id, agrees=True)], factories.make_actor(confirmed.carol)
    with pytest.raises(Invalid, match="at most 2,000 characters"), transaction():
        draw_sample(confirmed.cfacc15, sampled, "x" * 2_001, by_carol)


def test_id_too_large_for_the_database_names_no_decision(confirmed: World, client: Browser) -> None:
    for name in (f"decision-{'9' * 5000}", "decision-x", "decision-"):
        data = {name: "agree"}
        assert client(confirmed.carol).post(f"/attempts/{confirmed.cfacc15.id}/sample", data=data).status_code == 404
    assert not list_samples()


def test_before_and_after_a_disagreement_the_pages_say_the_same_of_the_signatures(
    confirmed: World, client: Browser, read_page: Read
) -> None:
    carol, path = client(confirmed.carol), f"/attempts/{confirmed.cfacc15.id}"
    before = " ".join(carol.get(f"{path}/verify").text.split())
    assert "its signatures are kept but no longer count" in before
    assert (
        "The day of the latest sample, or “Not sampled”, appears here once signed"
        in carol.get(f"{path}/verify/sign").text
    )
    [first, *_] = read_page(carol, confirmed.cfacc15.id).decision_ids
    data = {f"decision-{first}": "disagree", f"action-{first}": ACTION, f"due-{first}": "2099-01-31"}
    answer = carol.post(f"{path}/sample", data=data)
    assert "Its signatures are kept but no longer count" in carol.get(answer.location).text

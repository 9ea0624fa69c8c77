"""What the records of a verification hold: samples, signatures and reopenings, row by row, and their events."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from tests import factories
from tests.accounts.conftest import emails_to, mail_server  # noqa: F401 - fixtures
from tests.assessment import workflow
from tests.factories import World
from tests.verification.steps import ACTION, find_live_decision
from tracker import clock
from tracker.errors import Conflict, Invalid, NotFound, Refused
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import ActionPoint, Claim, Decision, Event, Reopening, Sample, SampleItem, Signature
from tracker.recording_forms.form_content import STATEMENT_OF_COMPETENCE
from tracker.recording_forms.snapshot import take_snapshot
from tracker.verification.services import sampling
from tracker.verification.services.returning import reopen_verified, return_unit
from tracker.verification.services.sampling import SampledDecision, draw_sample
from tracker.verification.services.signing import find_latest_sample_date, sign_verification
from tracker.vocabulary import AttemptState, Outcome, ReopeningKind, SignatureRole

Emails = Callable[[str], list[Any]]
OWN_REASON = "x" * 20


def read_event(act: str) -> dict[str, Any]:
    """Return what the latest event of an act says, except of rows."""
    query = select(Event.body).where(Event.act == act).order_by(Event.seq.desc())
    data: dict[str, Any] = json.loads(db.session.scalars(query).first() or b"")["data"]
    return {name: value for name, value in data.items() if name not in {"rows", "former"}}


def sample(world: World, *sampled: SampledDecision, comment: str = "") -> Sample:
    with transaction():
        return draw_sample(world.cfacc15, sampled, comment, factories.make_actor(world.carol))


def disagree_with(decision: Decision, comment: str = ACTION, days: int | None = 14) -> SampledDecision:
    due_on = None if days is None else clock.today() + timedelta(days=days)
    return SampledDecision(decision.id, agrees=False, comment=comment, due_on=due_on)


def sign(world: World, **options: Any) -> Signature:
    attempt = world.cfacc15
    with transaction():
        carol = factories.make_actor(world.carol)
        return sign_verification(attempt, take_snapshot(attempt).hash, carol, clock.now(), **options)


class TestSample:
    def test_a_sample_its_items_and_its_event_say_what_was_sampled(self, confirmed: World) -> None:
        attempt = confirmed.cfacc15
        agreed, disputed = find_live_decision(attempt, "2"), find_live_decision(attempt, "1")
        drawn = sample(
            confirmed,
            SampledDecision(agreed.id, agrees=True, comment=" Clear. "),
            disagree_with(disputed, f" {ACTION} "),
            comment=" Two of 24. ",
        )
        assert (drawn.round, drawn.verifier_id, drawn.is_interim, drawn.comment) == (
            1,
            confirmed.carol.id,
            False,
            "Two of 24.",
        )
        items = {each.criterion_id: each for each in db.session.scalars(select(SampleItem))}
        first, second = items[factories.criterion(attempt, "1").id], items[factories.criterion(attempt, "2").id]
        assert len(items) == 2
        assert (first.agrees, first.comment, first.evidence_version_id) == (
            False,
            ACTION,
            disputed.evidence_version_id,
        )
        assert (second.agrees, second.comment) == (True, "Clear.")
        new = db.session.scalars(select(Decision).where(Decision.sample_item_id == first.id)).one()
        assert (disputed.superseded_at, new.decided_at, new.decided_by_id) == (
            drawn.sampled_at,
            drawn.sampled_at,
            confirmed.carol.id,
        )
        assert (new.comment, agreed.superseded_at) == (ACTION, None)
        event = read_event("sample_drawn")
        assert set(event.pop("texts")) == {"comment"}
        assert event == {
            "attempt": attempt.id,
            "round": 1,
            "sampled": 2,
            "agreed": 1,
            "decisions": [{"decision": new.id, "claim": disputed.claim_id, "outcome": Outcome.NEEDS_MORE.value}],
        }
        reopening = db.session.scalars(select(Reopening)).one()
        assert (reopening.kind, reopening.reason) == (ReopeningKind.DISAGREEMENT, f"1: {ACTION}")
        point = db.session.scalars(select(ActionPoint)).one()
        assert (point.action, point.due_on, point.sample_item_id) == (
            ACTION,
            clock.today() + timedelta(days=14),
            first.id,
        )

    def test_an_interim_sample_is_of_a_unit_in_progress_or_assessed(self, world: World) -> None:
        attempt = world.cfacc15
        workflow.sign(world, attempt)
        decision = find_live_decision(attempt, "1")
        assert sample(world, SampledDecision(decision.id, agrees=True)).is_interim
        workflow.confirm(attempt)
        assert not sample(world, SampledDecision(decision.id, agrees=True)).is_interim
        sign(world, unsampled_reason=OWN_REASON)
        assert not sample(world, SampledDecision(decision.id, agrees=True)).is_interim

    @pytest.mark.parametrize("state", [AttemptState.CERTIFICATE_CLAIMED, AttemptState.VOID])
    def test_a_unit_that_is_claimed_or_void_is_not_sampled(self, confirmed: World, state: AttemptState) -> None:
        decision = find_live_decision(confirmed.cfacc15, "1")
        assert sampling.can_sample(confirmed.cfacc15)
        with transaction():
            confirmed.cfacc15.state = state
            factories.leave_unsealed()
        assert not sampling.can_sample(confirmed.cfacc15)
        with pytest.raises(Refused, match="has been claimed" if state is not AttemptState.VOID else "void"):
            sample(confirmed, SampledDecision(decision.id, agrees=True))

    def test_a_withdrawn_candidates_unit_is_sampled_only_once_complete(self, world: World) -> None:
        with transaction():
            world.registration.withdrawn_at, world.registration.withdrawn_reason = clock.now(), "Moved away."
            factories.leave_unsealed()
        assert not sampling.can_sample(world.cfacc15)
        with transaction():
            world.cfacc15.state = AttemptState.CONFIRMED
            factories.leave_unsealed()
        assert sampling.can_sample(world.cfacc15)

    def test_comments_have_at_most_2000_characters(self, confirmed: World) -> None:
        decision = find_live_decision(confirmed.cfacc15, "1")
        for comment, own in (("x" * 2_001, ""), ("", "x" * 2_001)):
            with pytest.raises(Invalid, match="at most 2,000"):
                sample(confirmed, SampledDecision(decision.id, agrees=True, comment=own), comment=comment)
        sample(confirmed, SampledDecision(decision.id, agrees=True, comment="x" * 2_000), comment="x" * 2_000)

    def test_a_disagreement_needs_an_action_and_a_date_each_with_its_field(self, confirmed: World) -> None:
        decision = find_live_decision(confirmed.cfacc15, "1")
        for sampled, field in (
            (disagree_with(decision, " "), f"action-{decision.id}"),
            (disagree_with(decision, days=None), f"due-{decision.id}"),
            (disagree_with(decision, days=-1), f"due-{decision.id}"),
        ):
            with pytest.raises(Invalid) as refused:
                sample(confirmed, sampled)
            assert refused.value.field == field

    def test_only_live_decisions_of_assessors_in_this_unit_are_sampled(self, confirmed: World) -> None:
        attempt = confirmed.cfacc15
        workflow.meet_everything(confirmed, confirmed.inscc004)
        other = db.session.scalars(select(Decision).where(Decision.attempt_id == confirmed.inscc004.id)).first()
        first, second = find_live_decision(attempt, "1"), find_live_decision(attempt, "2")
        assert other
        for wrong in (other.id, 4711):
            with pytest.raises(NotFound):
                sample(confirmed, SampledDecision(first.id, agrees=True), SampledDecision(wrong, agrees=True))
        sample(confirmed, disagree_with(first))
        own = db.session.scalars(select(Decision).where(Decision.sample_item_id.is_not(None))).one()
        with pytest.raises(NotFound):
            sample(confirmed, SampledDecision(own.id, agrees=True))
        with pytest.raises(Conflict):
            sample(confirmed, SampledDecision(first.id, agrees=True), SampledDecision(second.id, agrees=True))

    def test_a_decision_on_a_removed_claim_is_not_sampled(self, confirmed: World) -> None:
        decision = find_live_decision(confirmed.cfacc15, "1")
        with transaction():
            claim = db.session.get_one(Claim, decision.claim_id)
            claim.removed_at, claim.removed_by_id = clock.now(), confirmed.alice.id
            factories.leave_unsealed()
        with pytest.raises(Conflict):
            sample(confirmed, SampledDecision(decision.id, agrees=True))

    def test_the_latest_day_is_that_of_this_unit_in_this_round(self, confirmed: World) -> None:
        attempt = confirmed.cfacc15
        assert find_latest_sample_date(attempt) is None
        drawn = sample(confirmed, SampledDecision(find_live_decision(attempt, "1").id, agrees=True))
        assert find_latest_sample_date(attempt) == clock.day_of(drawn.sampled_at)
        assert find_latest_sample_date(confirmed.inscc004) is None
        with transaction():
            attempt.round = 2
            factories.leave_unsealed()
        assert find_latest_sample_date(attempt) is None


class TestSignature:
    def test_a_sampled_units_signature_and_event_say_what_was_signed(
        self,
        confirmed: World,
        emails_to: Emails,  # noqa: F811 - the fixture
    ) -> None:
        attempt, at = confirmed.cfacc15, clock.now() - timedelta(minutes=2)
        sample(confirmed, SampledDecision(find_live_decision(attempt, "1").id, agrees=True))
        already = len(emails_to(confirmed.alice.email))
        with transaction():
            carol, snapshot = factories.make_actor(confirmed.carol), take_snapshot(attempt)
            signature = sign_verification(attempt, snapshot.hash, carol, at)
        assert (signature.role, signature.round) == (SignatureRole.INTERNAL_VERIFIER, 1)
        assert (signature.person_id, signature.session_ref) == (confirmed.carol.id, "test-session")
        assert (signature.statement, signature.comment) == (STATEMENT_OF_COMPETENCE, "")
        assert (signature.snapshot, signature.snapshot_hash) == (snapshot.text, snapshot.hash)
        assert (signature.reauthenticated_at, signature.address_confirmed) == (at, True)
        assert (signature.date_sampled, signature.unsampled_reason) == (clock.today(), None)
        assert read_event("unit_verified") == {
            "attempt": attempt.id,
            "round": 1,
            "snapshot": snapshot.hash,
            "state": "verified",
            "sampled": clock.today().isoformat(),
            "second_step": None,
        }
        assert len(emails_to(confirmed.alice.email)) == already + 1

    def test_an_actor_without_a_session_can_sign(self, confirmed: World) -> None:
        attempt, carol = confirmed.cfacc15, replace(factories.make_actor(confirmed.carol), session_ref=None)
        with transaction():
            signature = sign_verification(
                attempt, take_snapshot(attempt).hash, carol, clock.now(), unsampled_reason=OWN_REASON
            )
        assert signature.session_ref == ""

    def test_an_unsampled_units_event_holds_the_reason_as_a_hash(self, confirmed: World) -> None:
        signature = sign(confirmed, unsampled_reason=f" {OWN_REASON} ")
        assert (signature.date_sampled, signature.unsampled_reason) == (None, OWN_REASON)
        event = read_event("unit_verified")
        assert set(event["texts"]) == {"reason"}
        assert event["sampled"] is None

    def test_a_reason_is_one_of_the_centres_or_has_20_characters(self, confirmed: World) -> None:
        for reason, field in (("", "reason"), ("  ", "reason"), ("x" * 19, "own_reason")):
            with pytest.raises(Invalid) as refused:
                sign(confirmed, unsampled_reason=reason)
            assert refused.value.field == field
        with transaction():
            confirmed.northgate.unsampled_reasons = ["Trusted"]
            factories.leave_unsealed()
        assert sign(confirmed, unsampled_reason="Trusted").unsampled_reason == "Trusted"

    def test_a_unit_that_is_not_confirmed_is_refused_whatever_was_shown(self, world: World) -> None:
        carol = factories.make_actor(world.carol)
        with pytest.raises(Refused, match="Nothing was changed"), transaction():
            sign_verification(world.cfacc15, "0" * 64, carol, clock.now(), unsampled_reason=OWN_REASON)

    def test_a_form_that_was_not_shown_is_not_signed(self, confirmed: World) -> None:
        carol = factories.make_actor(confirmed.carol)
        with pytest.raises(Conflict, match="changed while you were reading"), transaction():
            sign_verification(confirmed.cfacc15, "0" * 64, carol, clock.now(), unsampled_reason=OWN_REASON)
        assert confirmed.cfacc15.state is AttemptState.CONFIRMED

    def test_neither_the_assessor_nor_the_candidate_verifies(self, confirmed: World) -> None:
        for person in (confirmed.bob, confirmed.alice):
            with pytest.raises(Refused), transaction():
                sign_verification(
                    confirmed.cfacc15,
                    take_snapshot(confirmed.cfacc15).hash,
                    factories.make_actor(person),
                    clock.now(),
                    unsampled_reason=OWN_REASON,
                )


class TestReturning:
    def test_a_returned_unit_begins_a_new_round_with_an_action_point(
        self,
        confirmed: World,
        emails_to: Emails,  # noqa: F811 - the fixture
    ) -> None:
        attempt, carol, due = confirmed.cfacc15, factories.make_actor(confirmed.carol), clock.today()
        criterion = factories.criterion(attempt, "1").id
        with transaction():
            point = return_unit(attempt, [criterion], f" {ACTION} ", due, carol)
        assert (point.action, point.due_on, attempt.state, attempt.round) == (
            ACTION,
            due,
            AttemptState.IN_PROGRESS,
            2,
        )
        reopening = db.session.scalars(select(Reopening)).one()
        assert (reopening.kind, reopening.reason) == (ReopeningKind.RETURN, ACTION)
        assert len(emails_to(confirmed.bob.email)) == 1

    def test_a_unit_in_another_state_is_refused_before_anything_is_asked_for(self, confirmed: World) -> None:
        carol = factories.make_actor(confirmed.carol)
        with pytest.raises(Refused, match="Nothing was changed"), transaction():
            return_unit(confirmed.inscc004, [], "", None, carol)
        with pytest.raises(Refused, match="Nothing was changed"), transaction():
            reopen_verified(confirmed.cfacc15, [], "", carol)

    def test_a_return_needs_criteria_of_the_unit_an_action_and_a_date(self, confirmed: World) -> None:
        attempt, carol, due = confirmed.cfacc15, factories.make_actor(confirmed.carol), clock.today()
        own, other = factories.criterion(attempt, "1").id, factories.criterion(confirmed.inscc004, "1").id
        no_date: date | None = None
        for criteria, action, day, field in (
            ([], ACTION, due, "criteria"),
            ([own], " ", due, "action"),
            ([own], ACTION, no_date, "due_on"),
        ):
            with pytest.raises(Invalid) as refused, transaction():
                return_unit(attempt, criteria, action, day, carol)
            assert refused.value.field == field
        with pytest.raises(NotFound), transaction():
            return_unit(attempt, [own, other], ACTION, due, carol)
        with pytest.raises(Refused), transaction():
            return_unit(attempt, [own], ACTION, due, factories.make_actor(confirmed.bob))
        with pytest.raises(Refused), transaction():
            return_unit(confirmed.inscc004, [other], ACTION, due, carol)

    def test_a_verified_unit_is_reopened_with_a_reason(
        self,
        confirmed: World,
        emails_to: Emails,  # noqa: F811 - the fixture
    ) -> None:
        attempt, carol = confirmed.cfacc15, factories.make_actor(confirmed.carol)
        criterion = [factories.criterion(attempt, "1").id]
        with pytest.raises(Refused), transaction():
            reopen_verified(attempt, criterion, "Look again.", carol)
        sign(confirmed, unsampled_reason=OWN_REASON)
        for criteria, reason, field in ((criterion, "  ", "reason"), ([], "Look again.", "criteria")):
            with pytest.raises(Invalid) as refused, transaction():
                reopen_verified(attempt, criteria, reason, carol)
            assert refused.value.field == field
        with pytest.raises(Refused), transaction():
            reopen_verified(attempt, criterion, "Look again.", factories.make_actor(confirmed.bob))
        with transaction():
            reopen_verified(attempt, criterion, " Look again. ", carol)
        reopening = db.session.scalars(select(Reopening)).one()
        assert (reopening.kind, reopening.reason) == (ReopeningKind.REOPENING, "Look again.")
        assert (attempt.state, attempt.round) == (AttemptState.IN_PROGRESS, 2)
        assert len(emails_to(confirmed.bob.email)) == 1

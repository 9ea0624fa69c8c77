"""What a signature and its event hold, word for word, and how long the texts around it may be."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select

from tests import factories
from tests.accounts.conftest import emails_to, mail_server  # noqa: F401 - fixtures
from tests.assessment import workflow
from tests.assessment.test_sign_unit import sign_as_bob
from tests.factories import World
from tracker import clock
from tracker.assessment.services import assessments, releasing, sign_off_checks, signing
from tracker.assessment.services.sign_off_checks import (
    SignOffCounts,
    check_warnings_reason,
    list_sign_off_blockers,
    load_sign_off_counts,
)
from tracker.errors import Conflict, Invalid, NotFound, Refused
from tracker.extensions import db
from tracker.ledger.transactions import rehearsal, transaction
from tracker.matrix import load_matrix, summarise_attempts
from tracker.models import Event, EvidenceRequirement, RequirementConfirmation, Signature, UnitAttempt
from tracker.recording_forms.form_content import STATEMENT_OF_COMPETENCE
from tracker.recording_forms.snapshot import take_snapshot
from tracker.vocabulary import AttemptState, Method, Outcome, Role, Simulation

REASON = workflow.WARNINGS_REASON


@pytest.fixture
def signed(world: World, ready: UnitAttempt) -> UnitAttempt:
    sign_as_bob(world, ready)
    return ready


def confirm(world: World, attempt: UnitAttempt, **options: Any) -> Signature:
    with transaction():
        alice = factories.make_actor(world.alice)
        return signing.confirm_unit(attempt, take_snapshot(attempt).hash, alice, clock.now(), **options)


def read_event(act: str) -> dict[str, Any]:
    """Return what the only event of an act says, except of rows."""
    data: dict[str, Any] = json.loads(db.session.scalars(select(Event.body).where(Event.act == act)).one())["data"]
    return {name: value for name, value in data.items() if name not in {"rows", "former"}}


def list_requirements(attempt: UnitAttempt) -> list[int]:
    query = select(EvidenceRequirement.id).where(EvidenceRequirement.unit_id == attempt.unit_id)
    return sorted(db.session.scalars(query))


class TestSignature:
    def test_the_assessors_signature_and_event_say_what_was_signed(self, world: World, ready: UnitAttempt) -> None:
        noted, *_ = requirements = list_requirements(ready)
        bob, at = factories.make_actor(world.bob), clock.now() - timedelta(minutes=2)
        with transaction():
            signing.confirm_requirement(ready, noted, " Seen on site. ", bob)
            signature = signing.sign_unit(
                ready, take_snapshot(ready).hash, " Well done. ", bob, at, warnings_reason=f" {REASON} "
            )
        snapshot = take_snapshot(ready)
        assert (signature.comment, signature.warnings_reason) == ("Well done.", REASON)
        assert (signature.statement, signature.session_ref) == (STATEMENT_OF_COMPETENCE, "test-session")
        assert (signature.reauthenticated_at, signature.address_confirmed) == (at, True)
        assert (signature.snapshot, signature.snapshot_hash) == (snapshot.text, snapshot.hash)
        assert (ready.assessed_at, ready.closing_comment) == (signature.signed_at, "Well done.")
        assert (ready.warnings_reason, ready.simulation_reason) == (REASON, None)
        event = read_event("unit_signed")
        assert set(event.pop("texts")) == {"comment", "warnings_reason", f"note-{noted}"}
        assert event == {
            "attempt": ready.id,
            "round": 1,
            "role": "assessor",
            "snapshot": snapshot.hash,
            "state": "assessed",
            "requirements": requirements,
            "sufficient": True,
            "second_step": None,
            "unmet_guidance": [
                {"centre_rule": None, "kind": "occasions"},
                {"centre_rule": None, "kind": "customers"},
            ],
        }

    def test_the_candidates_signature_and_event_say_what_was_signed(self, world: World, signed: UnitAttempt) -> None:
        signature = confirm(world, signed)
        assert (signature.person_id, signature.comment, signature.warnings_reason) == (world.alice.id, "", None)
        assert (signature.session_ref, signature.address_confirmed) == ("test-session", True)
        assert read_event("unit_confirmed") == {
            "attempt": signed.id,
            "round": 1,
            "role": "candidate",
            "snapshot": signature.snapshot_hash,
            "state": "confirmed",
            "second_step": None,
        }

    def test_the_candidate_and_then_the_verifier_get_an_email(
        self,
        world: World,
        ready: UnitAttempt,
        emails_to: Callable[[str], list[Any]],  # noqa: F811 - the fixture
    ) -> None:
        sign_as_bob(world, ready)
        assert len(emails_to(world.alice.email)) == 1
        confirm(world, ready)
        assert len(emails_to(world.carol.email)) == 1

    def test_without_a_verifier_the_candidate_can_confirm(self, world: World, signed: UnitAttempt) -> None:
        with transaction():
            factories.end_allocation(signed, Role.INTERNAL_VERIFIER)
            factories.leave_unsealed()
        confirm(world, signed)
        assert signed.state is AttemptState.CONFIRMED

    def test_without_an_assessor_the_candidate_can_dispute(self, world: World, signed: UnitAttempt) -> None:
        with transaction():
            factories.end_allocation(signed, Role.ASSESSOR)
            factories.leave_unsealed()
        with transaction():
            signing.dispute_unit(
                signed, [factories.criterion(signed, "1").id], "I disagree.", factories.make_actor(world.alice)
            )
        assert signed.state is AttemptState.IN_PROGRESS

    @pytest.mark.parametrize("difference", [-1, 1])
    def test_a_page_of_another_version_signs_nothing(self, world: World, ready: UnitAttempt, difference: int) -> None:
        with pytest.raises(Conflict, match="Nothing was signed"):
            sign_as_bob(world, ready, seen_version=ready.version + difference)
        sign_as_bob(world, ready, seen_version=ready.version)
        with pytest.raises(Conflict, match="Nothing was signed"):
            confirm(world, ready, seen_version=ready.version + difference)
        confirm(world, ready, seen_version=ready.version)

    def test_a_withdrawn_candidates_unit_is_neither_signed_nor_confirmed_nor_disputed(
        self, world: World, signed: UnitAttempt
    ) -> None:
        with transaction():
            world.registration.withdrawn_at, world.registration.withdrawn_reason = clock.now(), "Moved away."
            factories.leave_unsealed()
        alice, bob = factories.make_actor(world.alice), factories.make_actor(world.bob)
        with pytest.raises(Refused, match="withdrawn"):
            confirm(world, signed)
        with pytest.raises(Refused, match="withdrawn"), transaction():
            signing.dispute_unit(signed, [factories.criterion(signed, "1").id], "I disagree.", alice)
        with pytest.raises(Refused, match="withdrawn"), transaction():
            signing.retract_signature(signed, "A mistake.", bob)
        with pytest.raises(Refused, match="withdrawn"), transaction():
            signing.confirm_requirement(world.inscc004, 1, "", bob)

    def test_nobody_but_the_candidate_confirms(self, world: World, signed: UnitAttempt) -> None:
        for actor in (factories.make_actor(world.bob), factories.Actor(None)):
            with pytest.raises(NotFound), transaction():
                signing.confirm_unit(signed, take_snapshot(signed).hash, actor, clock.now())

    def test_a_unit_that_does_not_await_the_candidate_is_refused_whatever_was_shown(
        self, world: World, ready: UnitAttempt
    ) -> None:
        with pytest.raises(Refused, match="Nothing was changed"), transaction():
            signing.confirm_unit(ready, "0" * 64, factories.make_actor(world.alice), clock.now())

    def test_a_decision_whose_time_to_undo_is_over_is_released_before_the_signature(self, world: World) -> None:
        attempt, bob = world.cfacc15, factories.make_actor(world.bob)
        workflow.meet_everything(world, attempt)
        workflow.confirm_requirements(world, attempt)
        _, version, claims = workflow.submit_item(attempt, "One more", "1")
        with transaction():
            assessments.save_draft(attempt, version, workflow.build_draft(dict.fromkeys(claims, Outcome.MET)), bob)
            assessments.accept_evidence(attempt, version, bob)
        workflow.pass_time_to_undo()
        with rehearsal():
            releasing.release_due_in(attempt)
            shown = take_snapshot(attempt).hash
        with transaction():
            signature = signing.sign_unit(attempt, shown, "", bob, clock.now(), warnings_reason=REASON)
        assert signature.snapshot_hash == shown

    def test_an_actor_without_a_session_can_sign(self, world: World, ready: UnitAttempt) -> None:
        bob = replace(factories.make_actor(world.bob), session_ref=None)
        with transaction():
            signature = signing.sign_unit(
                ready, take_snapshot(ready).hash, "", bob, clock.now(), warnings_reason=REASON
            )
        assert signature.session_ref == ""


class TestSimulation:
    @pytest.mark.parametrize(
        ("method", "simulation", "is_needed"),
        [
            (Method.SIMULATION, Simulation.UNSTATED, True),
            (Method.SIMULATION, Simulation.PER_CRITERION, False),
            (Method.OBSERVATION, Simulation.UNSTATED, False),
        ],
    )
    def test_a_reason_is_needed_for_simulated_evidence_that_the_unit_does_not_mention(
        self, method: Method, simulation: Simulation, is_needed: bool
    ) -> None:
        attempt: Any = SimpleNamespace(unit=SimpleNamespace(simulation=simulation))
        matrix: Any = SimpleNamespace(claiming_rows=[SimpleNamespace(method=method)])
        assert signing.needs_simulation_reason(attempt, matrix) is is_needed

    def test_the_reason_is_kept_and_signed_where_it_is_needed(
        self, world: World, ready: UnitAttempt, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(signing, "needs_simulation_reason", lambda *_: True)
        signature = sign_as_bob(world, ready, simulation_reason=" Strategy 4.2 allows it. ")
        assert ready.simulation_reason == "Strategy 4.2 allows it."
        assert (
            signature.comment == "Well done.\n\nSimulated evidence is allowed here because: Strategy 4.2 allows it."
        )

    def test_a_reason_that_is_not_needed_is_not_kept(self, world: World, ready: UnitAttempt) -> None:
        with transaction():
            ready.simulation_reason = "Strategy 4.2 allows it."
        signature = sign_as_bob(world, ready, simulation_reason="Strategy 4.2 allows it.")
        assert (ready.simulation_reason, signature.comment) == (None, "Well done.")


class TestRefusals:
    def test_the_candidate_neither_withdraws_a_confirmation_nor_saves_a_draft(
        self, world: World, ready: UnitAttempt
    ) -> None:
        alice = factories.make_actor(world.alice)
        with pytest.raises(Refused, match="their own work"), transaction():
            signing.withdraw_confirmation(ready, list_requirements(ready)[0], alice)
        with pytest.raises(Refused, match="their own work"), transaction():
            signing.save_sign_off_draft(ready, alice, comment="Well done.")

    def test_after_the_signature_nothing_of_it_is_changed(self, world: World, signed: UnitAttempt) -> None:
        bob, requirement = factories.make_actor(world.bob), list_requirements(signed)[0]
        with pytest.raises(Refused), transaction():
            signing.confirm_requirement(signed, requirement, "Later.", bob)
        with pytest.raises(Refused), transaction():
            signing.withdraw_confirmation(signed, requirement, bob)
        with pytest.raises(Refused), transaction():
            signing.save_sign_off_draft(signed, bob, comment="Later.")


class TestRequirements:
    def test_a_requirement_that_does_not_exist_is_not_confirmed(self, world: World) -> None:
        with pytest.raises(NotFound), transaction():
            signing.confirm_requirement(world.cfacc15, 4711, "", factories.make_actor(world.bob))

    def test_a_confirmation_and_its_withdrawal_are_events(self, world: World) -> None:
        attempt, bob = world.cfacc15, factories.make_actor(world.bob)
        requirement = list_requirements(attempt)[0]
        with transaction():
            signing.confirm_requirement(attempt, requirement, " Seen on site. ", bob)
        row = db.session.scalars(select(RequirementConfirmation)).one()
        assert (row.note, row.round, row.confirmed_by_id) == ("Seen on site.", 1, world.bob.id)
        with transaction():
            signing.confirm_requirement(attempt, requirement, " Twice. ", bob)
        assert row.note == "Twice."
        with transaction():
            signing.withdraw_confirmation(attempt, requirement, bob)
            signing.withdraw_confirmation(attempt, requirement, bob)
        assert row.removed_at
        facts = {"attempt": attempt.id, "requirement": requirement}
        assert read_event("requirement_confirmed") == facts | {"round": 1}
        assert read_event("requirement_unconfirmed") == facts

    def test_only_confirmations_of_this_attempt_and_round_that_were_not_withdrawn_count(
        self, world: World, ready: UnitAttempt
    ) -> None:
        bob, total = factories.make_actor(world.bob), len(list_requirements(ready))
        franks = world.franks_attempt
        workflow.meet_everything(world, franks)
        grace = factories.make_actor(world.grace)
        with pytest.raises(Invalid, match=f"{total} are not confirmed"), transaction():
            signing.sign_unit(franks, take_snapshot(franks).hash, "", grace, clock.now(), warnings_reason=REASON)
        with transaction():
            signing.withdraw_confirmation(ready, list_requirements(ready)[0], bob)
        with pytest.raises(Invalid, match="1 is not confirmed"):
            sign_as_bob(world, ready)
        with transaction():
            signing.confirm_requirement(ready, list_requirements(ready)[0], "", bob)
            ready.round = 2
            factories.leave_unsealed()
        with pytest.raises(Invalid, match=f"{total} are not confirmed"):
            sign_as_bob(world, ready)


class TestLengths:
    def test_a_note_has_at_most_2000_characters(self, world: World) -> None:
        attempt, bob = world.cfacc15, factories.make_actor(world.bob)
        requirement = list_requirements(attempt)[0]
        with pytest.raises(Invalid) as refused, transaction():
            signing.confirm_requirement(attempt, requirement, "x" * 2_001, bob)
        assert refused.value.field == "note"
        with transaction():
            signing.confirm_requirement(attempt, requirement, "x" * 2_000, bob)

    @pytest.mark.parametrize(
        ("name", "limit"), [("comment", 4_000), ("warnings_reason", 2_000), ("simulation_reason", 2_000)]
    )
    def test_a_draft_has_a_limit_and_keeps_the_other_texts(self, world: World, name: str, limit: int) -> None:
        attempt, bob = world.cfacc15, factories.make_actor(world.bob)
        with transaction():
            attempt.closing_comment, attempt.warnings_reason, attempt.simulation_reason = "a", "b", "c"
        column = "closing_comment" if name == "comment" else name
        with pytest.raises(Invalid) as refused, transaction():
            signing.save_sign_off_draft(attempt, bob, **{name: "x" * (limit + 1)})
        assert refused.value.field == name
        with transaction():
            signing.save_sign_off_draft(attempt, bob, **{name: "x" * limit})
        texts = {each: getattr(attempt, each) for each in ("closing_comment", "warnings_reason", "simulation_reason")}
        before = {"closing_comment": "a", "warnings_reason": "b", "simulation_reason": "c"}
        assert texts == before | {column: "x" * limit}

    def test_a_draft_that_changes_nothing_leaves_the_version(self, world: World) -> None:
        attempt, bob = world.cfacc15, factories.make_actor(world.bob)
        with transaction():
            attempt.closing_comment = "a"
        version = attempt.version
        with transaction():
            signing.save_sign_off_draft(attempt, bob, comment="a", warnings_reason="", simulation_reason="")
        assert (attempt.version, attempt.warnings_reason, attempt.simulation_reason) == (version, None, None)
        with transaction():
            signing.save_sign_off_draft(attempt, bob, comment="")
        assert (attempt.version, attempt.closing_comment) == (version + 1, "")

    def test_a_reason_can_be_taken_out_of_a_draft(self, world: World) -> None:
        attempt, bob = world.cfacc15, factories.make_actor(world.bob)
        with transaction():
            attempt.warnings_reason = attempt.simulation_reason = "Not needed."
        with transaction():
            signing.save_sign_off_draft(attempt, bob, warnings_reason="", simulation_reason="")
        assert (attempt.warnings_reason, attempt.simulation_reason) == ("", "")

    def test_a_dispute_has_at_most_2000_characters_and_names_each_criterion_once(
        self,
        world: World,
        signed: UnitAttempt,
        emails_to: Callable[[str], list[Any]],  # noqa: F811 - the fixture
    ) -> None:
        alice = factories.make_actor(world.alice)
        first, second = sorted(factories.criterion(signed, label).id for label in ("1", "2"))
        with pytest.raises(Invalid) as refused, transaction():
            signing.dispute_unit(signed, [first], "x" * 2_001, alice)
        assert refused.value.field == "reason"
        with transaction():
            signing.dispute_unit(signed, [second, first, second], "x" * 2_000, alice)
        assert read_event("unit_disputed") == {"attempt": signed.id, "round": 1, "criteria": [first, second]}
        assert len(emails_to(world.bob.email)) == 1

    @pytest.mark.parametrize(("length", "is_enough"), [(9, False), (10, True), (2_000, True), (2_001, False)])
    def test_the_reason_to_sign_over_a_warning_has_10_to_2000_characters(
        self, ready: UnitAttempt, length: int, is_enough: bool
    ) -> None:
        matrix = load_matrix(ready)
        if is_enough:
            assert check_warnings_reason(matrix, f" {'x' * length} ") == "x" * length
            return
        with pytest.raises(Invalid):
            check_warnings_reason(matrix, "x" * length)


class TestBlockers:
    def test_each_count_is_to_be_done_before_the_signature(self) -> None:
        assert SignOffCounts(0, 0, 0, 0).can_sign
        assert not SignOffCounts(0, 0, 0, 0).has_blockers
        for counts in ((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0)):
            assert SignOffCounts(*counts).has_blockers
            assert not SignOffCounts(*counts).can_sign
        assert not SignOffCounts(0, 0, 0, 1).has_blockers
        assert not SignOffCounts(0, 0, 0, 1).can_sign

    def test_the_counts_of_a_unit_without_evidence_are_all_its_criteria_and_requirements(self, world: World) -> None:
        attempt = world.cfacc15
        counts = load_sign_off_counts(summarise_attempts([attempt.id]))[attempt.id]
        criteria = len(list_sign_off_blockers(attempt, load_matrix(attempt)))
        assert counts == SignOffCounts(criteria, 0, 0, len(list_requirements(attempt)))

    def test_nothing_is_to_be_done_once_everything_is_met_and_confirmed(self, ready: UnitAttempt) -> None:
        assert load_sign_off_counts(summarise_attempts([ready.id])) == {ready.id: SignOffCounts(0, 0, 0, 0)}

    def test_assessments_are_read_only_where_claims_are_undecided(
        self, ready: UnitAttempt, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sign_off_checks, "list_versions_being_released", pytest.fail)
        assert list_sign_off_blockers(ready, load_matrix(ready)) == []

    def test_action_points_that_the_caller_has_read_are_not_read_again(
        self, ready: UnitAttempt, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sign_off_checks, "list_action_points", pytest.fail)
        assert list_sign_off_blockers(ready, load_matrix(ready), []) == []

    def test_undecided_claims_are_counted_in_words(self, world: World) -> None:
        workflow.submit_item(world.cfacc15, "Complaint", "1")
        workflow.submit_item(world.cfacc15, "Refund", "1", "2")
        texts = [each.text for each in list_sign_off_blockers(world.cfacc15, load_matrix(world.cfacc15))]
        assert texts[0].endswith(": 1 claim to assess")
        assert texts[1].endswith(": 2 claims to assess")
        assert texts[2].startswith("Criterion 1, claimed: ")
        assert any(each.startswith("Knowledge ") for each in texts)

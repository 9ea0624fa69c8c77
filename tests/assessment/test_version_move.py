"""Version moves: claims are carried over along links, and decisions are kept on unchanged wording."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from tests import factories
from tests.assessment import workflow
from tests.assessment.second_version import (
    REASON,
    build_second_version,
    list_claims_by_label,
    move_to_second_version,
    publish_second_version,
)
from tests.factories import World
from tests.library.unit_versions import UNITS, make_revision, publish_version, reword_criteria
from tracker import clock
from tracker.assessment.queries.queue import list_evidence_to_assess
from tracker.assessment.services import assessments, signing
from tracker.assessment.services.version_move_plans import plan_version_move
from tracker.assessment.services.version_moves import move_to_version
from tracker.errors import Conflict, Invalid, Refused
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.library.services.links import confirm_link, confirm_same_wording, refuse_link
from tracker.matrix import load_matrix, load_past_matrix
from tracker.models import (
    Assessment,
    CarriedOverClaim,
    Claim,
    Criterion,
    Decision,
    Event,
    EvidenceRequirement,
    RequirementConfirmation,
    Signature,
    Unit,
    VersionMove,
)
from tracker.recording_forms.snapshot import take_snapshot
from tracker.vocabulary import AssessmentOutcome, AttemptState, CriterionState, Method, Outcome, Simulation


def states(world: World) -> dict[str, CriterionState]:
    """Return the live decisions on the performance criteria of Alice's attempt."""
    db.session.rollback()
    matrix = load_matrix(world.cfacc15)
    return {each.column.label: each.state for each in matrix.statuses if each.column.kind == "performance"}


def live_decisions(world: World) -> list[Decision]:
    query = select(Decision).where(Decision.attempt_id == world.cfacc15.id, Decision.superseded_at.is_(None))
    return list(db.session.scalars(query.order_by(Decision.id)))


@pytest.fixture
def assessed_claims(world: World) -> dict[str, Claim]:
    """Return Alice's claims for 1, 2, 3 and 5 with one item; all but 5 are decided as met."""
    evidence, version, claims = workflow.submit_item(world.cfacc15, "Complaint", "1", "2", "3", days_ago=20)
    with transaction():
        claims[0].locator = "page 2"
        factories.accept(world.cfacc15, version, world.bob, dict.fromkeys(claims, Outcome.MET))
        factories.claim(world.cfacc15, evidence, "5")
    return list_claims_by_label(world.cfacc15)


class TestWhatFollows:
    def test_decision_on_unchanged_wording_is_kept(self, world: World, assessed_claims: dict[str, Claim]) -> None:
        before = next(each for each in live_decisions(world) if each.claim_id == assessed_claims["1"].id)
        move_to_second_version(world, publish_second_version(world))
        assert states(world)["1"] is CriterionState.MET
        new = list_claims_by_label(world.cfacc15)["1"]
        [after] = [each for each in live_decisions(world) if each.claim_id == new.id]
        names = ("outcome", "comment", "decided_at", "decided_by_id", "assessment_id", "evidence_version_id")
        assert [getattr(after, name) for name in names] == [getattr(before, name) for name in names]
        assert after.id != before.id
        assert before.superseded_at

    @pytest.mark.usefixtures("assessed_claims")
    def test_claim_on_reworded_criterion_is_to_assess_again(
        self, world: World, freeze_clock: Callable[[object], None]
    ) -> None:
        newer = publish_second_version(world)
        assert [each.claim_count for each in list_evidence_to_assess(world.bob.id)] == [1], "5 waits"
        moment = clock.now()
        freeze_clock(moment)
        move_to_second_version(world, newer)
        assert states(world)["2"] is CriterionState.CLAIMED
        [row] = list_evidence_to_assess(world.bob.id)
        assert row.claim_count == 2
        assert list_claims_by_label(world.cfacc15)["2"].claimed_at == moment, "it waits from now on"

    def test_carried_over_claim_keeps_locator_author_and_date(
        self, world: World, assessed_claims: dict[str, Claim]
    ) -> None:
        move_to_second_version(world, publish_second_version(world))
        db.session.rollback()
        old, new = assessed_claims["1"], list_claims_by_label(world.cfacc15)["1"]
        assert (new.locator, new.claimed_at, new.claimed_by_id) == ("page 2", old.claimed_at, world.alice.id)
        assert (old.removed_at is not None, old.removed_by_id) == (True, world.dan.id)
        [row] = db.session.scalars(select(CarriedOverClaim).where(CarriedOverClaim.claim_id == new.id))
        assert row.from_claim_id == old.id

    def test_undecided_claim_is_carried_over_undecided(self, world: World, assessed_claims: dict[str, Claim]) -> None:
        move_to_second_version(world, publish_second_version(world))
        assert states(world)["5"] is CriterionState.CLAIMED
        assert list_claims_by_label(world.cfacc15)["5"].claimed_at == assessed_claims["5"].claimed_at

    def test_claims_of_draft_evidence_are_carried_over(self, world: World) -> None:
        newer = publish_second_version(world)
        with transaction():
            factories.claim(world.cfacc15, factories.make_evidence(world.cfacc15, "Begun"), "1", "2")
        move_to_second_version(world, newer)
        assert list_claims_by_label(world.cfacc15).keys() == {"1", "2"}

    def test_needs_more_on_unchanged_wording_is_kept(self, world: World) -> None:
        _, version, claims = workflow.submit_item(world.cfacc15, "Call", "1", "2")
        with transaction():
            factories.accept(
                world.cfacc15, version, world.bob, {claims[0]: Outcome.NEEDS_MORE, claims[1]: Outcome.NOT_MET}
            )
        move_to_second_version(world, publish_second_version(world))
        assert (states(world)["1"], states(world)["2"]) == (CriterionState.NEEDS_MORE, CriterionState.CLAIMED)

    def test_returned_evidence_stays_with_the_candidate_after_a_move(self, world: World) -> None:
        _, version, claims = workflow.submit_item(world.cfacc15, "Call", "1", "5", days_ago=3)
        with transaction():
            outcomes = {claims[0]: Outcome.NOT_MET}
            factories.accept(world.cfacc15, version, world.bob, outcomes, outcome=AssessmentOutcome.RETURNED)
        move_to_second_version(world, publish_second_version(world))
        assert list_evidence_to_assess(world.bob.id) == []

    def test_only_requirements_of_unchanged_wording_stay_confirmed(self, world: World) -> None:
        workflow.confirm_requirements(world, world.cfacc15)
        old = list(db.session.scalars(select(RequirementConfirmation)))
        newer = publish_second_version(world)
        move_to_second_version(world, newer)
        query = (
            select(EvidenceRequirement.label, RequirementConfirmation.confirmed_at)
            .join(RequirementConfirmation, RequirementConfirmation.requirement_id == EvidenceRequirement.id)
            .where(RequirementConfirmation.removed_at.is_(None), EvidenceRequirement.unit_id == newer.id)
        )
        times = dict(db.session.execute(query).all())
        assert times.keys() == {"1", "2", "4", "5"}
        assert set(times.values()) <= {each.confirmed_at for each in old}
        assert all(each.removed_at for each in old)


class TestNothingIsLost:
    def test_claims_without_a_link_are_listed_with_their_decisions(
        self, world: World, assessed_claims: dict[str, Claim]
    ) -> None:
        move = move_to_second_version(world, publish_second_version(world))
        assert [
            (each["claim"], each["label"], each["outcome"], each["because"]) for each in move.not_carried_over
        ] == [(assessed_claims["3"].id, "3", "met", "no_link")]
        assert (move.not_carried_over[0]["number"], move.not_carried_over[0]["kind"]) == (1, "performance")
        assert assessed_claims["3"].id not in set(db.session.scalars(select(CarriedOverClaim.from_claim_id)))

    def test_matrix_of_the_old_version_stays_readable(self, world: World, assessed_claims: dict[str, Claim]) -> None:
        db.session.rollback()
        before = load_matrix(world.cfacc15, with_drafts=True)
        move = move_to_second_version(world, publish_second_version(world))
        workflow.submit_item(world.cfacc15, "Logged afterwards", "1")
        evidence = assessed_claims["1"].evidence
        workflow.submit_next_version(evidence)
        db.session.rollback()
        after = load_past_matrix(world.cfacc15, move.from_unit_id, move.moved_at, with_drafts=True)
        assert after.columns == before.columns
        assert [row for row in after.rows if row.title == "Complaint"] == list(before.rows)
        assert [each.state for each in after.statuses] == [each.state for each in before.statuses]

    def test_a_signature_of_an_earlier_round_keeps_its_snapshot(self, world: World) -> None:
        workflow.sign(world, world.cfacc15)
        with transaction():
            signing.retract_signature(world.cfacc15, "Too early", factories.make_actor(world.bob))
        before = db.session.scalars(select(Signature)).one()
        expected = (before.snapshot, before.snapshot_hash, before.round)
        newer = publish_second_version(world)
        move_to_second_version(world, newer)
        db.session.rollback()
        after = db.session.scalars(select(Signature)).one()
        assert (after.snapshot, after.snapshot_hash, after.round) == expected
        assert json.loads(after.snapshot)["unit"]["version"] == "1"
        assert world.cfacc15.round == 2

    def test_draft_decision_is_carried_over_and_on_reworded_criteria_only_its_comment(self, world: World) -> None:
        _, version, claims = workflow.submit_item(world.cfacc15, "Call", "1", "2", "3")
        draft = workflow.build_draft(dict.fromkeys(claims, Outcome.MET), dict.fromkeys(claims, "seen"), "Good.")
        with transaction():
            assessments.save_draft(world.cfacc15, version, draft, factories.make_actor(world.bob))
        move_to_second_version(world, publish_second_version(world))
        new = list_claims_by_label(world.cfacc15)
        assessment = db.session.scalars(select(Assessment)).one()
        assert assessment.draft_decisions[str(new["1"].id)] == {"outcome": "met", "comment": "seen"}
        assert assessment.draft_decisions[str(new["2"].id)] == {"comment": "seen"}
        assert assessment.draft_decisions[str(claims[2].id)] == {"outcome": "met", "comment": "seen"}, (
            "left where it was"
        )
        assert assessment.feedback == "Good."
        with pytest.raises(Invalid, match="1 claim has none"), transaction():
            assessments.accept_evidence(world.cfacc15, version, factories.make_actor(world.bob))

    @pytest.mark.usefixtures("assessed_claims")
    def test_attempt_moves_repeatedly_and_every_version_stays_readable(self, world: World) -> None:
        second = publish_second_version(world)
        first_move = move_to_second_version(world, second)
        third = publish_version(make_revision(build_second_version(), revision=2, version="2"))
        with transaction():
            confirm_same_wording(second, third, world.northgate, factories.make_actor(world.dan))
        second_move = move_to_second_version(world, third)
        db.session.rollback()
        assert states(world)["1"] is CriterionState.MET
        for move, label_of_2 in ((first_move, CriterionState.MET), (second_move, CriterionState.CLAIMED)):
            past = load_past_matrix(world.cfacc15, move.from_unit_id, move.moved_at)
            assert {each.column.label: each.state for each in past.statuses if each.column.kind == "performance"}[
                "2"
            ] is label_of_2


class TestOneToTwoAndTwoToOne:
    def test_claim_carried_over_to_two_criteria_keeps_its_decision_on_the_unchanged_one(
        self, world: World, assessed_claims: dict[str, Claim]
    ) -> None:
        newer = publish_second_version(world)
        with transaction():
            confirm_link(world.cfacc15.unit, newer, (1, 7), world.northgate, factories.make_actor(world.dan))
        move_to_second_version(world, newer)
        eight = {
            each.position: each.label
            for each in db.session.scalars(select(Criterion).where(Criterion.unit_id == newer.id))
        }[7]
        assert (states(world)["1"], states(world)[eight]) == (CriterionState.MET, CriterionState.CLAIMED)
        old = db.session.scalars(
            select(CarriedOverClaim.claim_id).where(CarriedOverClaim.from_claim_id == assessed_claims["1"].id)
        ).all()
        assert len(old) == 2

    def test_two_claims_merged_into_one_keep_both_locators(
        self, world: World, assessed_claims: dict[str, Claim]
    ) -> None:
        with transaction():
            assessed_claims["3"].locator = "page 9"
        newer = publish_second_version(world)
        with transaction():
            confirm_link(world.cfacc15.unit, newer, (3, 1), world.northgate, factories.make_actor(world.dan))
        move = move_to_second_version(world, newer)
        new = list_claims_by_label(world.cfacc15)["1"]
        assert new.locator == "page 2; page 9"
        assert states(world)["1"] is CriterionState.MET, "the decision on the unchanged words stands"
        assert move.not_carried_over == []
        from_ids = db.session.scalars(
            select(CarriedOverClaim.from_claim_id).where(CarriedOverClaim.claim_id == new.id)
        ).all()
        assert set(from_ids) == {assessed_claims["1"].id, assessed_claims["3"].id}


class TestSimulation:
    def test_simulated_claim_is_not_carried_over_where_simulation_is_forbidden(self, world: World) -> None:
        with transaction():
            evidence = factories.make_evidence(world.inscc004, "Role play")
            evidence.method = Method.SIMULATION
            factories.claim(world.inscc004, evidence, "1")
            factories.submit(evidence)
        document = replace(make_revision(UNITS["INSCC004"], revision=1, version="2"), simulation=Simulation.FORBIDDEN)
        newer = publish_version(document)
        with transaction():
            confirm_same_wording(world.inscc004.unit, newer, world.northgate, factories.make_actor(world.dan))
        move = move_to_second_version(world, newer, world.inscc004)
        assert [each["because"] for each in move.not_carried_over] == ["simulation"]
        assert list_claims_by_label(world.inscc004) == {}


class TestRefusing:
    @pytest.mark.usefixtures("assessed_claims")
    def test_refusal_names_the_claimed_criteria_with_undecided_links(
        self, world: World, recorded_acts: Callable[[], list[str]]
    ) -> None:
        newer = publish_second_version(world, linked=False)
        with pytest.raises(Refused, match=r"links from 1, 2, 5 to version 2 are"):
            move_to_second_version(world, newer)
        with transaction():
            confirm_same_wording(world.cfacc15.unit, newer, world.northgate, factories.make_actor(world.dan))
        with pytest.raises(Refused, match=r"links from 2 to version 2 are"):
            move_to_second_version(world, newer)
        assert recorded_acts() == ["links_confirmed"]
        assert list_claims_by_label(world.cfacc15).keys() == {"1", "2", "3", "5"}

    @pytest.mark.usefixtures("assessed_claims")
    def test_claim_with_a_refused_link_is_not_carried_over(self, world: World) -> None:
        newer = publish_second_version(world, linked=False)
        actor = factories.make_actor(world.dan)
        with transaction():
            confirm_same_wording(world.cfacc15.unit, newer, world.northgate, actor)
            refuse_link(world.cfacc15.unit, newer, (2, 2), world.northgate, actor)
        move = move_to_second_version(world, newer)
        assert [each["label"] for each in move.not_carried_over] == ["2", "3"]

    @pytest.mark.usefixtures("assessed_claims")
    def test_links_confirmed_by_another_centre_do_not_count(self, world: World) -> None:
        newer = publish_second_version(world, linked=False)
        with transaction():
            confirm_same_wording(world.cfacc15.unit, newer, world.southbank, factories.make_actor(world.heidi))
        with pytest.raises(Refused, match="not confirmed or refused yet"):
            move_to_second_version(world, newer)

    @pytest.mark.parametrize(
        "state", [AttemptState.ASSESSED, AttemptState.CONFIRMED, AttemptState.VERIFIED, AttemptState.VOID]
    )
    def test_only_an_attempt_in_progress_moves(self, world: World, state: AttemptState) -> None:
        newer = publish_second_version(world)
        with transaction():
            world.cfacc15.state = state
        with pytest.raises(Refused, match="Nothing was moved"):
            move_to_second_version(world, newer)

    def test_attempt_of_a_withdrawn_candidate_cannot_move(self, world: World) -> None:
        newer = publish_second_version(world)
        with transaction():
            world.registration.withdrawn_at, world.registration.withdrawn_reason = clock.now(), "Left"
        with pytest.raises(Refused, match="withdrawn"):
            move_to_second_version(world, newer)

    def test_attempt_cannot_move_to_another_unit_an_older_or_another_centres_version(self, world: World) -> None:
        newer = publish_second_version(world)
        with pytest.raises(Refused, match="only to a later version of CFACC15"):
            move_to_second_version(world, factories.unit("DELIVERCC"))
        with transaction():
            newer.owner_centre_id = world.southbank.id
        with pytest.raises(Refused, match="only to a later version"):
            move_to_second_version(world, newer)
        with transaction():
            newer.owner_centre_id = None
        older = world.cfacc15.unit
        move_to_second_version(world, newer)
        with pytest.raises(Refused, match="only to a later version"):
            move_to_second_version(world, older)

    @pytest.mark.usefixtures("assessed_claims")
    def test_attempt_cannot_move_twice_to_one_version(
        self, world: World, recorded_acts: Callable[[], list[str]]
    ) -> None:
        newer = publish_second_version(world)
        move_to_second_version(world, newer)
        with pytest.raises(Refused, match="is already on version 2 of CFACC15"):
            move_to_second_version(world, newer)
        assert recorded_acts().count("attempt_moved") == 1

    def test_attempt_cannot_move_to_a_version_that_the_candidate_has(self, world: World) -> None:
        newer = publish_second_version(world)
        with transaction():
            factories.make_attempt(world.registration, "CFACC15")
        with pytest.raises(Refused, match="already registered for version 2 of CFACC15"):
            move_to_second_version(world, newer)

    @pytest.mark.parametrize("reason", ["", "  ", "x" * 2001])
    def test_move_needs_a_reason(self, world: World, reason: str) -> None:
        newer = publish_second_version(world)
        with pytest.raises(Invalid), transaction():
            move_to_version(world.cfacc15, newer, reason, factories.make_actor(world.dan))

    def test_attempt_cannot_move_while_an_assessment_can_be_undone(
        self, world: World, freeze_clock: Callable[[object], None]
    ) -> None:
        newer = publish_second_version(world)
        _, version, claims = workflow.submit_item(world.cfacc15, "Call", "1")
        with transaction():
            actor = factories.make_actor(world.bob)
            assessments.save_draft(world.cfacc15, version, workflow.build_draft({claims[0]: Outcome.MET}), actor)
            assessments.accept_evidence(world.cfacc15, version, actor)
        with pytest.raises(Refused, match="can still undo it"):
            move_to_second_version(world, newer)
        freeze_clock(clock.now() + timedelta(seconds=11))
        move_to_second_version(world, newer)
        assert states(world)["1"] is CriterionState.MET

    def test_attempt_cannot_move_when_the_plan_has_changed(
        self, world: World, assessed_claims: dict[str, Claim]
    ) -> None:
        newer = publish_second_version(world)
        plan_hash = plan_version_move(world.cfacc15, newer).hash
        with transaction():
            factories.claim(world.cfacc15, assessed_claims["1"].evidence, "6")
        with pytest.raises(Conflict, match="changed while you were reading"):
            move_to_second_version(world, newer, seen_hash=plan_hash)
        db.session.rollback()
        move_to_second_version(world, newer, seen_hash=plan_version_move(world.cfacc15, newer).hash)


def test_attempt_moves_to_a_new_revision(world: World, assessed_claims: dict[str, Claim]) -> None:
    newer = publish_version(
        make_revision(reword_criteria(UNITS["CFACC15"], {"p:3": "Engage with customers who make complex enquiries."}))
    )
    with transaction():
        confirm_same_wording(world.cfacc15.unit, newer, world.northgate, factories.make_actor(world.dan))
        confirm_link(world.cfacc15.unit, newer, (3, 3), world.northgate, factories.make_actor(world.dan))
    move_to_second_version(world, newer)
    assert states(world)["3"] is CriterionState.CLAIMED
    assert states(world)["1"] is CriterionState.MET


def test_move_is_one_event_with_hashes_claims_and_counts(world: World, assessed_claims: dict[str, Claim]) -> None:
    older: Unit = world.cfacc15.unit
    newer = publish_second_version(world)
    move = move_to_second_version(world, newer)
    db.session.rollback()
    event = db.session.scalars(select(Event).where(Event.act == "attempt_moved")).one()
    body = json.loads(event.body)
    data = body["data"]
    new = list_claims_by_label(world.cfacc15)
    assert (event.object_type, event.object_id, body["actor"]) == ("unit_attempt", world.cfacc15.id, world.dan.id)
    assert (data["before"], data["after"], data["move"]) == (older.content_hash, newer.content_hash, move.id)
    assert sorted(data["claims"]) == sorted([assessed_claims[each].id, new[each].id] for each in ("1", "2", "5"))
    assert (data["not_carried_over"], data["to_reassess"]) == ([assessed_claims["3"].id], [new["2"].id])
    assert [(each["claim"], each["outcome"]) for each in data["decisions"]] == [(new["1"].id, "met")]
    assert data["counts"] == {"claims": 4, "carried_over": 3, "not_carried_over": 1}
    assert REASON not in event.body.decode()
    assert db.session.scalars(select(VersionMove)).one().reason == REASON


def test_unit_is_signed_on_the_new_version(world: World) -> None:
    """Everything is met on version 1 and moved; the reworded criterion is assessed again and version 2 is signed."""
    newer = publish_second_version(world)
    version, _ = workflow.meet_everything(world, world.cfacc15)
    workflow.confirm_requirements(world, world.cfacc15)
    move_to_second_version(world, newer)
    assert set(states(world).values()) == {CriterionState.MET, CriterionState.CLAIMED}
    workflow.accept(world.cfacc15, version, world.bob, [list_claims_by_label(world.cfacc15)["2"]])
    assert set(states(world).values()) == {CriterionState.MET}
    workflow.confirm_requirements(world, world.cfacc15)
    with transaction():
        snapshot, by_bob = take_snapshot(world.cfacc15), factories.make_actor(world.bob)
        reason = workflow.WARNINGS_REASON
        signing.sign_unit(world.cfacc15, snapshot.hash, "", by_bob, clock.now(), warnings_reason=reason)
    assert json.loads(snapshot.text)["unit"]["version"] == "2"

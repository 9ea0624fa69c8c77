"""The candidate's answer to a record, and an internal verifier's decision on an objection."""

import pytest
from sqlalchemy import select

from tests import factories
from tests.factories import World
from tests.records.observations import agree, begin, decide, finish, object_to, observe
from tests.records.test_integrity import CHECKS as INTEGRITY_CHECKS
from tests.records.test_integrity import list_faults
from tracker.assessment.queries.assessing import find_version_changes
from tracker.assessment.queries.queue import list_evidence_to_assess
from tracker.assessment.services.assessments import DraftDecisions, accept_evidence, return_evidence, save_draft
from tracker.assessment.services.releasing import CHECKS, release_assessment
from tracker.assessment.services.sign_off_checks import list_sign_off_blockers
from tracker.errors import Conflict, Invalid, Refused
from tracker.extensions import db
from tracker.home.figures import load_centre_figures
from tracker.home.queries import list_own_items
from tracker.ledger.transactions import transaction
from tracker.matrix import load_matrix
from tracker.models import Claim, Decision, Evidence
from tracker.portfolio.queries.evidence import find_version_in
from tracker.portfolio.queries.own_action import find_criteria_to_act_on
from tracker.portfolio.queries.records import list_objections, list_unsettled_records
from tracker.recording_forms.annex_queries import build_annex
from tracker.records.services.acknowledging import acknowledge_record
from tracker.records.services.drafts import save_observation
from tracker.vocabulary import AcknowledgementAnswer, CriterionState, Outcome, RecordStanding, Role


def assess(world: World, record: Evidence) -> None:
    """Let Bob accept the record with every criterion met, and release the assessment."""
    with transaction():
        version = find_version_in(world.cfacc15, record.id)
        assert version
        claims = list(db.session.scalars(select(Claim.id).where(Claim.evidence_id == record.id)))
        actor = factories.make_actor(world.bob)
        draft = DraftDecisions(dict.fromkeys(claims, Outcome.MET), {}, dict.fromkeys(CHECKS, True))
        save_draft(world.cfacc15, version, draft, actor)
        release_assessment(accept_evidence(world.cfacc15, version, actor))


def list_standings(world: World) -> list[RecordStanding | None]:
    return [row.standing for row in load_matrix(world.cfacc15).rows]


def test_a_record_waits_for_its_candidate(world: World) -> None:
    record = observe(world.cfacc15, world.bob)
    items = list_own_items(world.alice.id, (world.northgate.id,))
    assert [(item.evidence_id, item.author) for item in items] == [(record.id, "Bob Archer")]
    assert [line.standing for line in list_unsettled_records(world.bob.id)] == [RecordStanding.WAITING]
    assert list_standings(world) == [RecordStanding.WAITING]


def test_a_record_that_waits_is_not_assessed_and_blocks_the_sign_off(world: World) -> None:
    record = observe(world.cfacc15, world.bob)
    assert list_evidence_to_assess(world.bob.id) == []
    with pytest.raises(Refused, match="not agreed"):
        assess(world, record)
    blockers = list_sign_off_blockers(world.cfacc15, load_matrix(world.cfacc15))
    assert "of a record that the candidate has not agreed to" in blockers[0].text


def test_a_new_version_that_waits_is_nowhere_to_assess(world: World) -> None:
    record = observe(world.cfacc15, world.bob)
    agree(record)
    assert load_centre_figures(world.northgate.id).to_assess == 1
    assert find_criteria_to_act_on(world.cfacc15, load_matrix(world.cfacc15), [Role.ASSESSOR])
    with transaction():
        save_observation(record, {"feedback": "You explained it well."}, None)
    earlier, newest = record.versions[0], finish(record)
    assert load_centre_figures(world.northgate.id).to_assess == 0
    assert not find_criteria_to_act_on(world.cfacc15, load_matrix(world.cfacc15), [Role.ASSESSOR])
    assert find_version_changes(newest, [], earlier).labels == ["times, place, questions or feedback"]


def test_a_record_that_the_candidate_agreed_to_is_assessed_by_its_author(world: World) -> None:
    record = observe(world.cfacc15, world.bob)
    acknowledgement = agree(record)
    assert list_own_items(world.alice.id, (world.northgate.id,)) == []
    assert acknowledgement.acknowledged_by_id == world.alice.id
    assert [entry.evidence_id for entry in list_evidence_to_assess(world.bob.id)] == [record.id]
    assess(world, record)
    states = {status.column.label: status.state for status in load_matrix(world.cfacc15).statuses}
    assert (states["5"], states["g"]) == (CriterionState.MET, CriterionState.MET)
    assert list_unsettled_records(world.bob.id) == []


def test_a_record_is_not_returned_to_the_candidate_who_did_not_write_it(world: World) -> None:
    record = observe(world.cfacc15, world.bob)
    agree(record)
    version = find_version_in(world.cfacc15, record.id)
    assert version
    with pytest.raises(Refused, match="did not write this record"):
        return_evidence(world.cfacc15, version, factories.make_actor(world.bob))


def test_the_candidate_answers_a_version_once(world: World) -> None:
    record = observe(world.cfacc15, world.bob)
    agree(record)
    with pytest.raises(Refused, match="already answered"):
        object_to(record)


def test_an_objection_needs_a_reason(world: World) -> None:
    record = observe(world.cfacc15, world.bob)
    with pytest.raises(Invalid, match="reason"):
        object_to(record, " ")


def test_an_answer_to_an_earlier_version_is_refused(world: World) -> None:
    record = observe(world.cfacc15, world.bob)
    with transaction():
        save_observation(record, {"place": "York"}, None)
    finish(record)
    with pytest.raises(Conflict, match="Version 2"), transaction():
        acknowledge_record(
            record, AcknowledgementAnswer.AGREED, "", factories.make_actor(world.alice), seen_version=1
        )


def test_an_objection_waits_for_the_internal_verifier_and_the_record_does_not_count(world: World) -> None:
    record = observe(world.cfacc15, world.bob)
    object_to(record)
    assert list_evidence_to_assess(world.bob.id) == []
    assert [line.record_id for line in list_objections(world.carol.id)] == [record.id]
    assert list_standings(world) == [RecordStanding.OBJECTED]


def test_a_dismissed_objection_lets_the_record_count(world: World) -> None:
    record = observe(world.cfacc15, world.bob)
    object_to(record)
    decide(record, world.carol, is_upheld=False)
    assert list_objections(world.carol.id) == []
    assess(world, record)
    assert db.session.scalar(select(Decision.id)) is not None


def test_an_upheld_objection_takes_the_record_out_of_use_with_its_claims(world: World) -> None:
    record = observe(world.cfacc15, world.bob)
    object_to(record)
    decide(record, world.carol, is_upheld=True)
    assert load_matrix(world.cfacc15).rows == ()
    assert load_matrix(world.cfacc15, with_drafts=True).rows == ()
    assert [line.standing for line in list_unsettled_records(world.bob.id)] == [RecordStanding.UPHELD]
    reasons = set(db.session.scalars(select(Claim.removed_reason).where(Claim.evidence_id == record.id)))
    assert reasons == {"I read the rota."}


def test_the_author_writes_a_new_version_after_an_objection(world: World) -> None:
    record = observe(world.cfacc15, world.bob)
    object_to(record)
    with transaction():
        save_observation(record, {"place": "York"}, None)
    finish(record)
    assert list_objections(world.carol.id) == []
    agree(record)
    assert list_standings(world) == [RecordStanding.AGREED]


@pytest.mark.parametrize("is_upheld", [True, False])
def test_who_wrote_or_assessed_a_record_does_not_decide_an_objection(world: World, is_upheld: bool) -> None:
    record = observe(world.cfacc15, world.bob)
    object_to(record)
    with transaction():
        factories.grant(world.bob, world.northgate, Role.INTERNAL_VERIFIER)
    with pytest.raises(Refused, match="has assessed"):
        decide(record, world.bob, is_upheld=is_upheld)


def test_a_verifier_of_another_unit_does_not_decide_an_objection(world: World) -> None:
    record = observe(world.cfacc15, world.bob)
    object_to(record)
    with transaction():
        factories.end_allocation(world.cfacc15, Role.INTERNAL_VERIFIER)
    with pytest.raises(Refused, match="No unit of this record"):
        decide(record, world.carol, is_upheld=False)


def test_who_observed_never_verifies_that_unit(world: World) -> None:
    from tracker.registrations.separation_of_duties import check_may_verify

    observe(world.cfacc15, world.bob)
    with pytest.raises(Refused, match="has assessed"):
        check_may_verify(world.bob.id, world.cfacc15)
    check_may_verify(world.bob.id, world.inscc004)


def test_a_draft_is_seen_by_its_author_alone(world: World) -> None:
    begin(world.cfacc15, world.bob)
    assert list_own_items(world.alice.id, (world.northgate.id,)) == []
    assert load_matrix(world.cfacc15, with_drafts=True).rows == ()
    assert [line.standing for line in list_unsettled_records(world.bob.id)] == [None]


def test_the_annex_of_the_form_names_the_author_and_the_last_answer(world: World) -> None:
    record = observe(world.cfacc15, world.bob)
    line = build_annex(world.cfacc15, None, None).records[0].line
    assert line.startswith("Evidence 1: observation by Bob Archer, ")
    assert line.endswith(" Not acknowledged.")
    agree(record)
    assert " Agreed: Alice Moran, " in build_annex(world.cfacc15, None, None).records[0].line


def test_decisions_made_before_the_answer_are_a_draft_that_is_accepted_after_it(world: World) -> None:
    record = observe(world.cfacc15, world.bob)
    version = record.versions[0]
    actor = factories.make_actor(world.bob)
    claims = list(db.session.scalars(select(Claim.id).where(Claim.evidence_id == record.id)))
    with transaction():
        outcomes = DraftDecisions(dict.fromkeys(claims, Outcome.MET), {}, dict.fromkeys(CHECKS, True))
        save_draft(world.cfacc15, version, outcomes, actor)
    with pytest.raises(Refused, match="not agreed"), transaction():
        accept_evidence(world.cfacc15, version, actor)
    assert db.session.scalar(select(Decision.id)) is None
    agree(record)
    with transaction():
        release_assessment(accept_evidence(world.cfacc15, version, actor))
    assert set(db.session.scalars(select(Decision.outcome))) == {Outcome.MET}


@pytest.mark.parametrize("is_upheld", [True, False])
def test_an_objection_is_decided_although_decisions_are_drafted(world: World, is_upheld: bool) -> None:
    record = observe(world.cfacc15, world.bob)
    with transaction():
        save_draft(
            world.cfacc15,
            record.versions[0],
            DraftDecisions({}, {}, {"valid": True}),
            factories.make_actor(world.bob),
        )
    object_to(record)
    decide(record, world.carol, is_upheld=is_upheld)
    assert list_faults(*INTEGRITY_CHECKS) == []

"""Finishing an observation: stamps become claims, a version is sealed, and the candidate is asked."""

import pytest
from sqlalchemy import select

from tests import factories
from tests.factories import World
from tests.records.observations import begin, finish, observe
from tracker import clock
from tracker.errors import Conflict, Invalid, Refused
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Claim, Evidence, EvidenceVersion
from tracker.portfolio.record_content import Question, load_content
from tracker.records.kinds import WRITTEN_KINDS
from tracker.records.services.drafts import save_observation
from tracker.records.services.finishing import finish_record
from tracker.vocabulary import AttemptState, CriterionKind, Method, RecordKind, Role


def list_claims(record: Evidence) -> dict[str, str]:
    query = select(Claim).where(Claim.evidence_id == record.id, Claim.removed_at.is_(None)).order_by(Claim.id)
    return {claim.criterion.label: claim.locator for claim in db.session.scalars(query)}


def test_finishing_claims_what_is_stamped_with_its_times(world: World) -> None:
    record = observe(world.cfacc15, world.bob)
    assert list_claims(record) == {"5": "10:09, 10:21", "g": "10:11"}
    assert {claim.claimed_by_id for claim in db.session.scalars(select(Claim))} == {world.bob.id}


def test_finishing_numbers_the_item_and_seals_a_version_under_the_declaration(world: World) -> None:
    record = begin(world.cfacc15, world.bob)
    version = finish(record)
    assert (record.number, version.number, version.author_id) == (1, 1, world.bob.id)
    assert (version.record_kind, version.method) == (RecordKind.OBSERVATION, Method.OBSERVATION)
    assert version.submission.declaration == WRITTEN_KINDS[RecordKind.OBSERVATION].declaration
    assert version.submission.submitted_by_id == world.bob.id
    content = load_content(version.record_kind, version.content)
    assert content
    assert [(each.at, each.unit, each.kind, each.label) for each in content.stamps] == [
        ("10:09", "CFACC15", CriterionKind.PERFORMANCE, "5"),
        ("10:11", "CFACC15", CriterionKind.KNOWLEDGE, "g"),
        ("10:21", "CFACC15", CriterionKind.PERFORMANCE, "5"),
    ]


def test_the_criterion_of_a_question_is_claimed_with_the_number_of_the_question(world: World) -> None:
    record = begin(world.cfacc15, world.bob)
    with transaction():
        questions = (Question("Why £50?", "It is my limit.", "g"), Question("And above?", "I refer it.", "h"))
        save_observation(record, {"questions": questions}, None)
    finish(record)
    assert list_claims(record) == {"5": "10:09, 10:21", "g": "10:11, question 1", "h": "question 2"}


def test_a_stamp_of_another_unit_carries_its_code(world: World) -> None:
    record = observe(world.cfacc15, world.bob, "She took the call. [10:09 5] [10:12 INSCC004 1]")
    query = select(Claim.attempt_id).where(Claim.evidence_id == record.id).order_by(Claim.id)
    assert list(db.session.scalars(query)) == [world.cfacc15.id, world.inscc004.id]


@pytest.mark.parametrize(
    ("fields", "missing"),
    [
        ({"narrative": ""}, "Write what you saw. Stamp at least one criterion."),
        ({"narrative": "She took the call."}, "Stamp at least one criterion."),
        ({"narrative": "She took the call. [10:09 99]"}, "[10:09 99]"),
        ({"narrative": "She took the call. [24:05 5]"}, "Correct the times of these stamps: [24:05 5]."),
        ({"narrative": "She took the call. [10:60 5]"}, "Correct the times of these stamps: [10:60 5]."),
        ({"place": ""}, "Enter the place."),
        ({"ends": ""}, "Enter when it ended."),
        ({"ends": "09:00"}, "The end is before the start."),
    ],
)
def test_an_incomplete_observation_is_refused_with_what_is_missing(
    world: World, fields: dict[str, str], missing: str
) -> None:
    record = begin(world.cfacc15, world.bob, **fields)
    with pytest.raises(Invalid) as refusal:
        finish(record)
    assert missing in str(refusal.value)
    assert db.session.scalar(select(EvidenceVersion.id)) is None


def test_an_assessor_to_whom_no_unit_is_allocated_any_more_cannot_finish(world: World) -> None:
    record = begin(world.cfacc15, world.bob)
    with transaction():
        for attempt in (world.cfacc15, world.inscc004):
            factories.end_allocation(attempt, Role.ASSESSOR)
    with pytest.raises(Invalid, match="names no criterion"):
        finish(record)


def test_a_signed_unit_cannot_be_stamped(world: World) -> None:
    record = begin(world.cfacc15, world.bob)
    with transaction():
        world.cfacc15.state, world.cfacc15.assessed_at = AttemptState.ASSESSED, clock.now()
        factories.leave_unsealed()
    with pytest.raises(Invalid, match="names no criterion"):
        finish(record)


def test_the_title_has_no_invisible_characters(world: World) -> None:
    record = begin(world.cfacc15, world.bob, place="Leeds\u202e, floor 2")
    assert finish(record).title == "Observation: Leeds, floor 2"


def test_an_observation_past_midnight_is_two_observations(world: World) -> None:
    record = begin(world.cfacc15, world.bob, starts="23:30", ends="00:30")
    with pytest.raises(Invalid, match="end at 23:59 and write a second observation for the next day"):
        finish(record)


def test_an_unchanged_observation_is_not_finished_twice(world: World) -> None:
    record = observe(world.cfacc15, world.bob)
    with pytest.raises(Refused, match="Nothing has changed"):
        finish(record)


def test_a_new_version_removes_claims_that_are_no_longer_stamped(world: World) -> None:
    record = observe(world.cfacc15, world.bob)
    with transaction():
        save_observation(record, {"narrative": "She said why. [10:11 g] [10:30 6]"}, None)
    assert finish(record).number == 2
    assert list_claims(record) == {"g": "10:11", "6": "10:30"}


def test_an_observation_changed_in_another_window_is_not_finished(world: World) -> None:
    record = begin(world.cfacc15, world.bob)
    with pytest.raises(Conflict), transaction():
        finish_record(record, factories.make_actor(world.bob), record.version - 1)

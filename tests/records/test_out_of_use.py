"""What becomes of earlier versions and claims of a record when its newest version is taken out of use."""

import pytest
from sqlalchemy import select

from tests import factories
from tests.factories import World
from tests.records.observations import agree, decide, finish, object_to, observe
from tests.records.test_finish import list_claims
from tests.records.test_integrity import CHECKS, list_faults
from tests.records.test_pages import Browser, read_fields
from tracker import clock
from tracker.assessment.services.claims import remove_claim
from tracker.assessment.services.sign_off_checks import list_sign_off_blockers
from tracker.errors import Conflict, Invalid, Refused
from tracker.extensions import db
from tracker.home.queries import list_own_items
from tracker.integrity.actors import find_duty_conflicts
from tracker.integrity.rows_and_events import find_unmatched_rows_and_events
from tracker.ledger.transactions import transaction
from tracker.matrix import load_matrix
from tracker.models import Claim, Evidence, UnitAttempt
from tracker.portfolio.queries.evidence import find_version_in
from tracker.portfolio.queries.records import list_objections
from tracker.records.queries.reading import list_deciders
from tracker.records.services.acknowledging import acknowledge_record
from tracker.records.services.drafts import save_observation
from tracker.registrations.separation_of_duties import check_may_assess, check_may_verify
from tracker.vocabulary import AcknowledgementAnswer, AttemptState, RecordStanding, Role

BOTH_UNITS = "She took the call. [10:09 5] [10:12 INSCC004 1]"


def rewrite(record: Evidence, narrative: str) -> None:
    """Let Bob finish a new version with another narrative."""
    with transaction():
        assert not save_observation(record, {"narrative": narrative}, None)
    finish(record)


def withdraw_candidate(attempt: UnitAttempt) -> None:
    with transaction():
        attempt.registration.withdrawn_at = clock.now()
        factories.leave_unsealed()


@pytest.mark.parametrize("objected_first", [True, False])
def test_a_superseded_version_that_never_counted_does_not_come_back(world: World, objected_first: bool) -> None:
    record = observe(world.cfacc15, world.bob)
    if objected_first:
        object_to(record)
    rewrite(record, "She said why. [10:11 g]")
    object_to(record)
    decide(record, world.carol, is_upheld=True)
    assert find_version_in(world.cfacc15, record.id) is None
    assert list_claims(record) == {}
    matrix = load_matrix(world.cfacc15)
    assert matrix.rows == ()
    assert not any("of a record" in each.text for each in list_sign_off_blockers(world.cfacc15, matrix))
    assert list_faults(*CHECKS) == []


def test_after_an_upheld_objection_the_claims_are_those_of_the_version_that_counts(world: World) -> None:
    record = observe(world.cfacc15, world.bob, "She took the call. [10:09 5] [10:15 6]")
    agree(record)
    rewrite(record, "She took the call. [11:09 5] [11:11 g]")
    assert list_claims(record) == {"5": "11:09", "g": "11:11"}
    object_to(record)
    decide(record, world.carol, is_upheld=True)
    assert list_claims(record) == {"5": "10:09", "6": "10:15"}
    assert [row.standing for row in load_matrix(world.cfacc15).rows] == [RecordStanding.AGREED]
    assert list_faults(*CHECKS, find_duty_conflicts) == []
    assert not any("claim" in each for each in list_faults(find_unmatched_rows_and_events))


def test_a_claim_that_the_assessor_removed_does_not_come_back(world: World) -> None:
    record = observe(world.cfacc15, world.bob)
    agree(record)
    claims = db.session.scalars(select(Claim).where(Claim.evidence_id == record.id))
    claim = next(each for each in claims if each.criterion.label == "5")
    with transaction():
        remove_claim(world.cfacc15, record.id, claim.id, "She only listened.", factories.make_actor(world.bob))
    rewrite(record, "She said why. [11:11 g]")
    object_to(record)
    decide(record, world.carol, is_upheld=True)
    assert list_claims(record) == {"g": "10:11"}


def test_a_record_of_two_units_is_answered_while_one_is_in_use(world: World) -> None:
    record = observe(world.cfacc15, world.bob, BOTH_UNITS)
    with transaction():
        world.inscc004.state, world.inscc004.void_reason = AttemptState.VOID, "Chosen by mistake."
        factories.leave_unsealed()
    object_to(record)
    decide(record, world.carol, is_upheld=False)
    assert [row.standing for row in load_matrix(world.cfacc15).rows] == [RecordStanding.DISMISSED]


def test_a_record_without_a_unit_in_use_is_not_answered_and_not_in_the_list(world: World) -> None:
    record = observe(world.cfacc15, world.bob)
    withdraw_candidate(world.cfacc15)
    assert list_own_items(world.alice.id, (world.northgate.id,)) == []
    with pytest.raises(Refused, match="withdrawn from the units"):
        agree(record)


def test_deciding_an_objection_is_verifying_only_the_units_that_the_record_claimed_in_then(world: World) -> None:
    record = observe(world.cfacc15, world.bob, BOTH_UNITS)
    rewrite(record, "She took the call. [10:09 5]")
    object_to(record)
    decide(record, world.carol, is_upheld=True)
    check_may_assess(world.carol.id, world.inscc004)
    with pytest.raises(Refused, match="has verified"):
        check_may_assess(world.carol.id, world.cfacc15)
    check_may_verify(world.carol.id, world.cfacc15)


def test_a_verifier_who_assessed_a_unit_that_is_no_longer_stamped_may_decide(world: World) -> None:
    record = observe(world.cfacc15, world.bob, BOTH_UNITS)
    rewrite(record, "She took the call. [10:09 5]")
    object_to(record)
    with transaction():
        other = factories.make_evidence(world.inscc004, "Letter")
        version = factories.submit(other)
        factories.accept(world.inscc004, version, world.carol, {})
    decide(record, world.carol, is_upheld=True)
    assert list_faults(find_duty_conflicts) == []


def test_a_new_version_keeps_true_stamps_of_a_unit_that_is_signed(world: World) -> None:
    record = observe(world.cfacc15, world.bob, BOTH_UNITS)
    with transaction():
        world.inscc004.state, world.inscc004.assessed_at = AttemptState.ASSESSED, clock.now()
        factories.leave_unsealed()
    rewrite(record, "She took the call and said why. [10:09 5] [10:12 INSCC004 1] [10:13 g]")
    assert list_claims(record) == {"5": "10:09", "1": "10:12", "g": "10:13"}


def test_a_new_version_stamps_nothing_new_in_a_unit_of_somebody_else(world: World) -> None:
    record = observe(world.cfacc15, world.bob, BOTH_UNITS)
    with transaction():
        factories.end_allocation(world.inscc004, Role.ASSESSOR)
    with pytest.raises(Invalid, match=r"\[10:13 INSCC004 2\]"):
        rewrite(record, f"{BOTH_UNITS} [10:13 INSCC004 2]")


def test_an_answer_without_a_version_is_refused(world: World) -> None:
    record = observe(world.cfacc15, world.bob)
    with pytest.raises(Conflict), transaction():
        acknowledge_record(record, AcknowledgementAnswer.AGREED, "", factories.make_actor(world.alice), None)


def test_a_verifier_who_assessed_a_unit_of_the_record_is_not_asked_to_decide(world: World) -> None:
    """Carol verifies one unit of the record, and has assessed the other."""
    record = observe(world.cfacc15, world.bob, BOTH_UNITS)
    object_to(record)
    assert [person.name for person in list_deciders(record)] == ["Carol Hughes"]
    with transaction():
        other = factories.make_evidence(world.inscc004, "Letter")
        factories.accept(world.inscc004, factories.submit(other), world.carol, {})
    assert list_deciders(record) == []
    assert list_objections(world.carol.id) == []
    with pytest.raises(Refused, match="has assessed"):
        decide(record, world.carol, is_upheld=True)


def test_an_assessor_ends_a_record_that_is_never_answered_by_removing_its_claims(
    world: World, client: Browser
) -> None:
    """It no longer blocks the sign-off then, and the candidate is not asked any more."""
    record = observe(world.cfacc15, world.bob, "She took the call. [10:09 5]")
    claim = db.session.scalars(select(Claim).where(Claim.evidence_id == record.id)).one()
    bob, address = client(world.bob), f"/attempts/{world.cfacc15.id}/evidence/{record.id}/assess"
    assert f'href="{address}"' in bob.get(f"/records/{record.id}").text
    page = bob.get(address)
    assert "Remove claim" in page.text
    reason = {f"remove-reason-{claim.id}": "Alice has left and does not answer."}
    answer = bob.post(address, data={**read_fields(page.text), **reason, "act": f"remove-{claim.id}"})
    assert answer.status_code == 303
    assert list_claims(record) == {}
    assert load_matrix(world.cfacc15).rows == ()
    assert list_own_items(world.alice.id, (world.northgate.id,)) == []

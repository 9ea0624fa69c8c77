"""Separation of duties per attempt, over all its rounds; nobody assesses or verifies their own work."""

from collections.abc import Callable
from datetime import date

import pytest

from tests import factories
from tests.assessment.workflow import accept, build_draft, confirm, sign, submit_item
from tests.factories import World
from tracker import clock
from tracker.assessment.services.assessments import accept_evidence, save_draft
from tracker.assessment.services.signing import retract_signature
from tracker.errors import Refused
from tracker.ledger.transactions import transaction
from tracker.models import ActionPoint, Person, Reopening, Sample, UnitAttempt
from tracker.registrations.separation_of_duties import check_may_assess, check_may_verify
from tracker.vocabulary import Outcome, ReopeningKind


def may_verify(person: Person, attempt: UnitAttempt) -> bool:
    return passes(lambda: check_may_verify(person.id, attempt))


def may_assess(person: Person, attempt: UnitAttempt) -> bool:
    return passes(lambda: check_may_assess(person.id, attempt))


def passes(check: Callable[[], None]) -> bool:
    try:
        check()
    except Refused:
        return False
    return True


def test_refusal_says_what_to_do(world: World) -> None:
    with transaction():
        add_sample(world)
    with pytest.raises(Refused, match=r"Nothing was changed. Choose another assessor."):
        check_may_assess(world.carol.id, world.cfacc15)


def test_person_who_has_done_neither_can_do_either(world: World) -> None:
    for person in (world.bob, world.carol, world.dan):
        assert may_assess(person, world.cfacc15)
        assert may_verify(person, world.cfacc15)


def test_nobody_can_assess_or_verify_their_own_work(world: World) -> None:
    assert not may_assess(world.alice, world.cfacc15)
    assert not may_verify(world.alice, world.cfacc15)
    assert may_assess(world.alice, world.franks_attempt)


def test_assessor_cannot_verify_the_same_attempt(world: World) -> None:
    _, version, claims = submit_item(world.cfacc15, "Call of 5 October", "1")
    accept(world.cfacc15, version, world.bob, claims)
    assert not may_verify(world.bob, world.cfacc15)
    assert may_assess(world.bob, world.cfacc15)
    assert may_verify(world.bob, world.inscc004)


def test_unreleased_draft_does_not_bar_from_verifying(world: World) -> None:
    _, version, (claim,) = submit_item(world.cfacc15, "Call of 5 October", "1")
    by_bob = factories.make_actor(world.bob)
    with transaction():
        save_draft(world.cfacc15, version, build_draft({claim: Outcome.MET}), by_bob)
    assert may_verify(world.bob, world.cfacc15)
    with transaction():
        accept_evidence(world.cfacc15, version, by_bob)
    assert not may_verify(world.bob, world.cfacc15), "also while it can still be undone"


def test_signing_assessor_cannot_verify_in_a_later_round(world: World) -> None:
    sign(world, world.cfacc15)
    with transaction():
        retract_signature(world.cfacc15, "Signed too early", factories.make_actor(world.bob))
    assert world.cfacc15.round == 2
    assert not may_verify(world.bob, world.cfacc15)


def test_candidates_signature_does_not_count_as_assessing(world: World) -> None:
    sign(world, world.cfacc15)
    confirm(world.cfacc15)
    assert may_verify(world.carol, world.cfacc15)


@pytest.mark.parametrize("act", ["sample", "raise", "close", "reopen"])
def test_verifier_cannot_assess_the_same_attempt(world: World, act: str) -> None:
    with transaction():
        {"sample": add_sample, "raise": raise_action_point, "close": close_action_point, "reopen": reopen_attempt}[
            act
        ](world)
    assert not may_assess(world.carol, world.cfacc15)
    assert may_verify(world.carol, world.cfacc15)
    assert may_assess(world.carol, world.inscc004)


def add_sample(world: World) -> None:
    sample = Sample(
        attempt_id=world.cfacc15.id,
        round=1,
        verifier_id=world.carol.id,
        sampled_at=clock.now(),
        is_interim=True,
        comment="",
    )
    factories.db.session.add(sample)


def raise_action_point(world: World, raised_by: Person | None = None) -> ActionPoint:
    action_point = ActionPoint(
        attempt_id=world.cfacc15.id,
        round=1,
        raised_by_id=(raised_by or world.carol).id,
        raised_at=clock.now(),
        action="Look at criterion 5 again",
        due_on=date(2026, 12, 1),
    )
    factories.db.session.add(action_point)
    return action_point


def close_action_point(world: World) -> None:
    with_somebody_else = raise_action_point(world, raised_by=world.dan)
    with_somebody_else.closed_by_id, with_somebody_else.closed_at = world.carol.id, clock.now()


def reopen_attempt(world: World) -> None:
    reopening = Reopening(
        attempt_id=world.cfacc15.id,
        round=1,
        kind=ReopeningKind.REOPENING,
        reason="Found later",
        reopened_at=clock.now(),
        reopened_by_id=world.carol.id,
    )
    factories.db.session.add(reopening)

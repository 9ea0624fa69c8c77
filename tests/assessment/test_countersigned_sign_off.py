"""Sign-off by an assessor without an award: the countersigner signs before the candidate confirms."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from tests import factories
from tests.assessment import workflow
from tests.assessment.countersigning import find_waiting, make_qualified, switch_on
from tests.factories import World
from tests.staff.entries import hold
from tracker import clock
from tracker.assessment.services import signing
from tracker.assessment.services.countersignature_answers import countersign_unit, refuse_unit
from tracker.errors import Conflict, NotFound, Refused
from tracker.extensions import db
from tracker.integrity.ledger_snapshot import LedgerSnapshot
from tracker.integrity.signed_rounds import find_signatures_out_of_order
from tracker.ledger.transactions import transaction
from tracker.models import Person, Reopening, Signature
from tracker.recording_forms.queries import build_form_content
from tracker.recording_forms.snapshot import take_snapshot
from tracker.vocabulary import AttemptState, CountersignatureEnd, ReopeningKind, SignatureRole


@pytest.fixture
def signed(world: World) -> Person:
    """Let Bob, without an award, sign CFACC15 off, and return Gwen, his countersigner."""
    gwen = make_qualified(world)
    switch_on(world, gwen)
    workflow.sign(world, world.cfacc15)
    return gwen


def countersign(world: World, gwen: Person) -> Signature:
    with transaction():
        hash_ = take_snapshot(world.cfacc15).hash
        return countersign_unit(find_waiting(), hash_, factories.make_actor(gwen), clock.now())


def list_order_faults() -> list[str]:
    db.session.expire_all()
    return [each for each in find_signatures_out_of_order(LedgerSnapshot()) if "live signatures" in each]


def test_the_candidate_neither_confirms_nor_disputes_before_the_countersigner(world: World, signed: Person) -> None:
    assert find_waiting().person_id == signed.id
    with pytest.raises(Refused, match="Gwen Hill countersigns CFACC15 before you see it"):
        workflow.confirm(world.cfacc15)
    db.session.rollback()
    with pytest.raises(Refused, match="Gwen Hill countersigns"):
        signing.dispute_unit(world.cfacc15, [1], "No.", factories.make_actor(world.alice))
    assert list_order_faults() == []


def test_after_the_countersignature_the_candidate_confirms(
    world: World, signed: Person, recorded_acts: Callable[[], list[str]]
) -> None:
    assert build_form_content(world.cfacc15).countersigner is None
    signature = countersign(world, signed)
    assert (signature.role, signature.person_id) == (SignatureRole.COUNTERSIGNER, signed.id)
    assert world.cfacc15.state is AttemptState.ASSESSED
    assert list_order_faults() == []
    workflow.confirm(world.cfacc15)
    assert world.cfacc15.state is AttemptState.CONFIRMED
    assert list_order_faults() == []
    assert recorded_acts()[-3:] == ["countersignature_answered", "unit_countersigned", "unit_confirmed"]
    printed = build_form_content(world.cfacc15).countersigner
    assert printed
    assert printed.printed_name == "Gwen Hill, signed electronically"


@pytest.mark.usefixtures("signed")
def test_a_confirmed_unit_without_the_countersignature_that_it_needed_is_named(world: World) -> None:
    with transaction():
        world.cfacc15.state = AttemptState.CONFIRMED
        factories.leave_unsealed()
    assert any("has live signatures as assessor" in each for each in list_order_faults())


def test_a_refusal_ends_the_round_with_its_reason(world: World, signed: Person) -> None:
    with transaction():
        refuse_unit(find_waiting(), "Requirement 2 is not met.", factories.make_actor(signed))
    assert (world.cfacc15.state, world.cfacc15.round) == (AttemptState.IN_PROGRESS, 2)
    reopening = db.session.scalars(select(Reopening)).one()
    assert (reopening.kind, reopening.reason) == (ReopeningKind.NOT_COUNTERSIGNED, "Requirement 2 is not met.")
    assert list_order_faults() == []


@pytest.mark.usefixtures("signed")
def test_a_retraction_ends_what_waits(world: World) -> None:
    waiting = find_waiting()
    with transaction():
        signing.retract_signature(world.cfacc15, "Too early.", factories.make_actor(world.bob))
    assert waiting.ended_because is CountersignatureEnd.ROUND


@pytest.mark.usefixtures("signed")
def test_nobody_else_countersigns(world: World) -> None:
    hash_ = take_snapshot(world.cfacc15).hash
    for person in (world.bob, world.carol, world.alice, world.grace):
        with pytest.raises(NotFound):
            countersign_unit(find_waiting(), hash_, factories.make_actor(person), clock.now())


def test_another_form_than_the_one_shown_is_not_countersigned(world: World, signed: Person) -> None:
    with pytest.raises(Conflict):
        countersign_unit(find_waiting(), "0" * 64, factories.make_actor(signed), clock.now())


def test_a_qualified_assessors_sign_off_needs_none(world: World) -> None:
    gwen = make_qualified(world)
    switch_on(world, gwen)
    with transaction():
        hold(world.bob, world.northgate, world.dan)
    workflow.sign(world, world.cfacc15)
    workflow.confirm(world.cfacc15)
    assert world.cfacc15.state is AttemptState.CONFIRMED

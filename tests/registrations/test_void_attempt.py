"""Voiding an attempt: it needs a reason, and no certificate claim; everything is kept."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.assessment.workflow import submit_item
from tests.factories import World
from tracker.errors import Invalid, Refused
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Claim, Evidence, UnitAttempt
from tracker.portfolio.services.claims import Tick, set_claims
from tracker.registrations.services import void_attempt
from tracker.vocabulary import AttemptState

ClientFor = Callable[..., FlaskClient]


def address(world: World) -> str:
    return f"/attempts/{world.cfacc15.id}/void"


def put_in(world: World, state: AttemptState) -> None:
    with transaction():
        world.cfacc15.state = state


def test_administrator_voids_an_attempt_and_the_evidence_is_kept(
    world: World, client: ClientFor, recorded_acts: Callable[[], list[str]]
) -> None:
    evidence, _, _ = submit_item(world.cfacc15, "Call of 5 October", "1")
    dan = client(world.dan)
    assert "Void CFACC15" in dan.get(address(world)).text
    response = dan.post(address(world), data={"reason": "Entered for the wrong <unit>"})
    assert response.status_code == 303
    page = dan.get(response.location).text
    assert "CFACC15 is void. Its evidence is kept." in page
    assert "Entered for the wrong &lt;unit&gt;" in page
    assert db.session.get_one(UnitAttempt, world.cfacc15.id).state is AttemptState.VOID
    assert db.session.get_one(Evidence, evidence.id).number == 1
    assert db.session.scalar(select(Claim.removed_at).where(Claim.evidence_id == evidence.id)) is None
    assert recorded_acts() == ["attempt_voided"]


@pytest.mark.parametrize(
    "state", [AttemptState.IN_PROGRESS, AttemptState.ASSESSED, AttemptState.CONFIRMED, AttemptState.VERIFIED]
)
def test_attempt_can_be_voided_in_any_state_before_the_certificate_claim(world: World, state: AttemptState) -> None:
    put_in(world, state)
    with transaction():
        void_attempt(world.cfacc15, "Entered by mistake", factories.make_actor(world.dan))
    assert (world.cfacc15.state, world.cfacc15.void_reason) == (AttemptState.VOID, "Entered by mistake")


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (AttemptState.CERTIFICATE_CLAIMED, "The certificate for this unit has been claimed, so it cannot be voided."),
        (AttemptState.VOID, "This unit is already void."),
    ],
)
def test_attempt_cannot_be_voided_after_the_certificate_claim_or_twice(
    world: World, client: ClientFor, state: AttemptState, message: str
) -> None:
    put_in(world, state)
    response = client(world.dan).post(address(world), data={"reason": "Again"})
    assert response.status_code == 409
    assert f"{message} Nothing was changed." in response.text
    db.session.refresh(world.cfacc15)
    assert (world.cfacc15.state, world.cfacc15.void_reason) == (state, None)


def test_voiding_needs_a_reason_and_keeps_one_that_is_too_long(world: World, client: ClientFor) -> None:
    dan = client(world.dan)
    assert "Enter the reason." in dan.post(address(world), data={"reason": " "}).text
    response = dan.post(address(world), data={"reason": "mistake " * 1250})
    assert response.status_code == 422
    assert "mistake mistake" in response.text
    with pytest.raises(Invalid), transaction():
        void_attempt(world.cfacc15, " ", factories.make_actor(world.dan))


def test_void_attempt_takes_no_claims(world: World) -> None:
    with transaction():
        evidence = factories.make_evidence(world.cfacc15, "Call of 5 October")
        void_attempt(world.cfacc15, "Entered by mistake", factories.make_actor(world.dan))
    tick = Tick(world.cfacc15.id, evidence.id, factories.criterion(world.cfacc15, "1").id, ticked=True)
    with pytest.raises(Refused), transaction():
        set_claims([tick], world.alice.id, factories.make_actor(world.alice))


@pytest.mark.parametrize(
    ("name", "status"), [("alice", 404), ("bob", 404), ("carol", 404), ("eve", 404), ("heidi", 404)]
)
def test_only_an_administrator_of_the_centre_can_void(
    world: World, client: ClientFor, name: str, status: int
) -> None:
    browser = client(getattr(world, name))
    assert browser.get(address(world)).status_code == status
    assert browser.post(address(world), data={"reason": "No"}).status_code == status
    db.session.refresh(world.cfacc15)
    assert world.cfacc15.state is AttemptState.IN_PROGRESS

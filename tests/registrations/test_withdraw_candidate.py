"""Withdrawing a candidate: the work is kept and can be read, but not changed."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from tests import factories
from tests.assessment.workflow import ALL_CHECKS, accept, build_draft, submit_item
from tests.factories import World
from tracker.assessment.services.assessments import save_draft
from tracker.errors import Invalid, Refused
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Registration
from tracker.portfolio.services.claims import Tick, set_claims
from tracker.portfolio.services.submissions import submit_evidence
from tracker.registrations.separation_of_duties import check_not_withdrawn
from tracker.registrations.services import void_attempt, withdraw_candidate
from tracker.vocabulary import AttemptState, Outcome

ClientFor = Callable[..., FlaskClient]
WHY = "Alice has left the company"


def address(world: World) -> str:
    return f"/registrations/{world.registration.id}/withdraw"


def withdraw(world: World) -> None:
    with transaction():
        withdraw_candidate(world.registration, WHY, factories.make_actor(world.dan))


def test_administrator_withdraws_a_candidate(
    world: World, client: ClientFor, recorded_acts: Callable[[], list[str]]
) -> None:
    dan = client(world.dan)
    assert "Withdraw Alice Moran" in dan.get(address(world)).text
    response = dan.post(address(world), data={"reason": f"  {WHY}  "})
    assert response.status_code == 303
    page = dan.get(response.location).text
    assert "Withdrawn on" in page
    assert WHY in page
    assert "Name one" not in page
    assert "Add a unit" not in page
    assert db.session.get_one(Registration, world.registration.id).withdrawn_reason == WHY
    assert recorded_acts() == ["candidate_withdrawn"]


def test_withdrawal_needs_a_reason(world: World, client: ClientFor) -> None:
    response = client(world.dan).post(address(world), data={"reason": "   "})
    assert response.status_code == 422
    assert "Enter the reason." in response.text
    with pytest.raises(Invalid), transaction():
        withdraw_candidate(world.registration, "  ", factories.make_actor(world.dan))
    assert world.registration.withdrawn_at is None


def test_too_long_reason_is_refused_and_kept(world: World, client: ClientFor) -> None:
    response = client(world.dan).post(address(world), data={"reason": "because " * 1250})
    assert response.status_code == 422
    assert "Use at most 2,000 characters." in response.text
    assert "because because" in response.text


def test_candidate_can_be_withdrawn_once(
    world: World, client: ClientFor, recorded_acts: Callable[[], list[str]]
) -> None:
    withdraw(world)
    response = client(world.dan).post(address(world), data={"reason": "Again"})
    assert response.status_code == 409
    assert "already been withdrawn" in response.text
    assert recorded_acts() == ["candidate_withdrawn"]


def test_withdrawn_candidate_cannot_claim_or_submit(world: World) -> None:
    with transaction():
        evidence = factories.make_evidence(world.cfacc15, "Call of 5 October")
        factories.claim(world.cfacc15, evidence, "1")
    withdraw(world)
    another = factories.criterion(world.cfacc15, "2")
    tick = Tick(world.cfacc15.id, evidence.id, another.id, ticked=True)
    with pytest.raises(Refused, match="withdrawn"), transaction():
        set_claims([tick], world.alice.id, factories.make_actor(world.alice))
    with pytest.raises(Refused, match="withdrawn"), transaction():
        submit_evidence(evidence, factories.make_actor(world.alice))


def test_assessor_cannot_assess_a_withdrawn_candidate(world: World) -> None:
    _, version, (claim,) = submit_item(world.cfacc15, "Call of 5 October", "1")
    withdraw(world)
    marks = build_draft({claim: Outcome.MET}, all_checks=bool(ALL_CHECKS))
    with pytest.raises(Refused, match="withdrawn"), transaction():
        save_draft(world.cfacc15, version, marks, factories.make_actor(world.bob))


def test_work_of_a_withdrawn_candidate_can_be_read(world: World, client: ClientFor) -> None:
    _, version, claims = submit_item(world.cfacc15, "Call of 5 October", "1")
    accept(world.cfacc15, version, world.bob, claims)
    withdraw(world)
    for person in (world.alice, world.bob, world.carol, world.dan):
        assert client(person).get(f"/attempts/{world.cfacc15.id}").status_code == 200
    home = client(world.alice).get("/").text
    assert "CFACC15" in home
    assert "You were withdrawn" in home
    assert "Next for you" not in home


def test_other_registrations_continue(world: World) -> None:
    withdraw(world)
    with pytest.raises(Refused):
        check_not_withdrawn(world.cfacc15)
    check_not_withdrawn(world.franks_attempt)


def test_attempt_of_a_withdrawn_candidate_can_be_voided(world: World) -> None:
    withdraw(world)
    with transaction():
        void_attempt(world.cfacc15, "Entered by mistake", factories.make_actor(world.dan))
    assert world.cfacc15.state is AttemptState.VOID


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "eve", "heidi"])
def test_only_an_administrator_of_the_centre_can_withdraw(world: World, client: ClientFor, name: str) -> None:
    browser = client(getattr(world, name))
    assert browser.get(address(world)).status_code == 404
    assert browser.post(address(world), data={"reason": WHY}).status_code == 404
    db.session.refresh(world.registration)
    assert world.registration.withdrawn_at is None

"""Who reads a record of assessment, which of its versions and claims, and who may still write it."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.factories import World
from tests.records.observations import agree, begin, decide, finish, object_to, observe
from tracker import clock
from tracker.errors import Refused
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Claim, Decision, Evidence, Person, PortfolioAccess, Registration
from tracker.privacy.erasure import erase_portfolio
from tracker.records.services.drafts import save_observation
from tracker.registrations.services import withdraw_candidate
from tracker.vocabulary import AttemptState, Outcome, PortfolioPart, Role

Browser = Callable[[Person], FlaskClient]
BOTH_UNITS = "She took the call. [10:09 5] [10:12 INSCC004 1]"


@pytest.fixture
def ian(world: World) -> Person:
    """Ian, the internal verifier of INSCC004 only; Carol is that of CFACC15 only."""
    with transaction():
        ian = factories.make_person("Ian Novak", world.northgate, Role.INTERNAL_VERIFIER)
        factories.end_allocation(world.inscc004, Role.INTERNAL_VERIFIER)
        factories.allocate(world.inscc004, ian, Role.INTERNAL_VERIFIER, world.dan)
    return ian


def write_again(record: Evidence, narrative: str) -> None:
    with transaction():
        save_observation(record, {"narrative": narrative}, None)
    finish(record)


def sign(world: World) -> None:
    """Sign CFACC15, after all that was finished so far."""
    with transaction():
        world.cfacc15.state, world.cfacc15.assessed_at = AttemptState.ASSESSED, clock.now()
        factories.leave_unsealed()


def test_readers_of_one_unit_see_the_code_of_another_and_not_its_decisions(
    world: World, client: Browser, ian: Person
) -> None:
    record = observe(world.cfacc15, world.bob, BOTH_UNITS)
    agree(record)
    with transaction():
        in_inscc004 = db.session.scalars(select(Claim).where(Claim.attempt_id == world.inscc004.id)).one()
        version = record.versions[0]
        assessment = factories.accept(world.inscc004, version, world.bob, {})
        factories.add_and_flush(
            Decision(
                attempt_id=world.inscc004.id,
                claim_id=in_inscc004.id,
                evidence_version_id=version.id,
                assessment_id=assessment.id,
                outcome=Outcome.NOT_MET,
                comment="She did not note the reason.",
                decided_at=clock.now(),
                decided_by_id=world.bob.id,
            )
        )
    address = f"/records/{record.id}"
    carols = client(world.carol).get(address).text
    assert "Also claimed in INSCC004" in carols
    assert "She did not note the reason." not in carols
    assert "10:12" not in carols.partition("<h2>Claims</h2>")[2]
    assert "She did not note the reason." in client(ian).get(address).text
    assert "She did not note the reason." in client(world.alice).get(address).text
    assert "She did not note the reason." in client(world.bob).get(address).text


def test_who_verifies_a_unit_that_the_record_no_longer_claims_in_does_not_read_it(
    world: World, client: Browser, ian: Person
) -> None:
    record = observe(world.cfacc15, world.bob, BOTH_UNITS)
    assert client(ian).get(f"/records/{record.id}").status_code == 200
    write_again(record, "She took the call. [10:09 5]")
    assert client(ian).get(f"/records/{record.id}").status_code == 404
    assert client(world.carol).get(f"/records/{record.id}").status_code == 200


def test_a_record_whose_objection_was_upheld_stays_readable(world: World, client: Browser) -> None:
    record = observe(world.cfacc15, world.bob)
    object_to(record)
    decide(record, world.carol, is_upheld=True)
    for person in (world.alice, world.bob, world.carol):
        assert client(person).get(f"/records/{record.id}").status_code == 200


def test_earlier_versions_are_read_with_their_answers(world: World, client: Browser) -> None:
    record = observe(world.cfacc15, world.bob, "She hung up. [10:09 5]")
    object_to(record, "I was at lunch then.")
    write_again(record, "She said why. [10:11 g]")
    alice, address = client(world.alice), f"/records/{record.id}"
    newest = alice.get(address).text
    assert "She said why." in newest
    assert f'href="{address}?version=1"' in newest
    first = alice.get(f"{address}?version=1").text
    assert "She hung up." in first
    assert "I was at lunch then." in first
    assert "This is an earlier version." in first
    assert "Send my answer" in newest
    assert "Send my answer" not in first
    for number in ("3", "0", "-1", "one", ""):
        assert alice.get(f"{address}?version={number}").status_code == 404


def test_readers_of_a_signed_unit_read_the_version_that_it_was_signed_on(
    world: World, client: Browser, ian: Person
) -> None:
    record = observe(world.cfacc15, world.bob, "She hung up. [10:09 5]")
    agree(record)
    sign(world)
    with clock.frozen_at(clock.now() + timedelta(days=1)):
        write_again(record, "She said why. [10:12 INSCC004 1]")
    carol, address = client(world.carol), f"/records/{record.id}"
    assert "She hung up." in carol.get(address).text
    assert "She said why." not in carol.get(address).text
    assert carol.get(f"{address}?version=2").status_code == 404
    assert "She said why." in client(ian).get(address).text
    assert "She said why." in client(world.alice).get(address).text
    evidence = carol.get(f"/attempts/{world.cfacc15.id}/evidence/{record.id}").text
    assert f'href="{address}?version=1"' in evidence


def test_who_decides_an_objection_reads_the_version_that_it_is_about(world: World, client: Browser) -> None:
    record = observe(world.cfacc15, world.bob, "She hung up. [10:09 5]")
    agree(record)
    sign(world)
    with clock.frozen_at(clock.now() + timedelta(days=1)):
        write_again(record, "She said why. [10:12 INSCC004 1]")
        object_to(record)
    page = client(world.carol).get(f"/records/{record.id}").text
    assert "She said why." in page
    assert "Decide the objection" in page


def test_a_former_assessor_reads_and_writes_their_observation_no_longer(world: World, client: Browser) -> None:
    draft = begin(world.cfacc15, world.bob)
    with transaction():
        factories.end_allocation(world.cfacc15, Role.ASSESSOR)
    bob, address = client(world.bob), f"/records/{draft.id}/edit"
    assert bob.get(address).status_code == 200, "INSCC004 of Alice is allocated to Bob"
    with transaction():
        factories.end_allocation(world.inscc004, Role.ASSESSOR)
    assert bob.get(address).status_code == 404
    assert bob.post(f"/records/{draft.id}/draft", data={"changed": "place", "place": "York"}).status_code == 404
    assert "Observation of Alice Moran" not in bob.get("/queue").text


def test_opening_an_observation_to_write_is_in_the_access_log(world: World, client: Browser) -> None:
    draft = begin(world.cfacc15, world.bob)
    client(world.bob).get(f"/records/{draft.id}/edit")
    opened = db.session.scalars(select(PortfolioAccess)).one()
    assert (opened.person_id, opened.candidate_id) == (world.bob.id, world.alice.id)
    assert (opened.part, opened.role) == (PortfolioPart.EVIDENCE, Role.ASSESSOR)


def test_nothing_is_written_into_the_portfolio_of_a_withdrawn_candidate(world: World, client: Browser) -> None:
    draft = begin(world.cfacc15, world.bob)
    with transaction():
        withdraw_candidate(world.registration, "Moved away.", factories.make_actor(world.dan))
    bob = client(world.bob)
    page = bob.post(f"/records/{draft.id}/edit", data={"place": "York", "question-0": "Why £50?"})
    assert page.status_code == 422
    assert "this observation cannot be changed" in page.text
    assert "York" in page.text
    assert "Why £50?" in page.text
    answer = bob.post(f"/records/{draft.id}/draft", data={"changed": "place", "place": "York"})
    assert answer.status_code >= 400
    assert "York" not in db.session.scalars(select(Evidence.content)).one()


def test_nothing_is_written_into_an_erased_portfolio(world: World) -> None:
    draft = begin(world.cfacc15, world.bob)
    with transaction():
        withdraw_candidate(world.registration, "Moved away.", factories.make_actor(world.dan))
    with clock.frozen_at(clock.now() + timedelta(days=37 * 31)), transaction():
        registration = db.session.get_one(Registration, world.registration.id)
        erase_portfolio(registration, is_full=True, actor=factories.make_actor(world.dan))
    with pytest.raises(Refused, match="erased"), transaction():
        save_observation(draft, {"narrative": "She said why."}, None)

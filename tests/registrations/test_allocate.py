"""Allocating assessors and verifiers: changes need a reason, and duties stay separate."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.factories import World, make_person
from tracker import clock
from tracker.errors import Refused
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Allocation, Event, Person, UnitAttempt
from tracker.registrations.allocations import allocate, allocate_all
from tracker.vocabulary import AttemptState, Role

ClientFor = Callable[..., FlaskClient]
EmailsTo = Callable[..., list[str]]


@pytest.fixture
def gina(world: World) -> Person:
    """Another assessor at Northgate."""
    with transaction():
        return make_person("Gina Holt", world.northgate, Role.ASSESSOR)


def address(attempt: UnitAttempt, role: Role = Role.ASSESSOR) -> str:
    return f"/attempts/{attempt.id}/allocate/{role.value}"


def list_allocations(attempt: UnitAttempt, role: Role = Role.ASSESSOR) -> list[Allocation]:
    query = select(Allocation).where(Allocation.attempt_id == attempt.id, Allocation.role == role)
    return list(db.session.scalars(query.order_by(Allocation.id)))


@pytest.fixture
def new_attempt(world: World) -> UnitAttempt:
    """A unit of Alice's that is not allocated yet."""
    with transaction():
        return factories.make_attempt(world.registration, "DELIVERCC")


def test_allocated_assessor_finds_the_unit(
    world: World, client: ClientFor, new_attempt: UnitAttempt, recorded_acts: Callable[[], list[str]]
) -> None:
    dan, bob = client(world.dan), client(world.bob)
    assert bob.get(f"/attempts/{new_attempt.id}").status_code == 404
    assert "Not allocated yet." in dan.get(address(new_attempt)).text
    response = dan.post(address(new_attempt), data={"person": str(world.bob.id)})
    assert response.status_code == 303
    assert bob.get(f"/attempts/{new_attempt.id}").status_code == 200
    assert [(each.person_id, each.reason) for each in list_allocations(new_attempt)] == [
        (world.bob.id, "First allocation")
    ]
    assert recorded_acts() == ["allocation_made"]


def test_change_of_allocation_needs_a_reason(world: World, client: ClientFor, gina: Person) -> None:
    response = client(world.dan).post(address(world.cfacc15), data={"person": str(gina.id), "reason": "  "})
    assert response.status_code == 422
    assert "Enter the reason for the change." in response.text
    assert f'<option selected value="{gina.id}">' in response.text
    assert [each.person_id for each in list_allocations(world.cfacc15)] == [world.bob.id]


def test_change_ends_the_earlier_allocation_and_keeps_it(
    world: World, client: ClientFor, gina: Person, recorded_acts: Callable[[], list[str]]
) -> None:
    data = {"person": str(gina.id), "reason": "Bob is on long leave"}
    assert client(world.dan).post(address(world.cfacc15), data=data).status_code == 303
    former, current = list_allocations(world.cfacc15)
    assert (former.person_id, former.reason) == (world.bob.id, "First allocation")
    assert former.ends_at == current.starts_at
    assert (current.person_id, current.reason, current.ends_at) == (gina.id, "Bob is on long leave", None)
    assert (current.allocated_by_id, current.role) == (world.dan.id, Role.ASSESSOR)
    assert recorded_acts() == ["allocation_ended", "allocation_made"]
    assert b"long leave" not in db.session.scalars(select(Event.body).order_by(Event.seq.desc())).first()


def test_former_assessor_can_no_longer_read_the_unit(world: World, client: ClientFor, gina: Person) -> None:
    bob = client(world.bob)
    assert bob.get(f"/attempts/{world.cfacc15.id}").status_code == 200
    client(world.dan).post(address(world.cfacc15), data={"person": str(gina.id), "reason": "Leave"})
    assert bob.get(f"/attempts/{world.cfacc15.id}").status_code == 404
    assert client(gina).get(f"/attempts/{world.cfacc15.id}").status_code == 200


def test_people_concerned_are_emailed(world: World, client: ClientFor, gina: Person, emails_to: EmailsTo) -> None:
    data = {"person": str(gina.id), "reason": "Bob is on long leave"}
    client(world.dan).post(address(world.cfacc15), data=data)
    assert "CFACC15: Alice Moran has been allocated to you" in emails_to(gina)[0]
    assert "CFACC15: Alice Moran has been allocated to somebody else" in emails_to(world.bob)[0]
    assert "Gina Holt is now your assessor for CFACC15" in emails_to(world.alice)[0]
    messages = emails_to(gina) + emails_to(world.bob) + emails_to(world.alice)
    assert not any("leave" in words for words in messages)


def test_each_allocation_is_emailed_though_the_unit_was_allocated_to_them_today(
    world: World, client: ClientFor, gina: Person, emails_to: EmailsTo
) -> None:
    """The page says that the person gets an email, the second time too."""
    for person in (gina, world.bob, gina):
        page = client(world.dan).get(address(world.cfacc15)).text
        assert "The person you choose gets an email." in page
        client(world.dan).post(address(world.cfacc15), data={"person": str(person.id), "reason": "Leave"})
    made = "CFACC15: Alice Moran has been allocated to you"
    ended = "CFACC15: Alice Moran has been allocated to somebody else"
    assert [mail.partition("\n")[0] for mail in emails_to(gina)] == [made, ended, made]
    assert [mail.partition("\n")[0] for mail in emails_to(world.bob)] == [ended, made, ended]


def test_units_allocated_in_one_act_make_one_email_to_each_person(
    world: World,
    gina: Person,
    emails_to: EmailsTo,
    recorded_acts: Callable[[], list[str]],
) -> None:
    with transaction():
        people = {Role.ASSESSOR: gina, Role.INTERNAL_VERIFIER: world.carol}
        changes = allocate_all([world.cfacc15, world.inscc004], people, "Leave", factories.make_actor(world.dan))
    assert [(change.attempt.id, change.made.role) for change in changes] == [
        (world.cfacc15.id, Role.ASSESSOR),
        (world.inscc004.id, Role.ASSESSOR),
    ], "Carol verifies both already"
    assert recorded_acts() == ["allocation_ended", "allocation_made"] * 2
    (ginas,), (bobs,), (alices,) = emails_to(gina), emails_to(world.bob), emails_to(world.alice)
    assert ginas.startswith("2 units have been allocated to you")
    assert "CFACC15" in ginas
    assert "INSCC004" in ginas
    assert bobs.startswith("2 units have been allocated to somebody else")
    assert alices.startswith("Your assessor for 2 units")
    assert emails_to(world.carol) == []


def test_current_assessor_is_not_offered_again(world: World, client: ClientFor, gina: Person) -> None:
    dan = client(world.dan)
    page = dan.get(address(world.cfacc15)).text
    assert "Allocated to Bob Archer since 1 September 2026" in page
    assert f'value="{world.bob.id}"' not in page
    assert "Gina Holt, 0 units now" in page
    assert dan.post(address(world.cfacc15), data={"person": str(world.bob.id), "reason": "x"}).status_code == 422
    with pytest.raises(Refused, match="already allocated to Bob Archer"), transaction():
        allocate(world.cfacc15, world.bob, Role.ASSESSOR, "x", factories.make_actor(world.dan))


def test_no_choice_allocates_nobody(world: World, client: ClientFor, new_attempt: UnitAttempt, gina: Person) -> None:
    response = client(world.dan).post(address(new_attempt), data={"person": "0"})
    assert response.status_code == 422
    assert "Choose a person." in response.text
    assert list_allocations(new_attempt) == []


def test_same_person_cannot_assess_and_verify(world: World, client: ClientFor) -> None:
    with transaction():
        factories.grant(world.bob, world.northgate, Role.INTERNAL_VERIFIER)
    data = {"person": str(world.bob.id), "reason": "Carol left"}
    response = client(world.dan).post(address(world.cfacc15, Role.INTERNAL_VERIFIER), data=data)
    assert response.status_code == 422
    assert "The same person cannot assess and verify a unit." in response.text
    assert "Carol left" in response.text


def test_person_who_has_assessed_cannot_verify(world: World, gina: Person) -> None:
    """This holds also when the unit has another assessor by now."""
    with transaction():
        factories.grant(world.bob, world.northgate, Role.INTERNAL_VERIFIER)
        evidence = factories.make_evidence(world.cfacc15, "Call of 5 October")
        (claim,) = factories.claim(world.cfacc15, evidence, "1")
        version = factories.submit(evidence)
        factories.accept(world.cfacc15, version, world.bob, {claim: factories.Outcome.MET})
    by_dan = factories.make_actor(world.dan)
    with transaction():
        allocate(world.cfacc15, gina, Role.ASSESSOR, "Bob changes sides", by_dan)
    with pytest.raises(Refused, match="Somebody who has assessed"), transaction():
        allocate(world.cfacc15, world.bob, Role.INTERNAL_VERIFIER, "Bob changes sides", by_dan)
    with transaction():
        allocate(world.inscc004, gina, Role.ASSESSOR, "Bob changes sides", by_dan)
        allocate(world.inscc004, world.bob, Role.INTERNAL_VERIFIER, "He never assessed this one", by_dan)


def test_candidate_cannot_assess_their_own_work(world: World, client: ClientFor, new_attempt: UnitAttempt) -> None:
    with transaction():
        factories.grant(world.alice, world.northgate, Role.ASSESSOR)
    assert f'value="{world.alice.id}"' not in client(world.dan).get(address(new_attempt)).text
    with pytest.raises(Refused, match="Nobody can assess their own work"), transaction():
        allocate(new_attempt, world.alice, Role.ASSESSOR, "", factories.make_actor(world.dan))


def test_person_without_the_role_is_refused(world: World, client: ClientFor, new_attempt: UnitAttempt) -> None:
    by_dan = factories.make_actor(world.dan)
    for person in (world.carol, world.grace):
        with pytest.raises(Refused, match="does not have the role of assessor here now"), transaction():
            allocate(new_attempt, person, Role.ASSESSOR, "", by_dan)
    with transaction():
        world.bob.grants[0].ends_at = clock.now()
    with pytest.raises(Refused, match="Bob Archer does not have the role"), transaction():
        allocate(new_attempt, world.bob, Role.ASSESSOR, "", by_dan)
    dan = client(world.dan)
    page = dan.get(address(new_attempt)).text
    assert "Nobody has the role of assessor here yet." in page
    answer = dan.post(address(new_attempt), data={})
    assert answer.status_code == 422
    assert "Nobody has the role of assessor here yet." in answer.text


def test_void_attempt_cannot_be_allocated(world: World, new_attempt: UnitAttempt) -> None:
    with transaction():
        new_attempt.state = AttemptState.VOID
    with pytest.raises(Refused, match="void"), transaction():
        allocate(new_attempt, world.bob, Role.ASSESSOR, "", factories.make_actor(world.dan))


def test_unit_of_a_withdrawn_candidate_cannot_be_allocated(world: World, gina: Person) -> None:
    with transaction():
        world.registration.withdrawn_at = clock.now()
    with pytest.raises(Refused, match="withdrawn"), transaction():
        allocate(world.cfacc15, gina, Role.ASSESSOR, "Leave", factories.make_actor(world.dan))


@pytest.mark.parametrize("word", ["candidate", "administrator", "nonsense"])
def test_other_roles_cannot_be_allocated(world: World, client: ClientFor, word: str) -> None:
    assert client(world.dan).get(f"/attempts/{world.cfacc15.id}/allocate/{word}").status_code == 404


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "eve", "heidi"])
def test_only_an_administrator_of_the_centre_can_allocate(
    world: World, client: ClientFor, gina: Person, name: str
) -> None:
    browser = client(getattr(world, name))
    assert browser.get(address(world.cfacc15)).status_code == 404
    data = {"person": str(gina.id), "reason": "Because"}
    assert browser.post(address(world.cfacc15), data=data).status_code == 404
    assert [each.person_id for each in list_allocations(world.cfacc15)] == [world.bob.id]


def test_too_long_reason_is_refused_and_kept(world: World, client: ClientFor, gina: Person) -> None:
    data = {"person": str(gina.id), "reason": "long " * 2000}
    response = client(world.dan).post(address(world.cfacc15), data=data)
    assert response.status_code == 422
    assert "Use at most 2,000 characters." in response.text
    assert "long long long" in response.text


def test_page_takes_few_statements(
    world: World, client: ClientFor, count_statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    dan = client(world.dan)
    with count_statements() as statements:
        dan.get(address(world.cfacc15))
    assert len(statements) <= 12

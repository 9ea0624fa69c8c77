"""Registering a candidate: numbers and dates, invitation of a new person, allocation of all units."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.factories import World, make_person
from tracker import clock
from tracker.errors import Invalid, Refused
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Allocation, Person, Registration, UnitAttempt
from tracker.registrations import person_choices
from tracker.registrations.services import register_candidate
from tracker.vocabulary import Role

ClientFor = Callable[..., FlaskClient]


@pytest.fixture
def ivy(world: World) -> Person:
    with transaction():
        return make_person("Ivy Okafor", world.northgate, Role.CANDIDATE)


def address(world: World) -> str:
    return f"/centres/{world.northgate.id}/registrations/new"


def fill_form(candidate: Person | None, *codes: str, **fields: Any) -> dict[str, Any]:
    return {
        "candidate": str(candidate.id) if candidate else "0",
        "candidate_number": "C-77",
        "awarding_body_number": "AB-900",
        "awarding_body_date": "2026-11-02",
        "units": [str(factories.unit(code).id) for code in codes],
        "assessor": "0",
        "internal_verifier": "0",
        **fields,
    }


def registration_of(person: Person) -> Registration:
    return db.session.scalars(select(Registration).where(Registration.candidate_id == person.id)).one()


def count_registrations() -> int:
    return len(db.session.scalars(select(Registration)).all())


def test_administrator_registers_a_candidate_for_two_units(
    world: World, client: ClientFor, ivy: Person, recorded_acts: Callable[[], list[str]]
) -> None:
    dan = client(world.dan)
    response = dan.post(address(world), data=fill_form(ivy, "CFACC15", "INSCC004"))
    assert response.status_code == 303
    registration = registration_of(ivy)
    assert (registration.candidate_number, registration.awarding_body_number) == ("C-77", "AB-900")
    assert (registration.awarding_body_date, registration.registered_by_id) == (date(2026, 11, 2), world.dan.id)
    assert [(each.unit.code, each.round) for each in registration.attempts] == [("CFACC15", 1), ("INSCC004", 1)]
    assert recorded_acts() == ["candidate_registered", "attempt_started", "attempt_started"]
    page = dan.get(response.location).text
    assert "Ivy Okafor is registered. Next, allocate an assessor" in page
    assert page.count("Not allocated") == 4


def test_registered_candidate_sees_the_units_on_the_home_page(world: World, client: ClientFor, ivy: Person) -> None:
    browser = client(ivy)
    assert "No units yet." in browser.get("/").text
    client(world.dan).post(address(world), data=fill_form(ivy, "CFACC15"))
    assert "CFACC15" in browser.get("/").text


def test_assessor_and_verifier_are_allocated_at_registration(
    world: World, client: ClientFor, ivy: Person, recorded_acts: Callable[[], list[str]]
) -> None:
    data = fill_form(ivy, "CFACC15", "INSCC004", assessor=str(world.bob.id), internal_verifier=str(world.carol.id))
    client(world.dan).post(address(world), data=data)
    allocations = db.session.execute(
        select(Allocation.person_id, Allocation.role)
        .join(UnitAttempt)
        .where(UnitAttempt.candidate_id == ivy.id, Allocation.ends_at.is_(None))
    ).all()
    assert sorted(map(tuple, allocations)) == sorted(
        [(world.bob.id, Role.ASSESSOR), (world.carol.id, Role.INTERNAL_VERIFIER)] * 2
    )
    assert recorded_acts().count("allocation_made") == 4


def test_new_person_is_invited_and_registered_together(
    world: World, client: ClientFor, recorded_acts: Callable[[], list[str]]
) -> None:
    data = fill_form(None, "CFACC15", name="Jo Reed", email="Jo.Reed@example.org")
    response = client(world.dan).post(address(world), data=data)
    assert response.status_code == 303
    jo = db.session.scalars(select(Person).where(Person.email == "jo.reed@example.org")).one()
    assert jo.name == "Jo Reed"
    assert registration_of(jo).candidate_number == "C-77"
    assert {"person_invited", "grant_given", "candidate_registered"} <= set(recorded_acts())


def test_existing_candidate_gets_no_second_role(world: World, client: ClientFor, ivy: Person) -> None:
    data = fill_form(None, "CFACC15", name="Somebody", email=ivy.email)
    assert client(world.dan).post(address(world), data=data).status_code == 303
    assert registration_of(ivy).candidate.name == "Ivy Okafor"


def test_failed_registration_sends_no_invitation(world: World, client: ClientFor) -> None:
    data = fill_form(None, name="Jo Reed", email="jo.reed@example.org")  # no unit
    response = client(world.dan).post(address(world), data=data)
    assert response.status_code == 422
    assert db.session.scalar(select(Person).where(Person.email == "jo.reed@example.org")) is None


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"candidate": "0"}, "Choose a candidate, or enter the name and email address of a new person."),
        ({"candidate": "0", "name": "Jo Reed"}, "Choose a candidate, or enter the name and email"),
        ({"name": "Jo Reed", "email": "jo@example.org"}, "Choose a candidate or enter a new person, not both."),
        ({"candidate": "0", "name": "Jo Reed", "email": "jo"}, "Enter an email address"),
        ({"candidate_number": "   "}, "number for the candidate."),
        ({"candidate_number": "C" * 41}, "Use at most 40 characters."),
        ({"awarding_body_number": ""}, "Enter the registration number too, or leave the date empty for now."),
        ({"awarding_body_date": ""}, "Enter the registration date too, or leave the number empty for now."),
        ({"awarding_body_date": "02/11/soon"}, "Enter a date"),
        ({"awarding_body_date": "0001-01-01"}, "Enter a date"),
        ({"units": []}, "Choose a qualification or at least one unit."),
        ({"units": ["999999"]}, "for this field"),
    ],
)
def test_missing_input_is_explained_and_kept(
    world: World, client: ClientFor, ivy: Person, changes: dict[str, Any], sentence: str
) -> None:
    before = count_registrations()
    data = fill_form(ivy, "CFACC15") | {"awarding_body_number": "AB <900>"} | changes
    response = client(world.dan).post(address(world), data=data)
    assert response.status_code == 422
    assert sentence in response.text
    if "awarding_body_number" not in changes:
        assert "AB &lt;900&gt;" in response.text
    if "units" not in changes:
        assert f'value="{factories.unit("CFACC15").id}" checked' in response.text
    assert count_registrations() == before


def test_registration_date_in_the_future_is_refused(world: World, client: ClientFor, ivy: Person) -> None:
    tomorrow = clock.today() + timedelta(days=1)
    data = fill_form(ivy, "CFACC15", awarding_body_date=tomorrow.isoformat())
    response = client(world.dan).post(address(world), data=data)
    assert response.status_code == 422
    assert "not in the future" in response.text


def test_candidate_number_is_unique_at_a_centre(world: World, client: ClientFor, ivy: Person) -> None:
    data = fill_form(ivy, "CFACC15", candidate_number=world.registration.candidate_number)
    response = client(world.dan).post(address(world), data=data)
    assert response.status_code == 422
    assert "Another candidate at this centre has the number" in response.text


def test_same_form_sent_twice_registers_once(world: World, client: ClientFor, ivy: Person) -> None:
    dan, before = client(world.dan), count_registrations()
    assert dan.post(address(world), data=fill_form(ivy, "CFACC15")).status_code == 303
    assert dan.post(address(world), data=fill_form(ivy, "CFACC15")).status_code == 422
    assert count_registrations() == before + 1


def test_unit_in_another_registration_is_refused(world: World, client: ClientFor) -> None:
    response = client(world.dan).post(address(world), data=fill_form(world.alice, "CFACC15"))
    assert response.status_code == 422
    number = world.registration.candidate_number
    assert f"The candidate already has CFACC15 under the candidate number {number}. Nothing was" in response.text
    assert "oid that unit" not in response.text


def test_same_person_cannot_assess_and_verify(world: World, client: ClientFor, ivy: Person) -> None:
    with transaction():
        factories.grant(world.bob, world.northgate, Role.INTERNAL_VERIFIER)
    before = count_registrations()
    data = fill_form(ivy, "CFACC15", assessor=str(world.bob.id), internal_verifier=str(world.bob.id))
    response = client(world.dan).post(address(world), data=data)
    assert response.status_code == 422
    assert "The same person cannot assess and verify a unit." in response.text
    assert count_registrations() == before


def test_administrator_cannot_register_themselves(world: World, client: ClientFor) -> None:
    with transaction():
        factories.grant(world.dan, world.northgate, Role.CANDIDATE)
    response = client(world.dan).post(address(world), data=fill_form(world.dan, "CFACC15"))
    assert response.status_code == 422
    assert "You cannot register yourself." in response.text


def test_only_people_with_the_role_are_offered(world: World, client: ClientFor) -> None:
    page = client(world.dan).get(address(world)).text
    assert world.alice.email in page
    assert world.frank.email not in page
    response = client(world.dan).post(address(world), data=fill_form(world.frank, "CFACC15"))
    assert response.status_code == 422


def test_service_refuses_people_without_the_role(world: World) -> None:
    actor, unit = factories.make_actor(world.dan), factories.unit("CFACC15")
    with pytest.raises(Refused, match="does not have the role of candidate here"), transaction():
        register_candidate(world.frank, world.northgate, "C-77", "AB", date(2026, 9, 1), [unit], actor)
    with pytest.raises(Invalid), transaction():
        register_candidate(world.alice, world.northgate, "C-77", "AB", date(2026, 9, 1), [], actor)


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "eve", "heidi"])
def test_only_an_administrator_of_the_centre_can_register(
    world: World, client: ClientFor, ivy: Person, name: str
) -> None:
    browser = client(getattr(world, name))
    assert browser.get(address(world)).status_code == 404
    assert browser.post(address(world), data=fill_form(ivy, "CFACC15")).status_code == 404


def test_page_takes_few_statements(
    world: World, client: ClientFor, count_statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    dan = client(world.dan)
    with count_statements() as statements:
        dan.get(address(world))
    assert len(statements) <= 12


def test_many_candidates_are_searched_for(
    world: World, client: ClientFor, ivy: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(person_choices, "MAX_CHOICES", 1)
    dan = client(world.dan)
    page = dan.get(address(world)).text
    assert "Find a candidate" in page
    assert "Find an assessor" not in page
    assert "Ivy Okafor" not in page
    form = fill_form(None, "CFACC15", assessor=str(world.bob.id))
    found = dan.post(address(world), data={**form, "act": "find", "find_candidate": "okAFOR"})
    assert found.status_code == 200
    assert f'<option value="{ivy.id}">' in found.text
    assert 'value="C-77"' in found.text
    assert f'<option selected value="{world.bob.id}">' in found.text
    assert (
        "Nobody matches “nobody at all”."
        in dan.post(address(world), data={**form, "act": "find", "find_candidate": "nobody at all"}).text
    )
    with transaction():
        factories.make_person("Ivan Moran", world.northgate, Role.CANDIDATE)
    assert (
        "More people match than are shown."
        in dan.post(address(world), data={**form, "act": "find", "find_candidate": "iv"}).text
    )
    assert count_registrations() == 2
    assert dan.post(address(world), data=fill_form(ivy, "CFACC15")).status_code == 303
    assert registration_of(ivy).candidate_number == "C-77"


def test_search_for_people_answers_a_script(
    world: World, client: ClientFor, ivy: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(person_choices, "MAX_CHOICES", 1)
    dan = client(world.dan)
    at = f"/centres/{world.northgate.id}/people/choices"
    assert dan.get(f"{at}/candidate?q=ivy").json == {
        "people": [[str(ivy.id), "Ivy Okafor, ivy.okafor@example.org"]], "has_more": False,
    }  # fmt: skip
    assert dan.get(f"{at}/assessor?q=bob").json["people"] == [[str(world.bob.id), "Bob Archer, 2 units now"]]
    assert dan.get(f"{at}/candidate").json["people"] == []
    assert dan.get(f"{at}/caretaker").status_code == 404
    assert client(world.heidi).get(f"{at}/candidate?q=ivy").status_code == 404

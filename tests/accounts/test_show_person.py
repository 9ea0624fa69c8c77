"""A person's roles at a centre: giving and ending them, and inviting again."""

import re
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from tests.accounts.conftest import find_link
from tests.factories import World, grant, make_person
from tracker import clock
from tracker.accounts.services.people import end_grant, give_role
from tracker.errors import Refused
from tracker.extensions import db
from tracker.ledger.events import Actor
from tracker.ledger.transactions import transaction
from tracker.models import Centre, Event, Grant, Person
from tracker.vocabulary import AttemptState, Role

ClientFor = Callable[..., FlaskClient]
EmailsTo = Callable[..., list[str]]


def address(world: World, person: Person) -> str:
    return f"/centres/{world.northgate.id}/people/{person.id}"


def end_address(world: World, role: Grant) -> str:
    return f"{address(world, role.person)}/grants/{role.id}/end"


def test_administrator_sees_roles_at_their_own_centre_only(world: World, client: ClientFor) -> None:
    with transaction():
        grant(world.bob, world.southbank, Role.INTERNAL_VERIFIER)
    page = client(world.dan).get(address(world, world.bob)).text
    roles = page.partition("Give another role")[0]
    assert "Assessor" in roles
    assert "Internal verifier" not in roles


def test_administrator_gives_another_role(
    world: World, client: ClientFor, emails_to: EmailsTo, recorded_acts: Callable[[], list[str]]
) -> None:
    response = client(world.dan).post(address(world, world.bob), data={"role": "internal_verifier"})
    assert response.status_code == 303
    assert "internal verifier at Northgate Skills" in emails_to(world.bob)[0]
    assert recorded_acts() == ["grant_given"]


def test_same_role_twice_is_refused(world: World, client: ClientFor) -> None:
    response = client(world.dan).post(address(world, world.bob), data={"role": "assessor"})
    assert response.status_code == 422
    assert "Bob Archer already has the role of assessor here" in response.text


def test_nobody_can_give_themselves_a_role(world: World, client: ClientFor) -> None:
    dan = client(world.dan)
    assert "Give another role" not in dan.get(address(world, world.dan)).text
    response = dan.post(address(world, world.dan), data={"role": "internal_verifier"})
    assert response.status_code == 422
    assert "You cannot give yourself a role" in response.text


def test_database_refuses_a_role_given_to_oneself(world: World) -> None:
    role = Grant(
        person_id=world.dan.id,
        centre_id=world.northgate.id,
        role=Role.ASSESSOR,
        starts_at=clock.now(),
        granted_by_id=world.dan.id,
        granted_at=clock.now(),
    )
    db.session.add(role)
    with pytest.raises(IntegrityError, match=r"not_to_oneself"):
        db.session.flush()
    db.session.rollback()


def test_ended_role_is_lost_at_once(world: World, client: ClientFor, recorded_acts: Callable[[], list[str]]) -> None:
    dan, bob = client(world.dan), client(world.bob)
    response = dan.post(end_address(world, world.bob.grants[0]))
    assert response.status_code == 303
    assert "Bob Archer no longer has the role of assessor here" in dan.get(response.location).text
    assert "You have no role." in bob.get("/account").text
    assert recorded_acts() == ["grant_ended"]


def test_role_with_an_end_date_can_be_ended_earlier(world: World, client: ClientFor) -> None:
    with transaction():
        role = grant(world.bob, world.northgate, Role.INTERNAL_VERIFIER, ends_at=clock.now() + timedelta(days=9))
    dan = client(world.dan)
    assert end_address(world, role) in dan.get(address(world, world.bob)).text
    assert dan.post(end_address(world, role)).status_code == 303


def test_role_can_be_ended_once(world: World, client: ClientFor, recorded_acts: Callable[[], list[str]]) -> None:
    dan = client(world.dan)
    dan.post(end_address(world, world.bob.grants[0]))
    response = dan.post(end_address(world, world.bob.grants[0]))
    assert response.status_code == 409
    assert "has already ended" in response.text
    assert recorded_acts() == ["grant_ended"]


def test_nobody_can_end_their_own_role(world: World, client: ClientFor) -> None:
    response = client(world.dan).post(end_address(world, world.dan.grants[0]))
    assert response.status_code == 409
    assert "You cannot end your own role" in response.text


def test_role_at_another_centre_cannot_be_ended(world: World, client: ClientFor) -> None:
    with transaction():
        role = grant(world.bob, world.southbank, Role.ASSESSOR)
    dan = client(world.dan)
    assert dan.post(end_address(world, role)).status_code == 404
    assert dan.get(address(world, world.grace)).status_code == 404
    assert dan.post(address(world, world.grace), data={"role": "assessor"}).status_code == 404


def test_role_of_another_person_cannot_be_ended_through_this_page(world: World, client: ClientFor) -> None:
    carols = world.carol.grants[0]
    path = f"{address(world, world.bob)}/grants/{carols.id}/end"
    assert client(world.dan).post(path).status_code == 404


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "eve", "heidi"])
def test_only_an_administrator_of_the_centre_can_change_roles(world: World, client: ClientFor, name: str) -> None:
    browser, role = client(getattr(world, name)), world.carol.grants[0]
    assert browser.get(address(world, world.carol)).status_code == 404
    assert browser.post(address(world, world.carol), data={"role": "assessor"}).status_code == 404
    assert browser.post(end_address(world, role)).status_code == 404
    assert browser.post(f"{address(world, world.carol)}/invite-again").status_code == 404


def test_second_invitation_is_emailed_and_not_shown(
    world: World, client: ClientFor, anonymous: FlaskClient, emails_to: EmailsTo
) -> None:
    with transaction():
        ivy = make_person("Ivy Okafor", world.northgate, Role.CANDIDATE)
        ivy.password_hash = None
    dan = client(world.dan)
    assert "has not chosen a password yet" in dan.get(address(world, ivy)).text
    page = dan.post(f"{address(world, ivy)}/invite-again", follow_redirects=True).text
    link = find_link(emails_to(ivy)[0])
    assert link not in page
    assert anonymous.get(link).status_code == 200


def test_where_no_emails_are_sent_the_link_is_shown_once(
    world: World, client: ClientFor, anonymous: FlaskClient
) -> None:
    with transaction():
        ivy = make_person("Ivy Okafor", world.northgate, Role.CANDIDATE)
        ivy.password_hash = None
    dan = client(world.dan)
    page = dan.get(address(world, ivy)).text
    assert "Send another invitation" not in page
    assert "Show an invitation link" in page
    response = dan.post(f"{address(world, ivy)}/invite-again")
    path = re.search(r"/links/[\w-]+", response.text)
    assert path
    assert anonymous.get(path[0]).status_code == 200
    assert path[0] not in dan.get(address(world, ivy)).text
    event = db.session.scalars(select(Event)).one()
    assert (event.act, event.actor_id) == ("link_issued", world.dan.id)
    assert b"shown_to_administrator" in event.body


def test_the_link_of_somebody_with_a_role_elsewhere_is_not_shown(world: World, client: ClientFor) -> None:
    with transaction():
        ivy = make_person("Ivy Okafor", world.northgate, Role.CANDIDATE)
        ivy.password_hash = None
        grant(ivy, world.southbank, Role.ASSESSOR)
    response = client(world.dan).post(f"{address(world, ivy)}/invite-again")
    assert response.status_code == 409
    assert "was also given a role at another centre" in response.text
    assert not db.session.scalars(select(Event)).all()


def test_person_with_a_password_is_not_invited_again(world: World, client: ClientFor) -> None:
    response = client(world.dan).post(f"{address(world, world.bob)}/invite-again")
    assert response.status_code == 409
    assert "has an account. Your system operator can make a link for a new password." in response.text


def test_where_emails_are_sent_a_person_with_a_password_asks_for_a_new_one(
    world: World, client: ClientFor, emails_to: EmailsTo
) -> None:
    response = client(world.dan).post(f"{address(world, world.bob)}/invite-again")
    assert "has an account. They can ask for a new password on the sign-in page." in response.text
    assert emails_to(world.bob) == []


def test_a_closed_account_gets_no_role_and_no_email(
    world: World, client: ClientFor, emails_to: EmailsTo, recorded_acts: Callable[[], list[str]]
) -> None:
    with transaction():
        world.bob.deactivated_at = clock.now()
    dan = client(world.dan)
    response = dan.post(address(world, world.bob), data={"role": "internal_verifier"})
    assert response.status_code == 422
    assert "The account of Bob Archer is closed. Nothing was changed." in response.text
    assert "is closed" in dan.post(f"{address(world, world.bob)}/invite-again").text
    assert emails_to(world.bob) == []
    assert recorded_acts() == []


def test_event_names_the_grant_that_allowed_the_act(world: World, client: ClientFor) -> None:
    client(world.dan).post(address(world, world.bob), data={"role": "internal_verifier"})
    event = db.session.scalars(select(Event)).one()
    assert (event.actor_id, event.grant_id) == (world.dan.id, world.dan.grants[0].id)
    assert b"Bob" not in event.body


def test_administrator_ends_a_persons_sessions(
    world: World, client: ClientFor, emails_to: EmailsTo, recorded_acts: Callable[[], list[str]]
) -> None:
    dan, phone, office, carol = client(world.dan), client(world.bob), client(world.bob), client(world.carol)
    assert "is signed out of 2 browsers" in dan.get(address(world, world.bob)).text
    answer = dan.post(f"{address(world, world.bob)}/end-sessions")
    assert (answer.status_code, answer.location) == (303, address(world, world.bob))
    page = dan.get(answer.location).text
    assert "is signed out of 2 browsers." in page
    assert "End sessions" not in page
    assert [browser.get("/queue").status_code for browser in (phone, office)] == [302, 302]
    assert carol.get("/verification").status_code == 200
    assert recorded_acts() == ["sessions_ended"]
    assert "signed you out of every browser" in emails_to(world.bob)[0]
    assert dan.post(f"{address(world, world.bob)}/end-sessions").status_code == 409, "he is signed in nowhere now"


def test_sessions_of_somebody_with_a_role_elsewhere_are_not_ended(world: World, client: ClientFor) -> None:
    with transaction():
        grant(world.bob, world.southbank, Role.ASSESSOR)
    dan, bob = client(world.dan), client(world.bob)
    assert "End sessions" not in dan.get(address(world, world.bob)).text
    assert dan.post(f"{address(world, world.bob)}/end-sessions").status_code == 409
    assert bob.get("/queue").status_code == 200


def test_ended_role_can_be_given_again(world: World) -> None:
    actor = Actor(world.dan.id, world.dan.grants[0].id)
    with transaction():
        end_grant(world.bob.grants[0], actor)
        give_role(world.bob, world.northgate, Role.ASSESSOR, actor)
    with transaction(), pytest.raises(Refused):
        give_role(world.bob, world.northgate, Role.ASSESSOR, actor)


def test_second_of_two_concurrent_grants_is_refused(world: World, app: Flask) -> None:
    northgate, bob, dan = world.northgate.id, world.bob.id, world.dan.id
    refusals = []

    def give() -> None:
        person, centre = db.session.get_one(Person, bob), db.session.get_one(Centre, northgate)
        give_role(person, centre, Role.INTERNAL_VERIFIER, Actor(dan))

    def second() -> None:
        with app.app_context(), pytest.raises(Refused) as refusal, transaction():
            give()
        refusals.append(refusal)

    thread = threading.Thread(target=second)
    with transaction():
        give()
        thread.start()
        thread.join(timeout=0.3)
        assert thread.is_alive(), "blocked by the first transaction"
    thread.join()
    assert refusals


def test_the_page_takes_few_statements(world: World, client: ClientFor, count_statements: Callable) -> None:
    dan, path = client(world.dan), address(world, world.bob)
    with count_statements() as statements:
        dan.get(path)
    assert len(statements) <= 12


def test_administrator_starts_a_password_reset_and_never_sees_the_link(
    world: World, client: ClientFor, emails_to: EmailsTo, recorded_acts: Callable[[], list[str]]
) -> None:
    dan = client(world.dan)
    page = dan.post(f"{address(world, world.bob)}/reset-password", follow_redirects=True).text
    assert "is on its way to bob.archer@example.org" in page
    assert "/links/" not in page
    assert "/links/" in emails_to(world.bob)[0]
    assert recorded_acts() == ["link_issued"]


def test_password_of_a_person_with_a_role_elsewhere_is_not_reset(
    world: World, client: ClientFor, emails_to: EmailsTo
) -> None:
    with transaction():
        grant(world.bob, world.southbank, Role.ASSESSOR)
    response = client(world.dan).post(f"{address(world, world.bob)}/reset-password")
    assert response.status_code == 409
    assert "has a role at another centre too" in response.text
    assert emails_to(world.bob) == []
    assert "Reset the password" not in client(world.dan).get(address(world, world.bob)).text


def test_ending_all_roles_ends_the_sessions(
    world: World, client: ClientFor, recorded_acts: Callable[[], list[str]]
) -> None:
    with transaction():
        grant(world.bob, world.northgate, Role.INTERNAL_VERIFIER)
    bob = client(world.bob)
    client(world.dan).post(f"{address(world, world.bob)}/end-roles")
    assert recorded_acts() == ["grant_ended", "grant_ended"]
    assert "/sign-in" in bob.get("/").location


def test_ending_all_roles_keeps_sessions_of_a_person_with_a_role_elsewhere(world: World, client: ClientFor) -> None:
    with transaction():
        grant(world.bob, world.southbank, Role.ASSESSOR)
    bob = client(world.bob)
    client(world.dan).post(f"{address(world, world.bob)}/end-roles")
    assert bob.get("/account").status_code == 200


def test_nobody_ends_their_own_roles(world: World, client: ClientFor) -> None:
    assert client(world.dan).post(f"{address(world, world.dan)}/end-roles").status_code == 409


def test_ending_a_role_says_how_many_units_lose_their_assessor(world: World, client: ClientFor) -> None:
    """Also where the role ends with all others; void and withdrawn units do not count."""
    dan = client(world.dan)
    page = " ".join(dan.get(address(world, world.bob)).text.split())
    assert page.count("<b>2 open units are allocated to Bob Archer</b> as assessor") == 2
    assert f"/centres/{world.northgate.id}/allocations?assessor={world.bob.id}" in page
    page = " ".join(dan.get(address(world, world.carol)).text.split())
    assert "<b>2 open units are allocated to Carol Hughes</b> as internal verifier" in page
    assert f"/allocations?verifier={world.carol.id}" in page
    with transaction():
        world.cfacc15.state = AttemptState.VOID
    assert "<b>1 open unit is allocated to Bob Archer</b>" in dan.get(address(world, world.bob)).text
    with transaction():
        world.registration.withdrawn_at = clock.now()
    assert "allocated to Bob Archer" not in dan.get(address(world, world.bob)).text


def test_person_and_registration_link_to_each_other(world: World, client: ClientFor) -> None:
    dan, registration = client(world.dan), f"/registrations/{world.registration.id}"
    assert f'href="{registration}"' in dan.get(address(world, world.alice)).text
    assert f'href="{address(world, world.alice)}"' in dan.get(registration).text
    assert f'href="{address(world, world.alice)}"' not in client(world.alice).get(registration).text
    assert "Registrations" not in dan.get(address(world, world.bob)).text

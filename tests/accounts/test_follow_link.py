"""Account links: they set a password once, expire, and end earlier sessions."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.accounts.conftest import find_link
from tests.factories import PASSWORD, World, make_actor, make_person
from tests.pausing import run_while_paused
from tracker import clock
from tracker.accounts.passwords import is_password
from tracker.accounts.services import account_links
from tracker.accounts.services.account_links import EXPIRED, issue_link
from tracker.accounts.services.people import deactivate_person, invite_person
from tracker.accounts.sessions import COOKIE_NAME
from tracker.extensions import db
from tracker.ledger.events import OPERATOR
from tracker.ledger.transactions import transaction
from tracker.models import AccountLink, Person
from tracker.vocabulary import LinkPurpose, Role

NEW = "seven quiet otters"


@pytest.fixture
def ivy(world: World) -> Person:
    """A person who is invited and has no password yet."""
    with transaction():
        person = make_person("Ivy Okafor", world.northgate, Role.CANDIDATE)
        person.password_hash = None
    return person


def invitation(person: Person) -> str:
    with transaction():
        return issue_link(person, LinkPurpose.INVITATION, OPERATOR)


def reset(person: Person) -> str:
    with transaction():
        return issue_link(person, LinkPurpose.RESET, OPERATOR)


def test_accepting_an_invitation_signs_the_person_in(
    ivy: Person, anonymous: FlaskClient, recorded_acts: Callable[[], list[str]]
) -> None:
    path = invitation(ivy)
    page = anonymous.get(path).text
    assert 'value="Ivy Okafor"' in page
    response = anonymous.post(path, data={"name": "Ivy  Okafor-Bell", "password": NEW})
    assert (response.status_code, response.location) == (303, "/")
    assert "Your password is set" in anonymous.get("/account").text
    db.session.refresh(ivy)
    assert ivy.name == "Ivy Okafor-Bell"
    assert is_password(ivy.password_hash, NEW)
    assert recorded_acts()[-1] == "invitation_accepted"


def test_password_is_hashed_with_argon2id(ivy: Person, anonymous: FlaskClient) -> None:
    anonymous.post(invitation(ivy), data={"name": "Ivy", "password": NEW})
    db.session.refresh(ivy)
    assert ivy.password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_link_works_once(ivy: Person, app: Flask) -> None:
    path = invitation(ivy)
    app.test_client().post(path, data={"name": "Ivy", "password": NEW})
    for response in (
        app.test_client().get(path),
        app.test_client().post(path, data={"name": "Eve", "password": NEW * 2}),
    ):
        assert response.status_code == 409
        assert "This link no longer works" in response.text
    db.session.refresh(ivy)
    assert is_password(ivy.password_hash, NEW)


def test_second_of_two_concurrent_uses_is_refused(ivy: Person, app: Flask) -> None:
    """Ivy's use is paused after the link was found open. Eve's waits for the lock on it, and finds it used."""
    path = invitation(ivy)

    def use_as(name: str, password: str) -> Callable[[], int]:
        return lambda: app.test_client().post(path, data={"name": name, "password": password}).status_code

    answers = run_while_paused(app, (account_links, "set_password"), use_as("Ivy", NEW), use_as("Eve", NEW * 2))
    assert answers == (303, 409)
    assert is_password(db.session.get_one(Person, ivy.id).password_hash, NEW)


@pytest.mark.parametrize(("issue", "lifetime"), [(invitation, timedelta(days=14)), (reset, timedelta(hours=1))])
def test_link_expires(
    ivy: Person,
    anonymous: FlaskClient,
    freeze_clock: Callable[..., None],
    issue: Callable[[Person], str],
    lifetime: timedelta,
) -> None:
    start = clock.now()
    freeze_clock(start)
    path = issue(ivy)
    freeze_clock(start + lifetime - timedelta(seconds=1))
    assert anonymous.get(path).status_code == 200
    freeze_clock(start + lifetime)
    assert anonymous.get(path).status_code == 409
    assert anonymous.post(path, data={"name": "Ivy", "password": NEW}).status_code == 409


def test_newer_link_replaces_the_older_one(ivy: Person, anonymous: FlaskClient) -> None:
    older, newer = invitation(ivy), invitation(ivy)
    assert anonymous.get(older).status_code == 409
    assert anonymous.get(newer).status_code == 200


def test_new_password_ends_every_open_link(ivy: Person, app: Flask) -> None:
    unused = invitation(ivy)
    app.test_client().post(reset(ivy), data={"password": NEW})
    assert app.test_client().get(unused).status_code == 409


def test_unknown_token_is_refused(world: World, anonymous: FlaskClient) -> None:
    response = anonymous.get("/links/" + "a" * 43)
    assert response.status_code == 409
    assert f"{EXPIRED} Ask your centre for one." in response.text


@pytest.mark.usefixtures("mail_server")
def test_where_emails_are_sent_a_new_link_is_asked_for_on_the_sign_in_page(
    world: World, anonymous: FlaskClient
) -> None:
    response = anonymous.get("/links/" + "a" * 43)
    assert f"{EXPIRED} Ask for a new link on the sign-in page, or ask your centre." in response.text


def test_link_of_a_closed_account_is_refused(ivy: Person, anonymous: FlaskClient) -> None:
    path = invitation(ivy)
    with transaction():
        deactivate_person(ivy)
    assert anonymous.post(path, data={"name": "Ivy", "password": NEW}).status_code == 409


def test_reset_ends_every_session_and_emails_the_person(
    world: World,
    app: Flask,
    client: Callable[..., FlaskClient],
    emails_to: Callable[..., list[str]],
    recorded_acts: Callable[[], list[str]],
) -> None:
    phone, office = client(world.alice), client(world.alice)
    browser = app.test_client()
    assert browser.post(reset(world.alice), data={"password": NEW}).status_code == 303
    assert [each.get("/account").status_code for each in (phone, office, browser)] == [302, 302, 200]
    assert recorded_acts()[-1] == "password_reset"
    assert "Your password was changed" in emails_to(world.alice)[-1]


def test_reset_cannot_change_the_name(world: World, anonymous: FlaskClient) -> None:
    guessable = "alice moran 1"  # contains her name, which the field `name` must not replace
    assert (
        anonymous.post(reset(world.alice), data={"password": guessable, "name": "Somebody else"}).status_code == 422
    )
    anonymous.post(reset(world.alice), data={"password": NEW, "name": "Somebody else"})
    db.session.refresh(world.alice)
    assert world.alice.name == "Alice Moran"


def test_link_starts_a_new_session(world: World, anonymous: FlaskClient) -> None:
    anonymous.set_cookie(COOKIE_NAME, "planted")
    anonymous.post(reset(world.alice), data={"password": NEW})
    cookie = anonymous.get_cookie(COOKIE_NAME)
    assert cookie
    assert cookie.value != "planted"


@pytest.mark.parametrize(
    ("password", "sentence"),
    [
        ("", "Choose a password."),
        ("short one 11", None),
        ("short on 11", "at least 12 characters"),
        ("a" * 201, "at most 200 characters"),
        ("alice.moran@example.org", "too easy to guess"),
        ("Alice.Moran@Example.ORG", "too easy to guess"),
        ("aaaaaaaaaaaaa", "too easy to guess"),
        ("password1234", "too easy to guess"),
        ("qwertyuiopas", "too easy to guess"),
        ("alicemoran2026", "too easy to guess"),
        ("Evidence-Tracker-2026", "too easy to guess"),
        ("assessorverifiercentre", "too easy to guess"),
        ("seven quiet otters swim slowly past the old mill on a misty morning", None),
        ("   SEVEN\tquiet  ötters   ", None),
    ],
)
def test_weak_password_is_refused_with_the_reason(
    world: World, anonymous: FlaskClient, password: str, sentence: str | None
) -> None:
    path = reset(world.alice)
    response = anonymous.post(path, data={"password": password})
    assert response.status_code == (422 if sentence else 303)
    assert (sentence or "") in response.text
    db.session.refresh(world.alice)
    assert is_password(world.alice.password_hash, PASSWORD if sentence else password)


def test_name_is_kept_when_the_password_is_refused(ivy: Person, anonymous: FlaskClient) -> None:
    response = anonymous.post(invitation(ivy), data={"name": "<b>Ivy</b>", "password": "short"})
    assert response.status_code == 422
    assert 'value="&lt;b&gt;Ivy&lt;/b&gt;"' in response.text


def test_too_long_name_is_refused_with_a_message(ivy: Person, anonymous: FlaskClient) -> None:
    response = anonymous.post(invitation(ivy), data={"name": "I" * 10_000, "password": NEW})
    assert response.status_code == 422
    assert "at most 200 characters" in response.text


def test_only_the_hash_of_the_token_is_stored(world: World, emails_to: Callable[..., list[str]]) -> None:
    with transaction():
        invite_person("ivy@example.org", "Ivy", world.northgate, Role.CANDIDATE, make_actor(world.dan))
    token = find_link(emails_to("ivy@example.org")[0]).removeprefix("/links/")
    stored_hash = db.session.scalars(select(AccountLink.token_hash)).one()
    assert token not in stored_hash
    assert len(token) >= 43

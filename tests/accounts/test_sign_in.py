"""Sign-in: rate limited, revealing nothing, and redirecting to pages of this site only."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from argon2 import PasswordHasher, extract_parameters
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from tests.factories import PASSWORD, World, grant, make_actor, make_person
from tests.pausing import run_while_paused
from tracker.accounts.passwords import hash_password, is_password
from tracker.accounts.services import sign_in as sign_in_services
from tracker.accounts.services.account_links import set_password
from tracker.accounts.sessions import COOKIE_NAME, hash_token
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Person, UserSession
from tracker.vocabulary import Role

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def sign_in(browser: FlaskClient, email: str, password: str = PASSWORD, query: str = "") -> TestResponse:
    return browser.post(f"/sign-in{query}", data={"email": email, "password": password})


def read_token(browser: FlaskClient) -> str:
    cookie = browser.get_cookie(COOKIE_NAME)
    assert cookie
    return cookie.value


def test_sign_in_leads_to_the_home_page(world: World, anonymous: FlaskClient) -> None:
    assert anonymous.get("/sign-in").status_code == 200
    response = sign_in(anonymous, world.alice.email)
    assert (response.status_code, response.location) == (303, "/")
    assert "Alice" in anonymous.get("/account").text


def test_email_address_ignores_case_and_surrounding_spaces(world: World, anonymous: FlaskClient) -> None:
    assert sign_in(anonymous, f"  {world.alice.email.upper()} ").status_code == 303


def test_only_the_hash_of_the_session_token_is_stored(world: World, anonymous: FlaskClient) -> None:
    sign_in(anonymous, world.alice.email)
    stored_hash = db.session.scalars(select(UserSession.token_hash)).one()
    assert stored_hash == hash_token(read_token(anonymous))


def test_session_cookie_is_http_only_and_same_site(world: World, app: Flask) -> None:
    app.config["SESSION_COOKIE_SECURE"] = True
    response = sign_in(app.test_client(), world.alice.email)
    cookie = next(
        each for each in response.headers.getlist("Set-Cookie") if each.startswith(f"__Host-{COOKIE_NAME}=")
    )
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


def test_session_stores_the_name_of_the_browser(world: World, anonymous: FlaskClient) -> None:
    firefox = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
    anonymous.post(
        "/sign-in", data={"email": world.alice.email, "password": PASSWORD}, headers={"User-Agent": firefox}
    )
    assert db.session.scalars(select(UserSession.browser)).one() == "Firefox on Windows"


@pytest.mark.parametrize("email", ["alice.moran@example.org", "nobody@example.org", "invited@example.org"])
def test_wrong_password_and_unknown_address_get_the_same_message(
    world: World, anonymous: FlaskClient, email: str
) -> None:
    with transaction():
        make_person("Invited", world.northgate, Role.CANDIDATE).password_hash = None
    response = sign_in(anonymous, email, "wrong horse battery")
    assert response.status_code == 422
    assert sign_in_services.WRONG in response.text
    assert f'value="{email}"' in response.text
    assert "wrong horse battery" not in response.text


def test_unknown_address_takes_as_long_as_a_known_one(
    world: World, anonymous: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = []
    monkeypatch.setattr(
        sign_in_services, "is_password", lambda password_hash, _password: checked.append(password_hash)
    )
    sign_in(anonymous, "nobody@example.org")
    sign_in(anonymous, world.alice.email)
    assert checked == [None, world.alice.password_hash]


def test_without_an_account_a_password_is_hashed_with_the_same_effort(monkeypatch: pytest.MonkeyPatch) -> None:
    verified = []

    def verify(_hasher: PasswordHasher, password_hash: str, _password: str) -> bool:
        verified.append(extract_parameters(password_hash))
        return True

    monkeypatch.setattr(PasswordHasher, "verify", verify)
    assert not is_password(None, PASSWORD), "even where it is the right one for the hash that is compared"
    assert verified == [extract_parameters(hash_password(PASSWORD))]


def test_no_lock_is_held_while_the_password_is_checked(
    world: World, anonymous: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(_password_hash: object, _password: object) -> bool:
        assert not db.session().in_transaction()
        return True

    monkeypatch.setattr(sign_in_services, "is_password", check)
    assert sign_in(anonymous, world.alice.email).status_code == 303


@pytest.mark.parametrize("change", [{"password_hash": "another"}, {"deactivated_at": NOON}])
def test_password_changed_during_the_check_starts_no_session(
    world: World, anonymous: FlaskClient, monkeypatch: pytest.MonkeyPatch, change: dict[str, object]
) -> None:
    """Otherwise that session would outlive the change, which ends every other."""
    alice_id = world.alice.id

    def check(_password_hash: str | None, _password: str) -> bool:
        with Session(db.engine) as session, session.begin():
            session.execute(update(Person).where(Person.id == alice_id).values(change))
        return True

    monkeypatch.setattr(sign_in_services, "is_password", check)
    assert sign_in_services.WRONG in sign_in(anonymous, world.alice.email).text
    assert not db.session.scalar(select(UserSession.id))


def test_password_change_during_sign_in_ends_the_new_session(
    world: World, app: Flask, anonymous: FlaskClient
) -> None:
    """The change waits for the sign-in that has checked the old password, and then ends its session."""
    alice_id, email = world.alice.id, world.alice.email

    def change_password() -> None:
        with transaction():
            person = db.session.get_one(Person, alice_id)
            set_password(person, "another", make_actor(person), "password_changed")

    place = (sign_in_services, "forget_attempts")  # called once the password is checked and the person is locked
    response, _ = run_while_paused(app, place, lambda: sign_in(anonymous, email), change_password)
    assert response.status_code == 303  # type: ignore[attr-defined]  # the first result is a response
    assert db.session.scalars(select(UserSession.ended_at)).one(), "the session does not outlive the password"


def test_closed_account_cannot_sign_in(world: World, anonymous: FlaskClient) -> None:
    with transaction():
        world.alice.deactivated_at = NOON
    response = sign_in(anonymous, world.alice.email)
    assert sign_in_services.WRONG in response.text


def test_empty_form_says_what_is_missing(world: World, anonymous: FlaskClient) -> None:
    response = sign_in(anonymous, "", "")
    assert response.status_code == 422
    assert "Enter your email address." in response.text
    assert "Enter your password." in response.text


def test_planted_session_token_is_not_adopted(world: World, anonymous: FlaskClient) -> None:
    anonymous.set_cookie(COOKIE_NAME, "planted")
    sign_in(anonymous, world.alice.email)
    assert read_token(anonymous) != "planted"


def test_signing_in_again_ends_the_browsers_earlier_session(world: World, app: Flask, anonymous: FlaskClient) -> None:
    sign_in(anonymous, world.alice.email)
    earlier_token = read_token(anonymous)
    sign_in(anonymous, world.bob.email)
    thief = app.test_client()
    thief.set_cookie(COOKIE_NAME, earlier_token)
    assert thief.get("/account").status_code == 302


def test_sign_in_continues_to_the_page_asked_for(world: World, anonymous: FlaskClient) -> None:
    redirect = anonymous.get("/account?tab=2")
    assert redirect.location == "/sign-in?next=%2Faccount%3Ftab%3D2"
    response = anonymous.post(redirect.location, data={"email": world.alice.email, "password": PASSWORD})
    assert response.location == "/account?tab=2"


@pytest.mark.parametrize(
    "hostile",
    [
        "https://evil.example",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/%09/evil.example",
        "/account\r\nSet-Cookie: a=b",
        "evil.example",
        "/sign-out",
        "/nowhere",
    ],
)
def test_next_cannot_lead_to_another_site_or_to_an_act(world: World, app: Flask, hostile: str) -> None:
    response = app.test_client().post(
        "/sign-in", query_string={"next": hostile}, data={"email": world.alice.email, "password": PASSWORD}
    )
    assert (response.status_code, response.location) == (303, "/")


def test_next_leads_from_an_act_to_the_page_above_it(world: World, app: Flask) -> None:
    response = app.test_client().post(
        "/sign-in",
        query_string={"next": "/evidence/41/answer"},
        data={"email": world.alice.email, "password": PASSWORD},
    )
    assert (response.status_code, response.location) == (303, "/evidence/41")


def test_form_from_another_site_is_refused(world: World, app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    response = sign_in(app.test_client(), world.alice.email)
    assert (response.status_code, response.location) == (303, "/sign-in")
    assert not db.session.scalars(select(UserSession)).all()


def test_an_expired_sign_in_page_keeps_where_it_leads_to(
    world: World, client: Callable[..., FlaskClient], app: Flask
) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    form = {"email": world.alice.email, "password": PASSWORD}
    anonymous = app.test_client()
    response = anonymous.post("/sign-in?next=/account", data=form)
    assert response.location == "/sign-in?next=/account"
    assert "The sign-in page had expired" in anonymous.get(response.location).text
    alice = client(world.alice)
    response = alice.post("/sign-in?next=/account", data=form)
    assert alice.get(response.location).location == "/account"
    assert "You were already signed in as" in alice.get("/account").text


def test_signed_in_person_is_sent_home(world: World, client: Callable[..., FlaskClient]) -> None:
    assert client(world.alice).get("/sign-in").location == "/"


def test_demo_lists_its_people_by_role(world: World, demo: None, anonymous: FlaskClient) -> None:
    with transaction():
        grant(world.bob, world.northgate, Role.INTERNAL_VERIFIER)
    page = anonymous.get("/sign-in").text
    assert page.index("Alice Moran") < page.index("Bob Archer") < page.index("Carol Hughes") < page.index("Dan Price")
    assert "Bob Archer, also internal verifier" in page


def test_no_people_are_listed_outside_demo_mode(world: World, anonymous: FlaskClient) -> None:
    assert "Alice Moran" not in anonymous.get("/sign-in").text

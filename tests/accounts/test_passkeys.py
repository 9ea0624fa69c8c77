"""Passkeys: bound to this site's domain, single-use challenges, and refusal of clones."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests import factories
from tests.accounts.authenticators import Authenticator, encode_base64url
from tests.accounts.conftest import BASE_URL
from tests.accounts.test_two_step_sign_in import sign_in
from tests.factories import PASSWORD, World
from tracker.accounts import recovery_codes
from tracker.accounts.passkeys import find_relying_party
from tracker.accounts.services.two_step_verification import list_factors
from tracker.config import Settings
from tracker.extensions import db
from tracker.models import Person, SecondFactor

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MAKE, MAKE_QUESTION = "/account/two-step-verification/passkey", "/account/two-step-verification/passkey/options"
PROVE, PROVE_QUESTION = "/two-step-verification", "/two-step-verification/passkey"


@pytest.fixture(autouse=True)
def site(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The site has a domain name; recovery codes are hashed cheaply."""
    monkeypatch.setattr(recovery_codes, "hash_password", factories.cheap_hash)
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], base_url=BASE_URL)


@pytest.fixture
def key() -> Authenticator:
    return Authenticator(BASE_URL)


def request_options(browser: FlaskClient, address: str, **data: str) -> dict[str, Any]:
    answer = browser.post(address, data=data, headers={"Accept": "application/json"})
    assert answer.status_code == 200, answer.text
    return dict(json.loads(answer.text))


def make(browser: FlaskClient, key: Authenticator, **overrides: str) -> TestResponse:
    options = request_options(browser, MAKE_QUESTION, password=PASSWORD)
    data = {"credential": key.make(options, **overrides), "name": "Bob’s  phone", "password": PASSWORD}
    return browser.post(MAKE, data=data)


def prove(browser: FlaskClient, key: Authenticator, **overrides: str) -> TestResponse:
    return browser.post(PROVE, data={"credential": key.sign(request_options(browser, PROVE_QUESTION), **overrides)})


@pytest.fixture
def bob(world: World, app: Flask, key: Authenticator) -> Person:
    """Bob, signed in, with a passkey."""
    assert make(sign_in(app, world.bob), key).status_code == 200
    return world.bob


def test_passkey_is_registered_and_used_to_sign_in(
    bob: Person, key: Authenticator, app: Flask, recorded_acts: Callable[[], list[str]]
) -> None:
    assert recorded_acts() == ["second_factor_added", "recovery_codes_made"]
    browser = sign_in(app, bob)
    assert "Use a passkey" in browser.get("/two-step-verification?next=/queue").text
    assert prove(browser, key).location == "/"
    page = browser.get("/account").text
    assert "Bob’s phone, a passkey" in page
    assert "last used" in page


def test_a_new_passkey_ends_the_other_sessions(world: World, app: Flask, key: Authenticator) -> None:
    phone, office = sign_in(app, world.bob), sign_in(app, world.bob)
    assert make(office, key).status_code == 200
    assert phone.get("/account").location.startswith("/sign-in")
    assert office.get("/account").status_code == 200


def test_relying_party_comes_from_the_settings_and_not_the_host_header(world: World, app: Flask) -> None:
    bob = sign_in(app, world.bob)
    answer = bob.post(MAKE_QUESTION, data={"password": PASSWORD}, headers={"Host": "localhost"})
    assert json.loads(answer.text)["rp"]["id"] == "tracker.example.org"
    assert bob.post(MAKE_QUESTION, data={"password": PASSWORD}, headers={"Host": "evil.example"}).status_code == 400


def test_options_reveal_no_email_address_and_no_secret(bob: Person, app: Flask) -> None:
    options = request_options(sign_in(app, bob), PROVE_QUESTION)
    assert options["userVerification"] == "preferred"
    assert bob.email not in json.dumps(options)
    assert len(options["allowCredentials"]) == 1


@pytest.mark.parametrize(
    "overrides",
    [
        {"origin": "https://evil.example"},
        {"origin": "http://tracker.example.org"},
        {"origin": "https://tracker.example.org.evil.example"},
        {"origin": "https://tracker.example.org:8443"},
        {"challenge": encode_base64url(b"x" * 32)},
        {"type": "webauthn.get"},
    ],
)
def test_registration_for_another_site_or_challenge_is_refused(
    world: World, app: Flask, key: Authenticator, overrides: dict[str, str], recorded_acts: Callable[[], list[str]]
) -> None:
    answer = make(sign_in(app, world.bob), key, **overrides)
    assert answer.status_code == 422
    assert "could not be added. Nothing was changed." in answer.text
    assert recorded_acts() == []


@pytest.mark.parametrize(
    "overrides",
    [{"origin": "https://evil.example"}, {"challenge": encode_base64url(b"x" * 32)}, {"type": "webauthn.create"}],
)
def test_answer_for_another_site_or_challenge_is_refused(
    bob: Person, app: Flask, key: Authenticator, overrides: dict[str, str]
) -> None:
    browser = sign_in(app, bob)
    assert "This passkey could not be checked." in prove(browser, key, **overrides).text
    assert browser.get("/queue").status_code == 302


def test_answer_can_be_used_once(bob: Person, app: Flask, key: Authenticator) -> None:
    first, second = sign_in(app, bob), sign_in(app, bob)
    answer = key.sign(request_options(first, PROVE_QUESTION))
    assert second.post(PROVE, data={"credential": answer}).status_code == 422, "another session was asked"
    assert first.post(PROVE, data={"credential": answer}).status_code == 303
    assert second.post(PROVE, data={"credential": answer}).status_code == 422


def test_challenge_is_used_up_by_a_wrong_answer(bob: Person, app: Flask, key: Authenticator) -> None:
    browser = sign_in(app, bob)
    options = request_options(browser, PROVE_QUESTION)
    credential = key.sign(options, origin="https://evil.example")
    assert browser.post(PROVE, data={"credential": credential}).status_code == 422
    assert browser.post(PROVE, data={"credential": key.sign(options)}).status_code == 422
    assert prove(browser, key).status_code == 303


def test_challenge_expires_after_five_minutes(
    bob: Person, app: Flask, key: Authenticator, freeze_clock: Callable[[datetime], None]
) -> None:
    freeze_clock(NOON)
    browser = sign_in(app, bob)
    options = request_options(browser, PROVE_QUESTION)
    freeze_clock(NOON + timedelta(minutes=5))
    assert browser.post(PROVE, data={"credential": key.sign(options)}).status_code == 422


def test_cloned_passkey_with_a_lower_count_is_refused(bob: Person, app: Flask, key: Authenticator) -> None:
    for _ in range(2):
        assert prove(sign_in(app, bob), key).status_code == 303
    assert db.session.scalars(select(SecondFactor.sign_count)).one() == 2
    for back in (0, 1):
        key.uses = back
        assert prove(sign_in(app, bob), key).status_code == 422
    key.uses = 2
    assert prove(sign_in(app, bob), key).status_code == 303


def test_passkey_without_a_counter_is_accepted(bob: Person, app: Flask, key: Authenticator) -> None:
    for _ in range(2):
        key.uses = -1
        assert prove(sign_in(app, bob), key).status_code == 303


def test_another_persons_passkey_is_refused(bob: Person, world: World, app: Flask, key: Authenticator) -> None:
    carols = Authenticator(BASE_URL)
    assert make(sign_in(app, world.carol), carols).status_code == 200
    assert prove(sign_in(app, bob), carols).status_code == 422
    imposter = Authenticator(BASE_URL, credential_id=key.credential_id)
    assert prove(sign_in(app, bob), imposter).status_code == 422, "the credential id is right, the key is not"


def test_same_passkey_cannot_be_registered_twice(
    bob: Person, world: World, app: Flask, client: Callable[..., FlaskClient], key: Authenticator
) -> None:
    answer = make(client(world.carol), key)
    assert answer.status_code == 422
    assert "This passkey is already registered here. Nothing was changed." in answer.text


def test_person_can_have_several_passkeys_and_remove_one(
    bob: Person, client: Callable[..., FlaskClient], app: Flask, key: Authenticator
) -> None:
    browser, spare = client(bob), Authenticator(BASE_URL)
    assert make(browser, spare).location == "/account"
    first = list_factors(bob.id)[0].id
    assert (
        browser.post(f"/account/two-step-verification/{first}/remove", data={"password": PASSWORD}).status_code == 303
    )
    assert prove(sign_in(app, bob), spare).status_code == 303
    assert prove(sign_in(app, bob), key).status_code == 422


@pytest.mark.parametrize("password", ["", "wrong horse battery"])
def test_options_and_registration_need_the_password(world: World, app: Flask, password: str) -> None:
    bob, key = sign_in(app, world.bob), Authenticator(BASE_URL)
    answer = bob.post(MAKE_QUESTION, data={"password": password}, headers={"Accept": "application/json"})
    assert answer.status_code == 422
    assert json.loads(answer.text)["message"]
    options = request_options(bob, MAKE_QUESTION, password=PASSWORD)
    data = {"credential": key.make(options), "name": "Phone", "password": password}
    assert bob.post(MAKE, data=data).status_code == 422
    assert not list_factors(world.bob.id)


@pytest.mark.parametrize(
    "answer", ["", "{}", "[]", "null", "x", '{"id":1}', "x" * 20_001, '{"id":"é","rawId":"é","response":{},"type":1}']
)
def test_malformed_answers_are_refused_with_a_message(world: World, bob: Person, app: Flask, answer: str) -> None:
    carol, browser = sign_in(app, world.carol), sign_in(app, bob)
    request_options(carol, MAKE_QUESTION, password=PASSWORD)
    registration = carol.post(MAKE, data={"credential": answer, "name": "Phone", "password": PASSWORD})
    request_options(browser, PROVE_QUESTION)
    sign_in_response = browser.post(PROVE, data={"credential": answer})
    assert (registration.status_code, sign_in_response.status_code) == (422, 422)


def test_wrong_passkeys_and_codes_share_one_rate_limit(
    bob: Person, app: Flask, key: Authenticator, freeze_clock: Callable[[datetime], None]
) -> None:
    freeze_clock(NOON)
    browser = sign_in(app, bob)
    for _ in range(5):
        prove(browser, key, origin="https://evil.example")
    assert "There were too many wrong codes." in prove(browser, key).text


def settings(base_url: str, trusted: str = "") -> Settings:
    return Settings.from_environment({"BASE_URL": base_url, "TRUSTED_HOSTS": trusted})


@pytest.mark.parametrize(
    ("base_url", "trusted", "origins"),
    [
        ("https://tracker.example.org", "", ("https://tracker.example.org",)),
        ("https://Tracker.example.org:443", "", ("https://tracker.example.org",)),
        ("http://localhost:8000", "", ("http://localhost:8000",)),
        (
            "https://example.org",
            "north.example.org,other.example,notexample.org,.example.org",
            ("https://example.org", "https://north.example.org"),
        ),
    ],
)
def test_origins_come_from_the_settings(base_url: str, trusted: str, origins: tuple[str, ...]) -> None:
    """A passkey works at the domain it was created for, and at no other name of the site."""
    party = find_relying_party(settings(base_url, trusted))
    assert party
    assert party.origins == origins


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:8000", "http://[::1]:8000", "https://192.0.2.7"])
def test_passkeys_are_not_offered_at_an_ip_address(
    world: World, app: Flask, base_url: str, client: Callable[..., FlaskClient]
) -> None:
    app.config["SETTINGS"] = settings(base_url)
    bob = client(world.bob)
    assert "is an IP address" in bob.get("/account/two-step-verification").text
    assert "is an IP address" in bob.get(MAKE).text
    for address in (MAKE, MAKE_QUESTION):
        assert bob.post(address, data={"password": PASSWORD}).status_code == 409

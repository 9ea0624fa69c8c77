"""Setting up two-step verification: password needed, emails sent, secrets encrypted."""

import html
import json
import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests import factories
from tests.accounts.authenticators import code_at, code_now, step_now
from tests.accounts.test_two_step_sign_in import prove, sign_in
from tests.factories import PASSWORD, World, make_app
from tests.integrity.tampering import list_violations
from tests.pausing import run_while_paused
from tracker.accounts import recovery_codes
from tracker.accounts.authenticator_apps import group_key
from tracker.accounts.recovery_codes import NewCode, make_codes
from tracker.accounts.services import two_step_verification as services
from tracker.accounts.services.two_step_verification import list_factors
from tracker.accounts.sessions import COOKIE_NAME
from tracker.accounts.views import two_step_verification
from tracker.errors import Refused
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Event, Person, RecoveryCode, SecondFactor
from tracker.privacy.export_account import read_account
from tracker.vocabulary import Role, SecondFactorKind

ClientFor = Callable[..., FlaskClient]
EmailsTo = Callable[..., list[str]]
Acts = Callable[[], list[str]]
APP = "/account/two-step-verification/app"
CODES = "/account/two-step-verification/codes"


@pytest.fixture(autouse=True)
def hashed_cheaply(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery_codes, "hash_password", factories.cheap_hash)


def read_hidden_field(page: str, name: str) -> str:
    match = re.search(rf'<input[^>]*name="{name}"[^>]*value="([^"]*)"', page)
    assert match, page
    return html.unescape(match.group(1))


def read_key(page: str) -> str:
    match = re.search(r'<code class="typed-key">([A-Z2-7 ]+)</code>', page)
    assert match, page
    return match.group(1)


def set_up(browser: FlaskClient, code: str = "", password: str = PASSWORD, path: str = APP) -> TestResponse:
    """Scan the page's key and enter the code that the app shows."""
    page = browser.get(path).text
    key = read_key(page).replace(" ", "")
    return browser.post(
        path, data={"key": read_hidden_field(page, "key"), "code": code or code_now(key), "password": password}
    )


def read_codes(page: str) -> list[str]:
    return re.findall(r"<li><code>([a-z2-9-]+)</code></li>", page)


def test_administrator_sets_up_an_app_saves_the_codes_and_continues(
    world: World, app: Flask, recorded_acts: Acts, emails_to: EmailsTo
) -> None:
    dan = sign_in(app, world.dan)
    set_up_page = dan.get("/people?q=a").location
    assert set_up_page == "/account/two-step-verification?next=/people?q%3Da"
    link = re.search(r'href="(/account/two-step-verification/app[^"]*)"', dan.get(set_up_page).text)
    assert link
    answer = set_up(dan, path=html.unescape(link.group(1)))
    assert answer.status_code == 200
    codes = read_codes(answer.text)
    assert len(set(codes)) == 10
    assert all(re.fullmatch(r"([a-z2-9]{4}-){2}[a-z2-9]{4}", each) for each in codes)
    form_action = re.search(r'action="(/account/two-step-verification/codes/saved[^"]*)"', answer.text)
    assert form_action
    response = dan.post(
        html.unescape(form_action.group(1)), data={"saved": "y", "codes": read_hidden_field(answer.text, "codes")}
    )
    assert (response.status_code, response.location) == (303, "/people?q=a")
    assert dan.get("/account").status_code == 200
    assert recorded_acts() == ["second_factor_added", "recovery_codes_made"]
    assert "“Authenticator app” was added to your account just now" in emails_to(world.dan)[0]
    browser = sign_in(app, world.dan)
    assert browser.post("/two-step-verification/recovery-code", data={"code": codes[3]}).status_code == 303


def test_password_alone_cannot_replace_a_second_factor_set_up_meanwhile(
    world: World, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two who know Dan's password and set up a first second factor at once, the second is refused."""
    thief = sign_in(app, world.dan)

    def meanwhile() -> tuple[NewCode, ...]:
        with transaction():
            make_app(world.dan)
        return make_codes()

    monkeypatch.setattr(two_step_verification, "make_codes_if_first", meanwhile)
    answer = set_up(thief)
    assert answer.status_code == 409
    assert "Two-step verification has been set up in another browser" in answer.text
    assert thief.get("/account").location.startswith("/two-step-verification")
    assert len(list_factors(world.dan.id)) == 1


def test_session_token_changes_when_the_first_second_factor_is_added(world: World, app: Flask) -> None:
    dan = sign_in(app, world.dan)
    before = dan.get_cookie(COOKIE_NAME)
    assert before
    set_up(dan)
    thief = app.test_client()
    thief.set_cookie(COOKIE_NAME, before.value)
    assert thief.get("/account").location.startswith("/sign-in")
    assert dan.get("/account").status_code == 200


@pytest.mark.parametrize("change", ["app", "remove", "codes"])
def test_changing_two_step_verification_ends_the_other_sessions(
    world: World, client: ClientFor, emails_to: EmailsTo, change: str
) -> None:
    """A session that somebody else holds does not outlive the change; the one in which it was made does."""
    with transaction():
        make_app(world.alice)
    phone, office, bob = client(world.alice), client(world.alice), client(world.bob)
    factor_id = list_factors(world.alice.id)[0].id
    if change == "app":
        assert "is added. You are signed out of every other browser." in follow(office, set_up(office))
    elif change == "remove":
        path = f"/account/two-step-verification/{factor_id}/remove"
        answer = office.post(path, data={"password": PASSWORD})
        assert "is removed. You are signed out of every other browser." in follow(office, answer)
    else:
        assert len(read_codes(office.post(CODES, data={"password": PASSWORD}).text)) == 10
    assert phone.get("/account").location.startswith("/sign-in")
    assert office.get("/account").status_code == 200
    assert bob.get("/account").status_code == 200
    assert "signed out of every other browser" in " ".join(" ".join(emails_to(world.alice)).split())


def follow(browser: FlaskClient, answer: TestResponse) -> str:
    assert answer.status_code == 303, answer.text
    return browser.get(answer.location or "").text


def test_set_up_code_cannot_be_used_to_sign_in(world: World, app: Flask, freeze_clock: Callable[..., None]) -> None:
    freeze_clock(factories.LONG_AGO)
    dan = sign_in(app, world.dan)
    page = dan.get(APP).text
    key = read_key(page).replace(" ", "")
    dan.post(APP, data={"key": read_hidden_field(page, "key"), "code": code_now(key), "password": PASSWORD})
    second_browser = sign_in(app, world.dan)
    assert prove(second_browser, code_now(key)).status_code == 422
    assert prove(second_browser, code_at(step_now() + 1, key)).status_code == 303


def test_page_shows_a_qr_code_and_the_key_in_groups_of_four(world: World, client: ClientFor) -> None:
    page = client(world.dan).get(APP).text
    assert '<svg class="qr-code"' in page
    assert re.fullmatch(r"([A-Z2-7]{4} ){7}[A-Z2-7]{4}", read_key(page))
    assert group_key("ABCDEFGH") == "ABCD EFGH"


def test_wrong_code_keeps_the_key_and_changes_nothing(world: World, client: ClientFor, recorded_acts: Acts) -> None:
    dan = client(world.dan)
    page = dan.get(APP).text
    answer = dan.post(APP, data={"key": read_hidden_field(page, "key"), "code": "000000", "password": PASSWORD})
    assert answer.status_code == 422
    assert "This is not the code your app shows for this key now. Nothing was changed." in html.unescape(answer.text)
    assert read_key(answer.text) == read_key(page)
    assert not list_factors(world.dan.id)
    assert recorded_acts() == []


@pytest.mark.parametrize("password", ["", "wrong horse battery"])
def test_nothing_is_added_without_the_password(world: World, client: ClientFor, password: str) -> None:
    answer = set_up(client(world.dan), password=password)
    assert answer.status_code == 422
    assert not list_factors(world.dan.id)
    if password:
        assert "That is not your password. Nothing was changed." in answer.text


def test_key_of_another_session_is_refused(world: World, client: ClientFor) -> None:
    """Nobody can make another person add a key that they know."""
    mallory, dan = client(world.frank), client(world.dan)
    page = mallory.get(APP).text
    key = read_key(page).replace(" ", "")
    answer = dan.post(APP, data={"key": read_hidden_field(page, "key"), "code": code_now(key), "password": PASSWORD})
    assert "This page was open for too long. Nothing was changed." in answer.text
    assert not list_factors(world.dan.id)


def test_recovery_codes_are_shown_until_the_person_confirms(world: World, app: Flask) -> None:
    dan = sign_in(app, world.dan)
    page = set_up(dan).text
    answer = dan.post("/account/two-step-verification/codes/saved", data={"codes": read_hidden_field(page, "codes")})
    assert answer.status_code == 422
    assert "then tick the box" in answer.text
    assert read_codes(answer.text) == read_codes(page)
    alice = sign_in(app, world.alice)
    response = alice.post(
        "/account/two-step-verification/codes/saved", data={"codes": read_hidden_field(page, "codes")}
    )
    assert response.status_code == 409
    assert read_codes(page)[0] not in response.text


def test_recovery_codes_are_stored_hashed(world: World, app: Flask) -> None:
    page = set_up(sign_in(app, world.dan)).text
    hashes = " ".join(db.session.scalars(select(RecoveryCode.code_hash)))
    assert not [each for each in read_codes(page) if each in hashes or each.replace("-", "") in hashes]


def test_new_app_replaces_the_earlier_one(world: World, client: ClientFor, app: Flask, recorded_acts: Acts) -> None:
    with transaction():
        make_app(world.dan)
        codes_before = factories.add_and_flush(
            RecoveryCode(person_id=world.dan.id, code_hash="x", created_at=factories.LONG_AGO)
        ).id
    answer = set_up(client(world.dan))
    assert (answer.status_code, answer.location) == (303, "/account")
    assert recorded_acts() == ["second_factor_removed", "second_factor_added"]
    assert len(list_factors(world.dan.id)) == 1
    assert db.session.scalars(select(RecoveryCode.id)).all() == [codes_before]
    assert prove(sign_in(app, world.dan), code_now()).status_code == 422


def test_new_recovery_codes_replace_the_old_ones(
    world: World, client: ClientFor, app: Flask, recorded_acts: Acts, emails_to: EmailsTo
) -> None:
    with transaction():
        make_app(world.dan)
    dan = client(world.dan)
    first = read_codes(dan.post("/account/two-step-verification/codes", data={"password": PASSWORD}).text)
    second = read_codes(dan.post("/account/two-step-verification/codes", data={"password": PASSWORD}).text)
    assert recorded_acts() == ["recovery_codes_made", "recovery_codes_made"]
    assert len(emails_to(world.dan)) == 2
    second_browser = sign_in(app, world.dan)
    assert second_browser.post("/two-step-verification/recovery-code", data={"code": first[0]}).status_code == 422
    assert second_browser.post("/two-step-verification/recovery-code", data={"code": second[0]}).status_code == 303


def test_new_recovery_codes_need_the_password_and_a_second_factor(world: World, client: ClientFor) -> None:
    alice = client(world.alice)
    assert alice.post("/account/two-step-verification/codes", data={"password": "wrong horse"}).status_code == 422
    assert alice.post("/account/two-step-verification/codes", data={"password": PASSWORD}).status_code == 409
    assert not db.session.scalars(select(RecoveryCode.id)).all()


def removal_path(person: Person) -> str:
    return f"/account/two-step-verification/{list_factors(person.id)[0].id}/remove"


def test_last_second_factor_cannot_be_removed_if_the_role_needs_one(
    world: World, client: ClientFor, recorded_acts: Acts
) -> None:
    with transaction():
        make_app(world.bob)
    bob = client(world.bob)
    assert "Your role needs two-step verification" in bob.get(removal_path(world.bob)).text
    answer = bob.post(removal_path(world.bob), data={"password": PASSWORD})
    assert answer.status_code == 422
    assert "Add another method first, then remove" in answer.text
    assert recorded_acts() == []


def test_two_second_factors_removed_at_once_leave_one_if_the_role_needs_it(world: World, app: Flask) -> None:
    with transaction():
        factories.make_app(world.bob)
        factories.add_and_flush(
            SecondFactor(
                person_id=world.bob.id,
                kind=SecondFactorKind.PASSKEY,
                name="Phone",
                credential_id="Zm9v",
                public_key=b"key",
                sign_count=0,
                created_at=factories.LONG_AGO,
            )
        )
    bob_id = world.bob.id
    app_id, passkey_id = (factor.id for factor in list_factors(bob_id))

    def remove(factor_id: int) -> Callable[[], str]:
        def act() -> str:
            try:
                with transaction():
                    person = db.session.get_one(Person, bob_id)
                    services.remove_factor(factor_id, person, factories.make_actor(person), 0, needs_one=True)
            except Refused as refusal:
                return str(refusal)
            return "removed"

        return act

    answers = run_while_paused(app, (services, "_remove"), remove(app_id), remove(passkey_id))
    assert answers == ("removed", services.LAST)
    assert [factor.id for factor in list_factors(bob_id)] == [passkey_id]


def test_candidate_can_remove_the_last_second_factor(
    world: World, client: ClientFor, app: Flask, recorded_acts: Acts, emails_to: EmailsTo
) -> None:
    alice = client(world.alice)
    set_up(alice)
    assert "Recovery codes" in alice.get("/account").text
    assert alice.post(removal_path(world.alice), data={"password": "wrong horse"}).status_code == 422
    assert alice.post(removal_path(world.alice), data={"password": PASSWORD}).status_code == 303
    assert recorded_acts()[-1] == "second_factor_removed"
    assert "was removed from your account just now" in emails_to(world.alice)[-1]
    assert not db.session.scalars(select(RecoveryCode.id)).all()
    assert sign_in(app, world.alice).get("/evidence").status_code == 200
    with transaction():
        factories.grant(world.alice, world.northgate, Role.ASSESSOR)
    assert alice.get("/queue").location.startswith("/account/two-step-verification"), "nothing is proven any more"


def test_nobody_can_see_or_remove_another_persons_second_factor(world: World, client: ClientFor) -> None:
    with transaction():
        make_app(world.alice)
    bob = client(world.bob)
    assert bob.get(removal_path(world.alice)).status_code == 404
    assert bob.post(removal_path(world.alice), data={"password": PASSWORD}).status_code == 404
    assert "Authenticator app" not in bob.get("/account").text


def test_integrity_checks_pass_after_set_up_and_removal(world: World, app: Flask) -> None:
    before = list_violations()  # of rows that the stories' people were made with, and that no event records
    alice = sign_in(app, world.alice)
    set_up(alice)
    alice.post("/account/two-step-verification/codes", data={"password": PASSWORD})
    alice.post(removal_path(world.alice), data={"password": PASSWORD})
    assert list_violations() == before


def test_no_secret_is_in_the_ledger_or_the_data_export(world: World, app: Flask) -> None:
    page = set_up(sign_in(app, world.alice)).text
    factor = db.session.scalars(select(SecondFactor)).one()
    assert factor.secret
    export = read_account(world.alice)
    assert [each["name"] for each in export["second_factors"]] == ["Authenticator app"]
    assert len(export["recovery_codes"]) == 10
    bodies = "".join(body.decode() for body in db.session.scalars(select(Event.body)))
    for place in (json.dumps(export), bodies):
        assert factor.secret not in place
        assert not [each for each in read_codes(page) if each in place]
        assert "argon2" not in place

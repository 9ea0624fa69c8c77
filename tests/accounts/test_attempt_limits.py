"""Limits on guessing: counted before the check, and nobody is locked out from elsewhere."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from tests.accounts.authenticators import code_at, code_now, step_now
from tests.accounts.conftest import MailServer, find_link
from tests.concurrency import run_concurrently
from tests.factories import PASSWORD, World, make_app
from tracker.accounts.services import sign_in as sign_in_services
from tracker.accounts.services.attempt_limits import (
    MAX_PER_ADDRESS,
    PASSWORD_CONFIRMATION,
    SECOND_STEP,
    SIGN_IN,
    WINDOW,
    delete_expired_attempts,
    name_address,
)
from tracker.accounts.services.sign_in import MANY_PLACES, MAX_PER_ACCOUNT
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import CountedAttempt, KnownBrowser, Person

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOME, LIBRARY = "192.0.2.7", "198.51.100.9"
WRONG, TOO_MANY = sign_in_services.WRONG, "There were too many wrong passwords."
BURST = 30
Hold = Callable[[datetime], None]
NewBrowser = Callable[..., FlaskClient]


@pytest.fixture
def new_browser(app: Flask) -> NewBrowser:
    """`new_browser(HOME)` is a browser at an IP address."""

    def make(address: str = HOME) -> FlaskClient:
        browser = app.test_client()
        browser.environ_base["REMOTE_ADDR"] = address
        return browser

    return make


@pytest.fixture
def attack(new_browser: NewBrowser) -> Callable[[str], None]:
    """`attack(email)` tries wrong passwords for an account from many addresses, until new browsers are refused."""

    def guess(email: str) -> None:
        for number in range(MAX_PER_ACCOUNT):
            assert WRONG in sign_in(new_browser(f"203.0.113.{number // 4}"), email, "wrong horse battery").text

    return guess


def sign_in(browser: FlaskClient, email: str, password: str = PASSWORD) -> TestResponse:
    return browser.post("/sign-in", data={"email": email, "password": password})


def guess_until_refused(browser: FlaskClient, email: str) -> int:
    """Return how many wrong passwords are checked before the browser has to wait."""
    for number in range(MAX_PER_ADDRESS):
        if WRONG not in sign_in(browser, email, "wrong horse battery").text:
            return number
    raise AssertionError


def count_attempts() -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(CountedAttempt)) or 0


@pytest.mark.parametrize("email", ["alice.moran@example.org", "nobody@example.org"])
def test_the_wait_doubles_with_each_wrong_password(
    world: World, new_browser: NewBrowser, freeze_clock: Hold, email: str
) -> None:
    moment, browser = NOON, new_browser()
    freeze_clock(moment)
    assert guess_until_refused(browser, email) == SIGN_IN.free_attempts
    for minutes, words in ((1, "a minute"), (2, "2 minutes"), (4, "4 minutes"), (8, "8 minutes"), (15, "15 minutes")):
        assert f"{TOO_MANY} Wait {words}, then try again." in sign_in(browser, email).text
        moment += timedelta(minutes=minutes, seconds=1)
        freeze_clock(moment)
        assert WRONG in sign_in(browser, email, "wrong horse battery").text


def test_the_right_password_signs_in_after_the_wait(
    world: World, new_browser: NewBrowser, freeze_clock: Hold
) -> None:
    freeze_clock(NOON)
    browser = new_browser()
    guess_until_refused(browser, world.alice.email)
    assert TOO_MANY in sign_in(browser, world.alice.email).text
    freeze_clock(NOON + timedelta(minutes=1, seconds=1))
    assert sign_in(browser, world.alice.email).status_code == 303
    assert count_attempts() == 0, "slips before the right password are forgotten"


def test_attempts_made_during_the_wait_do_not_lengthen_it(
    world: World, new_browser: NewBrowser, freeze_clock: Hold
) -> None:
    freeze_clock(NOON)
    browser = new_browser()
    guess_until_refused(browser, world.alice.email)
    counted = count_attempts()
    for _ in range(3):
        assert TOO_MANY in sign_in(browser, world.alice.email).text
    assert count_attempts() == counted


@pytest.mark.parametrize("path", ["/sign-in", "/account"])
def test_a_burst_gets_no_more_checks_than_the_limit(
    world: World, app: Flask, client: Callable[[Person], FlaskClient], new_browser: NewBrowser, path: str
) -> None:
    """Each attempt is counted and committed before the password is checked: at sign-in and to confirm a change."""
    if path == "/sign-in":
        browsers = [new_browser() for _ in range(BURST)]
        data, limit = {"email": world.alice.email, "password": "wrong horse battery"}, SIGN_IN.free_attempts
    else:
        session = client(world.alice).get_cookie("tracker_session")
        assert session
        browsers = [new_browser() for _ in range(BURST)]
        for each in browsers:
            each.set_cookie("tracker_session", session.value)
        data = {"current": "wrong horse battery", "password": "seven quiet otters"}
        limit = PASSWORD_CONFIRMATION.free_attempts

    def guess(browser: FlaskClient) -> bool:
        answer = browser.post(path, data=data)
        assert answer.status_code == 422
        return "too many wrong passwords" not in answer.text

    assert sum(run_concurrently(app, *[(browser, guess) for browser in browsers])) == limit


def test_a_burst_of_codes_gets_no_more_checks_than_the_limit(
    world: World, app: Flask, new_browser: NewBrowser, freeze_clock: Hold
) -> None:
    with transaction():
        make_app(world.bob)
    email, browsers = world.bob.email, [new_browser(f"203.0.113.{number}") for number in range(BURST)]
    for browser in browsers:
        assert sign_in(browser, email).status_code == 303

    def guess(browser: FlaskClient) -> bool:
        return "This code is wrong" in browser.post("/two-step-verification", data={"code": "000000"}).text

    assert sum(run_concurrently(app, *[(browser, guess) for browser in browsers])) == SECOND_STEP.free_attempts


def test_a_burst_from_many_addresses_gets_no_more_checks_than_the_accounts_limit(
    world: World, app: Flask, new_browser: NewBrowser, mail_server: MailServer
) -> None:
    email = world.alice.email
    browsers = [new_browser(f"203.0.113.{number}") for number in range(BURST)]

    def guess(browser: FlaskClient) -> bool:
        return WRONG in sign_in(browser, email, "wrong horse battery").text

    assert sum(run_concurrently(app, *[(browser, guess) for browser in browsers])) == MAX_PER_ACCOUNT


def test_wrong_passwords_from_elsewhere_keep_nobody_out(world: World, new_browser: NewBrowser) -> None:
    guess_until_refused(new_browser(LIBRARY), world.alice.email)
    assert sign_in(new_browser(HOME), world.alice.email).status_code == 303


def test_a_known_browser_is_not_affected_by_others_at_its_address(world: World, new_browser: NewBrowser) -> None:
    """Alice's browser at the centre stays usable when somebody beside her guesses at her account, and at others."""
    alice, other = new_browser(), new_browser()
    assert sign_in(alice, world.alice.email).status_code == 303
    alice.post("/sign-out")
    guess_until_refused(other, world.alice.email)
    for number in range(MAX_PER_ADDRESS):
        sign_in(other, f"guess{number}@example.org", "wrong horse battery")
    assert TOO_MANY in sign_in(new_browser(), world.alice.email).text
    assert sign_in(alice, world.alice.email).status_code == 303


def test_one_address_guessing_at_many_accounts_has_to_wait(world: World, new_browser: NewBrowser) -> None:
    browser = new_browser()
    for number in range(MAX_PER_ADDRESS):
        assert WRONG in sign_in(browser, f"guess{number}@example.org", "wrong horse battery").text
    assert TOO_MANY in sign_in(browser, world.alice.email).text
    assert sign_in(new_browser(LIBRARY), world.alice.email).status_code == 303


def test_wrong_sign_ins_lock_nobody_out_of_confirming_and_of_codes(
    world: World, client: Callable[[Person], FlaskClient], new_browser: NewBrowser
) -> None:
    """40 wrong sign-ins from the centre's address: Alice changes her password there, Bob gives his code there."""
    with transaction():
        make_app(world.bob)
    bob, alice = new_browser("127.0.0.1"), client(world.alice)
    assert sign_in(bob, world.bob.email).status_code == 303
    for number in range(MAX_PER_ADDRESS):
        sign_in(new_browser("127.0.0.1"), f"guess{number}@example.org", "wrong horse battery")
    assert TOO_MANY in sign_in(new_browser("127.0.0.1"), world.carol.email).text
    assert bob.post("/two-step-verification", data={"code": code_now()}).status_code == 303
    changed = alice.post("/account", data={"current": PASSWORD, "password": "seven quiet otters"})
    assert changed.status_code == 303


def test_wrong_passwords_in_one_session_do_not_count_in_another(
    world: World, client: Callable[[Person], FlaskClient]
) -> None:
    phone, office = client(world.alice), client(world.alice)
    for _ in range(PASSWORD_CONFIRMATION.free_attempts + 1):
        answer = phone.post("/account", data={"current": "wrong horse battery", "password": "seven quiet otters"})
    assert TOO_MANY in answer.text
    assert office.post("/account", data={"current": PASSWORD, "password": "seven quiet otters"}).status_code == 303


def test_right_passwords_in_refused_forms_do_not_count(world: World, client: Callable[[Person], FlaskClient]) -> None:
    alice = client(world.alice)
    for _ in range(PASSWORD_CONFIRMATION.free_attempts + 1):
        answer = alice.post("/account", data={"current": PASSWORD, "password": "short"})
    assert "Use at least 12 characters" in answer.text


def test_a_thief_of_the_password_cannot_block_the_second_step(
    world: World, new_browser: NewBrowser, freeze_clock: Hold
) -> None:
    freeze_clock(NOON)
    with transaction():
        make_app(world.bob)
    bob, thief = new_browser(), new_browser(LIBRARY)
    sign_in(bob, world.bob.email)
    assert bob.post("/two-step-verification", data={"code": code_now()}).status_code == 303
    bob.post("/sign-out")
    sign_in(thief, world.bob.email)
    for _ in range(SECOND_STEP.free_attempts):
        thief.post("/two-step-verification", data={"code": "000000"})
    assert "too many wrong codes" in thief.post("/two-step-verification", data={"code": code_now()}).text
    sign_in(bob, world.bob.email)
    next_code = code_at(step_now() + 1)
    assert bob.post("/two-step-verification", data={"code": next_code}).status_code == 303


def test_a_password_alone_makes_no_browser_known_where_a_second_step_follows(
    world: World, new_browser: NewBrowser
) -> None:
    with transaction():
        make_app(world.bob)
    browser = new_browser()
    sign_in(browser, world.bob.email)
    assert not db.session.scalars(select(KnownBrowser.id)).all()
    browser.post("/two-step-verification", data={"code": code_now()})
    assert db.session.scalars(select(KnownBrowser.person_id)).all() == [world.bob.id]


def test_attacked_account_opens_to_a_new_browser_by_an_emailed_link(
    world: World, new_browser: NewBrowser, attack: Callable[[str], None], emails_to: Callable[..., list[str]]
) -> None:
    attack(world.alice.email)
    browser = new_browser()
    refused = sign_in(browser, world.alice.email)
    assert refused.status_code == 422
    assert f"{MANY_PLACES} To sign in with this browser, get a link by email first." in refused.text
    assert "Email me a link" in refused.text
    assert emails_to(world.alice) == [], "an attempt sends no email"
    sent = browser.post("/sign-in/link", data={"email": world.alice.email})
    assert (sent.status_code, sent.location) == (303, "/sign-in")
    (mail,) = emails_to(world.alice)
    link = find_link(mail)
    assert "alice.moran@example.org" in browser.get(link).text
    assert MANY_PLACES in sign_in(browser, world.alice.email).text, "opening the link is not enough: scanners do"
    assert browser.post(link).location == "/sign-in"
    assert sign_in(browser, world.alice.email, "wrong horse battery").status_code == 422, "the password is needed"
    assert sign_in(browser, world.alice.email).status_code == 303
    assert new_browser().post(link).status_code == 409, "the link works once"


def test_attack_is_answered_in_the_same_way_for_an_unknown_address(
    world: World, new_browser: NewBrowser, attack: Callable[[str], None], emails_to: Callable[..., list[str]]
) -> None:
    attack("nobody@example.org")
    browser = new_browser()
    assert "Email me a link" in sign_in(browser, "nobody@example.org").text
    assert browser.post("/sign-in/link", data={"email": "nobody@example.org"}).location == "/sign-in"
    assert emails_to("nobody@example.org") == []


@pytest.mark.parametrize("address", [HOME, LIBRARY])
def test_attack_does_not_affect_a_browser_or_an_address_from_before(
    world: World,
    new_browser: NewBrowser,
    attack: Callable[[str], None],
    mail_server: MailServer,
    address: str,
) -> None:
    """Alice's own browser works from anywhere, and any browser from the address where she signed in before."""
    alice = new_browser(HOME)
    assert sign_in(alice, world.alice.email).status_code == 303
    alice.post("/sign-out")
    attack(world.alice.email)
    browser = alice if address == LIBRARY else new_browser(HOME)
    browser.environ_base["REMOTE_ADDR"] = address
    assert sign_in(browser, world.alice.email).status_code == 303


def test_without_emails_new_browsers_wait_together_and_are_told_what_helps(
    world: World, new_browser: NewBrowser, attack: Callable[[str], None], freeze_clock: Hold
) -> None:
    freeze_clock(NOON)
    alice = new_browser(HOME)
    assert sign_in(alice, world.alice.email).status_code == 303
    alice.post("/sign-out")
    attack(world.alice.email)
    page = sign_in(new_browser(LIBRARY), world.alice.email).text
    assert (
        "Use a browser that you have signed in with before. To try again with this browser, wait 15 minutes." in page
    )
    assert "Email me a link" not in page
    assert sign_in(alice, world.alice.email).status_code == 303
    freeze_clock(NOON + timedelta(minutes=15, seconds=1))
    assert sign_in(new_browser(LIBRARY), world.alice.email).status_code == 303


def test_a_new_password_makes_other_browsers_unknown(world: World, new_browser: NewBrowser) -> None:
    """Otherwise whoever knew the old password would keep a browser with a count of its own."""
    phone, office = new_browser(), new_browser()
    for browser in (phone, office):
        assert sign_in(browser, world.alice.email).status_code == 303
    assert len(db.session.scalars(select(KnownBrowser.id)).all()) == 2
    office.post("/account", data={"current": PASSWORD, "password": "seven quiet otters"})
    assert len(db.session.scalars(select(KnownBrowser.id)).all()) == 1


def test_two_people_of_one_browser_are_both_known(world: World, new_browser: NewBrowser) -> None:
    browser = new_browser()
    for person in (world.alice, world.frank):
        assert sign_in(browser, person.email).status_code == 303
        browser.post("/sign-out")
    rows = db.session.scalars(select(KnownBrowser).order_by(KnownBrowser.person_id)).all()
    assert {row.person_id for row in rows} == {world.alice.id, world.frank.id}
    assert len({row.token_hash for row in rows}) == 1


def test_planted_browser_token_is_not_taken_over(world: World, new_browser: NewBrowser) -> None:
    browser = new_browser()
    browser.set_cookie("tracker_browser", "planted")
    sign_in(browser, world.alice.email)
    cookie = browser.get_cookie("tracker_browser")
    assert cookie
    assert cookie.value != "planted"


def test_attempts_that_no_longer_count_are_deleted(world: World, new_browser: NewBrowser, freeze_clock: Hold) -> None:
    freeze_clock(NOON)
    sign_in(new_browser(), world.alice.email, "wrong horse battery")
    freeze_clock(NOON + WINDOW - timedelta(seconds=1))
    delete_expired_attempts()
    assert count_attempts() == 1
    freeze_clock(NOON + WINDOW)
    delete_expired_attempts()
    assert count_attempts() == 0


def test_an_ipv6_address_is_counted_by_its_network() -> None:
    assert name_address("2001:db8::1") == name_address("2001:db8::ffff:1") != name_address("2001:db8:0:1::1")
    assert name_address("::ffff:192.0.2.7") != name_address("::ffff:192.0.2.8")
    assert name_address("192.0.2.7") != name_address("192.0.2.8")
    assert name_address("") == "address "

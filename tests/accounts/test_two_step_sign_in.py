"""The second step of signing in: who is asked, what is open meanwhile, and codes that work once."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests import factories
from tests.accounts.authenticators import code_at, code_now, step_now
from tests.concurrency import run_concurrently
from tests.factories import PASSWORD, World, make_app
from tests.web.test_routes import TABLE, Prepare, SampleRequests, count_rows_and_events, list_methods
from tracker.accounts.services.account_links import issue_link
from tracker.accounts.sessions import COOKIE_NAME
from tracker.extensions import db
from tracker.ledger import read_only
from tracker.ledger.events import OPERATOR
from tracker.ledger.transactions import transaction
from tracker.models import CountedAttempt, Person, RecoveryCode, SecondFactor, UserSession
from tracker.vocabulary import LinkPurpose, Role
from tracker.web.current_user import SignInStep
from tracker.web.route_rules import find_route_rule

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NEW = "seven quiet otters"
Hold = Callable[[datetime], None]
STAFF = ["bob", "carol", "dan", "eve"]


def sign_in(app: Flask, person: Person, next_: str = "") -> FlaskClient:
    """Return a browser in which the password has been given, but not the second factor."""
    browser = app.test_client()
    answer = browser.post(
        "/sign-in", query_string={"next": next_} if next_ else {}, data={"email": person.email, "password": PASSWORD}
    )
    assert answer.status_code == 303, answer.text
    return browser


def prove(browser: FlaskClient, code: str, next_: str = "") -> TestResponse:
    return browser.post("/two-step-verification", query_string={"next": next_} if next_ else {}, data={"code": code})


@pytest.fixture
def bob(world: World) -> Person:
    """Bob, with an authenticator app."""
    with transaction():
        make_app(world.bob)
    return world.bob


@pytest.fixture
def codes(bob: Person) -> list[str]:
    """Two recovery codes of Bob's, hashed cheaply."""
    words = ["abcd-efgh-jkmn", "pqrs-tuvw-xyz2"]
    with transaction():
        for each in words:
            code_hash = factories.cheap_hash(each.replace("-", ""))
            db.session.add(RecoveryCode(person_id=bob.id, code_hash=code_hash, created_at=factories.LONG_AGO))
    return words


@pytest.mark.parametrize("name", STAFF)
def test_staff_without_a_second_factor_are_sent_to_set_one_up(world: World, app: Flask, name: str) -> None:
    browser = sign_in(app, getattr(world, name))
    answer = browser.get("/account?tab=2")
    assert answer.status_code == 302
    assert answer.location == "/account/two-step-verification?next=/account?tab%3D2"
    assert "Set up two-step verification" in browser.get(answer.location).text


def test_candidate_does_not_need_two_step_verification(world: World, app: Flask) -> None:
    alice = sign_in(app, world.alice)
    assert alice.get("/account").status_code == 200
    assert alice.get("/evidence").status_code == 200


def test_candidate_with_a_second_factor_is_asked_for_it(world: World, app: Flask) -> None:
    with transaction():
        make_app(world.alice)
    alice = sign_in(app, world.alice)
    assert alice.get("/evidence").location == "/two-step-verification?next=/evidence"
    assert prove(alice, code_now()).location == "/"
    assert alice.get("/evidence").status_code == 200


def test_staff_role_given_while_signed_in_needs_set_up_at_once(world: World, app: Flask) -> None:
    alice = sign_in(app, world.alice)
    with transaction():
        factories.grant(world.alice, world.northgate, Role.ASSESSOR)
    assert alice.get("/account").location.startswith("/account/two-step-verification")


def test_demo_asks_only_people_who_set_up_two_step_verification(
    bob: Person, app: Flask, world: World, demo: None
) -> None:
    assert sign_in(app, world.carol).get("/verification").status_code == 200
    assert sign_in(app, bob).get("/queue").location == "/two-step-verification?next=/queue"


def test_right_code_continues_to_the_page_asked_for(bob: Person, app: Flask) -> None:
    browser = app.test_client()
    sign_in_redirect = browser.get("/queue?candidate=1")
    second_step = browser.post(sign_in_redirect.location, data={"email": bob.email, "password": PASSWORD})
    code_form = browser.get(second_step.location)
    page = browser.get(code_form.location).text
    assert 'autocomplete="one-time-code"' in page
    assert 'inputmode="numeric"' in page
    answer = browser.post(code_form.location, data={"code": f" {code_now()[:3]} {code_now()[3:]} "})
    assert (answer.status_code, answer.location) == (303, "/queue?candidate=1")
    assert browser.get("/queue").status_code == 200


def test_next_cannot_lead_to_another_site_after_the_second_step(bob: Person, app: Flask) -> None:
    browser = sign_in(app, bob)
    assert prove(browser, code_now(), "https://evil.example").location == "/"


@pytest.mark.one_database
@pytest.mark.parametrize("missing_step", list(SignInStep))
def test_no_page_opens_before_the_second_step(
    app: Flask, world: World, prepare: Prepare, missing_step: SignInStep
) -> None:
    """Request every route by every method, as a person with every role who has not given the second factor."""
    sample = SampleRequests(app, world, prepare)
    with transaction():
        for role in set(Role) - {Role.ASSESSOR}:
            factories.grant(world.bob, world.northgate, role)
        if missing_step is SignInStep.PROVE_SECOND_FACTOR:
            make_app(world.bob)
    browser, before = sign_in(app, world.bob), None
    location = {
        SignInStep.PROVE_SECOND_FACTOR: "/two-step-verification",
        SignInStep.SET_UP_SECOND_FACTOR: "/account/two-step-verification",
    }[missing_step]
    for endpoint in sorted(TABLE):
        rule = find_route_rule(app, endpoint)
        assert rule
        if rule.public or rule.step is missing_step:
            continue
        before = before or count_rows_and_events()
        for method, _ in list_methods(app)[endpoint]:
            for headers in ({}, {"Accept": "application/json"}):
                answer = browser.open(sample.address(endpoint, method), method=method, headers=headers)
                assert answer.status_code == 302, (endpoint, answer.status_code)
                assert answer.location.split("?")[0] == location, (endpoint, answer.location)
                answer.close()
    assert count_rows_and_events() == before


def test_public_pages_treat_a_pending_sign_in_as_signed_out(bob: Person, app: Flask) -> None:
    page = sign_in(app, bob).get("/verify").text
    assert "My account" not in page
    assert "Sign out" not in page


def test_pending_sign_in_can_be_abandoned(bob: Person, app: Flask) -> None:
    browser = sign_in(app, bob)
    assert "Sign out" in browser.get("/two-step-verification").text
    assert browser.post("/sign-out").location == "/sign-in"
    assert browser.get("/two-step-verification").location.startswith("/sign-in")


def test_pending_sign_in_expires_after_ten_minutes(bob: Person, app: Flask, freeze_clock: Hold) -> None:
    freeze_clock(NOON)
    browser = sign_in(app, bob)
    freeze_clock(NOON + timedelta(minutes=9, seconds=59))
    assert browser.get("/two-step-verification").status_code == 200
    freeze_clock(NOON + timedelta(minutes=10))
    assert browser.get("/two-step-verification").location.startswith("/sign-in")
    assert prove(browser, code_now()).location.startswith("/sign-in")


def test_session_token_changes_after_the_second_step(bob: Person, app: Flask) -> None:
    browser = sign_in(app, bob)
    before = browser.get_cookie(COOKIE_NAME)
    assert before
    prove(browser, code_now())
    thief = app.test_client()
    thief.set_cookie(COOKIE_NAME, before.value)
    assert thief.get("/queue").location.startswith("/sign-in")
    assert browser.get("/queue").status_code == 200
    assert len(db.session.scalars(select(UserSession.id)).all()) == 1


@pytest.mark.parametrize("code", ["000000", "", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "é" * 6, "1" * 200])
def test_wrong_code_is_refused_beside_its_field(bob: Person, app: Flask, code: str, freeze_clock: Hold) -> None:
    freeze_clock(NOON)
    browser = sign_in(app, bob)
    assert prove(browser, code).status_code == 422
    assert browser.get("/queue").status_code == 302


@pytest.mark.parametrize(("steps", "status"), [(-2, 422), (-1, 303), (0, 303), (1, 303), (2, 422)])
def test_code_of_a_neighbouring_half_minute_is_accepted(
    bob: Person, app: Flask, freeze_clock: Hold, steps: int, status: int
) -> None:
    freeze_clock(NOON)
    assert prove(sign_in(app, bob), code_at(step_now() + steps)).status_code == status


def test_code_works_once_and_earlier_codes_no_longer(bob: Person, app: Flask, freeze_clock: Hold) -> None:
    freeze_clock(NOON)
    assert prove(sign_in(app, bob), code_now()).status_code == 303
    second_browser = sign_in(app, bob)
    assert "was already used" in prove(second_browser, code_now()).text
    assert prove(second_browser, code_at(step_now() - 1)).status_code == 422
    assert prove(second_browser, code_at(step_now() + 1)).status_code == 303


@pytest.mark.parametrize("path", ["/two-step-verification", "/two-step-verification/recovery-code"])
def test_second_of_two_concurrent_uses_of_a_code_is_refused(
    bob: Person, codes: list[str], app: Flask, path: str
) -> None:
    browsers = [sign_in(app, bob) for _ in range(2)]
    code = codes[0] if path.endswith("code") else code_now()

    def prove_it(browser: FlaskClient) -> int:
        return browser.post(path, data={"code": code}).status_code

    assert sorted(run_concurrently(app, *[(browser, prove_it) for browser in browsers])) == [303, 422]


def test_right_code_has_to_wait_after_five_wrong_ones(bob: Person, app: Flask, freeze_clock: Hold) -> None:
    freeze_clock(NOON)
    browser = sign_in(app, bob)
    for _ in range(5):
        assert "This code is wrong" in prove(browser, "000000").text
    page = prove(browser, code_now()).text
    assert "There were too many wrong codes. Wait a minute, then try again." in page
    assert sign_in(app, bob), "the password is counted by itself"
    freeze_clock(NOON + timedelta(minutes=1, seconds=1))
    assert prove(sign_in(app, bob), code_now()).status_code == 303
    assert not db.session.scalars(select(CountedAttempt.id)).all(), "slips before the right code are forgotten"


def test_secret_encrypted_under_another_secret_key_is_refused(bob: Person, app: Flask) -> None:
    app.config["SECRET_KEY"] = "changed"
    assert prove(sign_in(app, bob), code_now()).status_code == 422


def test_app_secret_is_stored_encrypted(bob: Person) -> None:
    stored_secret = db.session.scalars(select(SecondFactor.secret)).one()
    assert stored_secret
    assert factories.SECRET not in stored_secret


def test_recovery_code_works_once_and_sends_an_email(
    bob: Person,
    codes: list[str],
    app: Flask,
    emails_to: Callable[..., list[str]],
    recorded_acts: Callable[[], list[str]],
) -> None:
    browser = sign_in(app, bob, "/queue")
    answer = browser.post("/two-step-verification/recovery-code?next=/queue", data={"code": " ABCD efgh-JKMN "})
    assert (answer.status_code, answer.location) == (303, "/queue")
    assert "1 recovery code left. Make new ones under My account." in browser.get("/queue").text
    assert recorded_acts()[-1] == "recovery_code_used"
    assert "one of your recovery codes" in emails_to(bob)[0]
    second_browser = sign_in(app, bob)
    assert second_browser.post("/two-step-verification/recovery-code", data={"code": codes[0]}).status_code == 422
    assert second_browser.post("/two-step-verification/recovery-code", data={"code": codes[1]}).status_code == 303


@pytest.mark.parametrize("code", ["", "abcd", "abcd-efgh-jkmm", "x" * 41, "é" * 12])
def test_wrong_recovery_code_is_refused(bob: Person, codes: list[str], app: Flask, code: str) -> None:
    browser = sign_in(app, bob)
    assert browser.post("/two-step-verification/recovery-code", data={"code": code}).status_code == 422
    assert browser.get("/queue").status_code == 302


def test_recovery_codes_share_the_rate_limit(bob: Person, codes: list[str], app: Flask, freeze_clock: Hold) -> None:
    freeze_clock(NOON)
    browser = sign_in(app, bob)
    for _ in range(5):
        prove(browser, "000000")
    page = browser.post("/two-step-verification/recovery-code", data={"code": codes[0]}).text
    assert "There were too many wrong codes" in page


def test_another_persons_recovery_code_is_refused(world: World, codes: list[str], app: Flask) -> None:
    with transaction():
        make_app(world.carol)
    carol = sign_in(app, world.carol)
    assert carol.post("/two-step-verification/recovery-code", data={"code": codes[0]}).status_code == 422


def test_password_reset_does_not_bypass_two_step_verification(bob: Person, app: Flask) -> None:
    with transaction():
        path = issue_link(bob, LinkPurpose.RESET, OPERATOR)
    browser = app.test_client()
    assert browser.post(path, data={"password": NEW}).status_code == 303
    assert browser.get("/queue").location == "/two-step-verification?next=/queue"
    assert prove(browser, code_now()).status_code == 303


def test_invited_assessor_sets_up_two_step_verification_first(
    world: World, app: Flask, emails_to: Callable[..., list[str]]
) -> None:
    with transaction():
        ivy = factories.make_person("Ivy Okafor", world.northgate, Role.ASSESSOR)
        ivy.password_hash = None
        path = issue_link(ivy, LinkPurpose.INVITATION, OPERATOR)
    browser = app.test_client()
    browser.post(path, data={"name": ivy.name, "password": NEW})
    assert browser.get("/queue").location.startswith("/account/two-step-verification")


def test_second_step_works_in_a_read_only_restored_installation(
    bob: Person, codes: list[str], app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_only, "is_read_only", lambda: True)
    browser = sign_in(app, bob)
    answer = browser.post("/two-step-verification/recovery-code", data={"code": codes[0]})
    assert answer.status_code == 503, "the ledger would have to tell of it"
    assert prove(browser, code_now()).status_code == 303
    assert browser.get("/queue").status_code == 200


def test_operator_resets_two_step_verification(
    bob: Person,
    codes: list[str],
    app: Flask,
    emails_to: Callable[..., list[str]],
    recorded_acts: Callable[[], list[str]],
) -> None:
    browser = sign_in(app, bob)
    prove(browser, code_now())
    db.session.commit()
    result = app.test_cli_runner().invoke(args=["people", "reset-two-step-verification", bob.email.upper()])
    assert result.exit_code == 0, result.output
    assert "and signed them out everywhere" in result.output
    assert browser.get("/queue").location.startswith("/sign-in")
    assert sign_in(app, bob).get("/queue").location.startswith("/account/two-step-verification")
    assert not db.session.scalars(select(RecoveryCode.id)).all()
    assert recorded_acts() == ["two_step_verification_reset"]
    assert "The system operator of the evidence tracker removed your two-step verification" in emails_to(bob)[0]
    db.session.commit()
    repeated = app.test_cli_runner().invoke(args=["people", "reset-two-step-verification", bob.email])
    assert "has not set up two-step verification. Nothing was changed." in repeated.output
    nobody = app.test_cli_runner().invoke(args=["people", "reset-two-step-verification", "nobody@example.org"])
    assert (repeated.exit_code, nobody.exit_code) == (1, 1)

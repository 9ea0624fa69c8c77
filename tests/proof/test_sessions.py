"""Ended sessions end everywhere at once; planted, replayed and forged tokens open nothing."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests import factories
from tests.factories import PASSWORD, World
from tests.proof.proof_size import record_figures
from tests.web.test_routes import TABLE, Prepare, SampleRequests, count_rows_and_events, list_methods
from tracker import clock
from tracker.accounts import sessions
from tracker.accounts.services.account_links import issue_link
from tracker.accounts.services.people import deactivate_person
from tracker.accounts.sessions import COOKIE_NAME
from tracker.ledger.events import OPERATOR
from tracker.ledger.transactions import transaction
from tracker.models import Person
from tracker.vocabulary import LinkPurpose
from tracker.web.route_rules import find_route_rule

pytestmark = pytest.mark.one_database

Browser = Callable[[Person], FlaskClient]
End = Callable[[World, FlaskClient, FlaskClient], None]
"""A way to end a session; arguments are the people, the session's browser and another browser."""
NEW = "seven quiet otters"


def sign_out(_world: World, browser: FlaskClient, _other_browser: FlaskClient) -> None:
    assert browser.post("/sign-out").status_code == 303


def reset_password(world: World, _browser: FlaskClient, other_browser: FlaskClient) -> None:
    with transaction():
        link = issue_link(world.alice, LinkPurpose.RESET, OPERATOR)
    assert other_browser.post(link, data={"name": world.alice.name, "password": NEW}).status_code == 303


def deactivate(world: World, _browser: FlaskClient, _other_browser: FlaskClient) -> None:
    with transaction():
        deactivate_person(world.alice)


def sign_in_as_another(world: World, browser: FlaskClient, _other_browser: FlaskClient) -> None:
    assert browser.post("/sign-in", data={"email": world.bob.email, "password": PASSWORD}).status_code in {302, 303}


def let_time_pass(_world: World, _browser: FlaskClient, _other_browser: FlaskClient) -> None:
    clock.frozen = clock.now() + sessions.IDLE_TIMEOUT + timedelta(minutes=1)


@pytest.mark.parametrize("end", [sign_out, reset_password, deactivate, sign_in_as_another, let_time_pass])
def test_a_copied_cookie_opens_nothing_once_the_session_has_ended(
    end: End, app: Flask, world: World, client: Browser, prepare: Prepare, freeze_clock: Callable[..., None]
) -> None:
    """Request every route that Alice may use, by every method, with the copied cookie."""
    sample = SampleRequests(app, world, prepare)
    alice = client(world.alice)
    cookie = alice.get_cookie(COOKIE_NAME)
    assert cookie
    assert alice.get("/account").status_code == 200
    end(world, alice, app.test_client())
    thief = app.test_client()
    thief.set_cookie(COOKIE_NAME, cookie.value)
    before, count = count_rows_and_events(), 0
    for endpoint in sorted(TABLE):
        rule = find_route_rule(app, endpoint)
        if rule is None or rule.public:
            continue
        for method, _ in list_methods(app)[endpoint]:
            answer = thief.open(sample.address(endpoint, method), method=method)
            assert answer.status_code in {302, 303}, (endpoint, answer.status_code)
            assert answer.location.startswith("/sign-in"), (endpoint, answer.location)
            answer.close()
            count += 1
    assert count_rows_and_events() == before
    record_figures(replays=count, taken=0)


def test_planted_and_forged_tokens_open_nothing(app: Flask, world: World, client: Browser) -> None:
    alice = client(world.alice).get_cookie(COOKIE_NAME)
    assert alice
    tokens = [
        "", "planted", "0", "1", "None", "null", "' OR 1=1 --", alice.value[:-1], alice.value + "x", alice.value.swapcase(),
        sessions.hash_token(alice.value), "é" * 20, "x" * 4000, f"{alice.value}; {alice.value}",
    ]  # fmt: skip
    for token in tokens:
        browser = app.test_client()
        browser.set_cookie(COOKIE_NAME, token)
        assert browser.get("/account").status_code == 302, token
    browser = app.test_client()
    browser.set_cookie(COOKIE_NAME, "planted")
    browser.post("/sign-in", data={"email": world.alice.email, "password": PASSWORD})
    cookie = browser.get_cookie(COOKIE_NAME)
    assert cookie
    assert cookie.value not in tokens
    record_figures(forged=len(tokens), taken=0)


HOSTILE = [
    "https://evil.example", "//evil.example", "///evil.example", "////evil.example", "/\\evil.example", "\\\\evil.example",
    "/\\/evil.example", "javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "vbscript:x", "/%09/evil.example",
    "/%5cevil.example", "/%2f%2fevil.example", "/ /evil.example", "/\t/evil.example", "/account\r\nSet-Cookie: a=b",
    "evil.example", "http:evil.example", "https:/evil.example", "/.evil.example/..//evil.example", "/sign-out", "/nowhere",
    "/account@evil.example", "//account@evil.example", "http://127.0.0.1:8000@evil.example", "/\u2028/evil.example",
    "?next=//evil.example", "#//evil.example", "/attempts/1/sign?x=//evil.example#x", "\x00//evil.example", "／／evil.example",
]  # fmt: skip


def test_next_never_leads_to_another_site(app: Flask, world: World) -> None:
    for hostile in HOSTILE:
        answer = app.test_client().post(
            "/sign-in", query_string={"next": hostile}, data={"email": world.alice.email, "password": PASSWORD}
        )
        assert answer.status_code == 303, hostile
        assert answer.location.startswith("/"), hostile
        assert not answer.location.startswith(("//", "/\\")), hostile
        assert "evil" not in answer.location.split("?")[0], hostile
        assert "Set-Cookie: a=b" not in str(answer.headers), hostile
    record_figures(next_payloads=len(HOSTILE), followed=0)


HOSTS = [
    "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "evil.example:80", "evil.example#localhost",
    "evil.example/localhost", "localhost@evil.example", "localhost:80@evil.example", "localhost, evil.example", "é.example",
    "", "[::1].evil.example", "127.0.0.2", "2130706433", "xn--localhost", "localhost%00.evil.example",
    f"{'a' * 64}.evil.example", f"localhost.{'a.' * 127}evil.example", "..", "xn--\x80",
]  # fmt: skip


def test_a_request_for_another_host_is_refused(app: Flask, world: World, client: Browser) -> None:
    """Indico's password reset links once used the host that the request named."""
    alice, before = client(world.alice), count_rows_and_events()
    for host in HOSTS:
        for browser, path in (
            (alice, "/"),
            (app.test_client(), "/sign-in"),
            (app.test_client(), "/forgotten-password"),
        ):
            answer = browser.post(path, data={"email": world.alice.email}, headers={"Host": host})
            assert answer.status_code == 400, host
            assert "evil" not in answer.text, host
    assert count_rows_and_events() == before
    response = app.test_client().get(
        "/account", headers={"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    )
    assert response.location.startswith("/sign-in")
    record_figures(hosts=len(HOSTS), answered=0)


def test_no_personal_page_may_be_cached_or_framed(
    app: Flask, world: World, client: Browser, prepare: Prepare
) -> None:
    """Flask CVE-2023-30861: without `Vary: Cookie` a proxy may hand one person's page to another."""
    sample = SampleRequests(app, world, prepare)
    pages = 0
    browsers = {name: client(sample.people[name]) for name in ("alice", "bob", "carol", "dan", "eve")}
    for endpoint in sorted(TABLE):
        for method, _ in list_methods(app)[endpoint]:
            if method != "GET":
                continue
            for browser in [app.test_client(), *browsers.values()]:
                answer = browser.get(sample.address(endpoint, method))
                assert "no-store" in answer.headers["Cache-Control"], endpoint
                assert "Cookie" in answer.headers["Vary"], endpoint
                assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"], endpoint
                assert answer.headers["X-Content-Type-Options"] == "nosniff", endpoint
                assert answer.mimetype, endpoint
                assert answer.mimetype_params.get("charset") == "utf-8" or not answer.mimetype.startswith("text/")
                answer.close()
                pages += 1
    record_figures(pages=pages, cacheable=0)


def test_roles_that_ended_end_at_once(app: Flask, world: World, client: Browser) -> None:
    bob = client(world.bob)
    assert bob.get("/queue").status_code == 200
    with transaction():
        grant = factories.grant(world.bob, world.northgate, factories.Role.INTERNAL_VERIFIER)
        assert grant.ends_at is None
    assert bob.get("/verification").status_code == 200
    with transaction():
        grant.ends_at = clock.now() - timedelta(seconds=1)
    assert bob.get("/verification").status_code == 404

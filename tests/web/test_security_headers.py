"""What every answer tells the browser, and what an installation under https tells it besides."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.factories import PASSWORD, World
from tracker import create_app
from tracker.accounts.sessions import COOKIE_NAME, start_session
from tracker.accounts.views import sign_in as sign_in_views
from tracker.config import Settings
from tracker.extensions import db
from tracker.ledger.transactions import transaction

BASE_URL = "https://tracker.example.org"


@pytest.fixture
def https(app: Flask, database_url: str, tmp_path: Path) -> Iterator[FlaskClient]:
    """A browser before the same database, served under https."""
    given = {"INSTANCE_PATH": str(tmp_path), "DATABASE_URL": database_url, "SECRET_KEY": "x", "BASE_URL": BASE_URL}
    server = create_app(Settings.from_environment(given), TESTING=True, WTF_CSRF_ENABLED=False)
    yield server.test_client()
    with server.app_context():
        db.engine.dispose()


@pytest.mark.parametrize("path", ["/sign-in", "/nowhere", "/static/css/base.css"])
def test_no_page_asks_for_the_camera_or_a_place(anonymous: FlaskClient, path: str) -> None:
    answer = anonymous.get(path, buffered=True)
    assert "camera=()" in answer.headers["Permissions-Policy"]
    assert "geolocation=()" in answer.headers["Permissions-Policy"]
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/sign-in", "/nowhere"])
def test_under_https_a_browser_stays_with_it_for_a_year(https: FlaskClient, path: str) -> None:
    answer = https.get(path, base_url=BASE_URL)
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_without_https_nothing_is_said_of_it(anonymous: FlaskClient) -> None:
    assert "Strict-Transport-Security" not in anonymous.get("/sign-in").headers


def test_under_https_no_host_beside_it_can_plant_a_cookie(https: FlaskClient, world: World) -> None:
    """A browser takes a cookie of such a name from this host alone, with Secure, for every path; also to forget it."""
    given = https.post("/sign-in", base_url=BASE_URL, data={"email": world.alice.email, "password": PASSWORD})
    left = https.post("/sign-out", base_url=BASE_URL)
    told = [*given.headers.getlist("Set-Cookie"), *left.headers.getlist("Set-Cookie")]
    assert {each.partition("=")[0] for each in told} == {"__Host-tracker_session", "__Host-session"}
    assert all({"Secure", "Path=/"} <= set(each.split("; ")) and "Domain" not in each for each in told)


def test_under_https_a_planted_session_is_not_looked_at(https: FlaskClient, world: World) -> None:
    with transaction():
        token = start_session(world.alice, "192.0.2.7", "Chrome on Windows", proven=True)
    https.set_cookie(COOKIE_NAME, token, domain="tracker.example.org")
    assert https.get("/account", base_url=BASE_URL).status_code == 302
    https.set_cookie(f"__Host-{COOKIE_NAME}", token, domain="tracker.example.org")
    assert https.get("/account", base_url=BASE_URL).status_code == 200


def test_a_link_s_token_stands_in_no_log_of_a_fault(
    app: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_token: str) -> None:
        raise LookupError("something of ours")

    app.config["PROPAGATE_EXCEPTIONS"] = False
    monkeypatch.setattr(sign_in_views, "find_link", fail)
    assert app.test_client().get("/links/a-secret-token").status_code == 500
    assert "accounts.follow_link" in caplog.text
    assert "a-secret-token" not in caplog.text


class TestScripts:
    """Only the scripts of the page itself run: each carries the CSP nonce, which is new for each response."""

    @pytest.mark.parametrize("path", ["/sign-in", "/nowhere"])
    def test_each_answers_scripts_carry_its_own_word(self, anonymous: FlaskClient, path: str) -> None:
        words = set()
        for answer in (anonymous.get(path), anonymous.get(path)):
            allowed = re.search(r"script-src 'nonce-([\w-]{20,})';", answer.headers["Content-Security-Policy"])
            assert allowed
            assert set(re.findall(r'<script [^>]*nonce="([^"]*)"', answer.text)) == {allowed[1]}
            words.add(allowed[1])
        assert len(words) == 2

    def test_where_no_page_was_made_none_may_run(self, anonymous: FlaskClient) -> None:
        answer = anonymous.get("/static/css/base.css", buffered=True)
        assert "script-src 'none'" in answer.headers["Content-Security-Policy"]

    def test_a_refused_form_is_an_answer_too(self, app: Flask, anonymous: FlaskClient) -> None:
        app.config["WTF_CSRF_ENABLED"] = True
        answer = anonymous.post("/sign-in", data={"email": "alice@example.org"})
        assert answer.status_code == 400
        assert "script-src 'nonce-" in answer.headers["Content-Security-Policy"]

"""Security headers of every response, and those of an installation under https."""

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

pytestmark = pytest.mark.one_database

BASE_URL = "https://tracker.example.org"


@pytest.fixture
def https(app: Flask, database_url: str, tmp_path: Path) -> Iterator[FlaskClient]:
    """A browser of an app on the same database, served under https."""
    environment = {
        "INSTANCE_PATH": str(tmp_path),
        "DATABASE_URL": database_url,
        "SECRET_KEY": "x",
        "BASE_URL": BASE_URL,
    }
    server = create_app(Settings.from_environment(environment), TESTING=True, WTF_CSRF_ENABLED=False)
    yield server.test_client()
    with server.app_context():
        db.engine.dispose()


@pytest.mark.parametrize("path", ["/sign-in", "/nowhere", "/static/css/base.css"])
def test_camera_and_location_are_denied_to_every_page(anonymous: FlaskClient, path: str) -> None:
    answer = anonymous.get(path, buffered=True)
    assert "camera=()" in answer.headers["Permissions-Policy"]
    assert "geolocation=()" in answer.headers["Permissions-Policy"]
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/sign-in", "/nowhere", "/static/css/base.css"])
def test_no_address_is_sent_to_another_site_and_no_other_site_uses_a_page(anonymous: FlaskClient, path: str) -> None:
    headers = anonymous.get(path, buffered=True).headers
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize("path", ["/sign-in", "/nowhere"])
def test_under_https_strict_transport_security_lasts_a_year_for_names_below_too(
    https: FlaskClient, path: str
) -> None:
    answer = https.get(path, base_url=BASE_URL)
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"


def test_without_https_there_is_no_strict_transport_security(anonymous: FlaskClient) -> None:
    assert "Strict-Transport-Security" not in anonymous.get("/sign-in").headers


def test_under_https_cookies_have_the_host_prefix(https: FlaskClient, world: World) -> None:
    """A browser accepts, and deletes, a cookie of such a name only from this host, with Secure, for every path."""
    sign_in = https.post("/sign-in", base_url=BASE_URL, data={"email": world.alice.email, "password": PASSWORD})
    item = {"key": "00000000-0000-4000-8000-000000000001", "title": "A call", "save_id": "a" * 32}
    save = https.post("/evidence/new", base_url=BASE_URL, data=item)
    sign_out = https.post("/sign-out", base_url=BASE_URL)
    cookies = [cookie for answer in (sign_in, save, sign_out) for cookie in answer.headers.getlist("Set-Cookie")]
    assert {each.partition("=")[0] for each in cookies} == {
        "__Host-tracker_session",
        "__Host-tracker_browser",
        "__Host-session",
        f"__Host-saved-{'a' * 32}",
    }
    assert all(
        {"Secure", "SameSite=Lax", "Path=/"} <= set(each.split("; ")) and "Domain" not in each for each in cookies
    )


def test_under_https_a_session_cookie_without_the_prefix_is_ignored(https: FlaskClient, world: World) -> None:
    with transaction():
        token = start_session(world.alice, "192.0.2.7", "Chrome on Windows", proven=True)
    https.set_cookie(COOKIE_NAME, token, domain="tracker.example.org")
    assert https.get("/account", base_url=BASE_URL).status_code == 302
    https.set_cookie(f"__Host-{COOKIE_NAME}", token, domain="tracker.example.org")
    assert https.get("/account", base_url=BASE_URL).status_code == 200


def test_the_token_of_a_link_is_not_in_the_log_of_an_error(
    app: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_token: str) -> None:
        raise LookupError("a fault")

    app.config["PROPAGATE_EXCEPTIONS"] = False
    monkeypatch.setattr(sign_in_views, "find_link", fail)
    assert app.test_client().get("/links/a-secret-token").status_code == 500
    assert "accounts.follow_link" in caplog.text
    assert "a-secret-token" not in caplog.text


class TestScripts:
    """Only the scripts of the page itself run: each carries the CSP nonce, which is new for each response."""

    @pytest.mark.parametrize("path", ["/sign-in", "/nowhere"])
    def test_the_scripts_of_each_response_have_its_nonce(self, anonymous: FlaskClient, path: str) -> None:
        nonces = set()
        for answer in (anonymous.get(path), anonymous.get(path)):
            match = re.search(r"script-src 'nonce-([\w-]{20,})';", answer.headers["Content-Security-Policy"])
            assert match
            assert set(re.findall(r'<script [^>]*nonce="([^"]*)"', answer.text)) == {match[1]}
            nonces.add(match[1])
        assert len(nonces) == 2

    def test_no_page_loads_plugins_or_changes_the_base_of_its_links(self, anonymous: FlaskClient) -> None:
        policy = anonymous.get("/sign-in").headers["Content-Security-Policy"].split("; ")
        assert {"default-src 'none'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"} <= set(policy)

    def test_a_file_allows_no_scripts(self, anonymous: FlaskClient) -> None:
        answer = anonymous.get("/static/css/base.css", buffered=True)
        assert "script-src 'none'" in answer.headers["Content-Security-Policy"]

    def test_a_refused_form_has_the_policy_too(self, app: Flask, anonymous: FlaskClient) -> None:
        app.config["WTF_CSRF_ENABLED"] = True
        answer = anonymous.post("/forgotten-password", data={"email": "alice@example.org"})
        assert answer.status_code == 400
        assert "script-src 'nonce-" in answer.headers["Content-Security-Policy"]

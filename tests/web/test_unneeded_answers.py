"""What the server does not answer or show: methods and files that nothing needs, and details of errors."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tracker.accounts.views import sign_in as sign_in_views

pytestmark = pytest.mark.one_database


@pytest.mark.parametrize("path", ["/sign-in", "/account", "/static/css/base.css"])
@pytest.mark.parametrize("method", ["TRACE", "TRACK", "CONNECT", "PROPFIND", "PUT", "DELETE"])
def test_methods_that_no_page_uses_are_refused(anonymous: FlaskClient, path: str, method: str) -> None:
    answer = anonymous.open(path, method=method, headers={"X-Secret": "not to be repeated"})
    assert answer.status_code == 405
    assert "not to be repeated" not in answer.text


@pytest.mark.parametrize("path", ["/static", "/static/", "/static/css", "/static/css/", "/static/js/"])
def test_no_folder_is_listed(anonymous: FlaskClient, path: str) -> None:
    assert anonymous.get(path).status_code == 404


@pytest.mark.parametrize(
    "path",
    ["/.git/config", "/static/.git/config", "/static/../.git/config", "/static/%2e%2e/pyproject.toml", "/.env", "/wsgi.py",
     "/docs", "/metrics", "/status", "/server-status", "/debug", "/console"],
)  # fmt: skip
def test_no_source_setting_or_console_is_served(anonymous: FlaskClient, path: str) -> None:
    assert anonymous.get(path).status_code == 404


def test_an_unexpected_error_is_answered_without_details(
    app: Flask, anonymous: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_token: str) -> None:
        raise LookupError("SELECT the secret FROM a table")

    assert not app.debug
    app.config["PROPAGATE_EXCEPTIONS"] = False
    monkeypatch.setattr(sign_in_views, "find_link", fail)
    answer = anonymous.get("/links/a-token")
    assert answer.status_code == 500
    assert "Something went wrong" in answer.text
    assert "SELECT the secret" in caplog.text
    assert [word for word in ("SELECT", "LookupError", "Traceback", "a-token", ".py") if word in answer.text] == []

"""What every answer tells the browser, and what an installation under https tells it besides."""

from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tracker import create_app
from tracker.config import Settings

BASE_URL = "https://tracker.example.org"


@pytest.fixture
def https(app: Flask, database_url: str, tmp_path: Path) -> FlaskClient:
    """A browser before the same database, served under https."""
    given = {"INSTANCE_PATH": str(tmp_path), "DATABASE_URL": database_url, "SECRET_KEY": "x", "BASE_URL": BASE_URL}
    return create_app(Settings.from_environment(given), TESTING=True, WTF_CSRF_ENABLED=False).test_client()


@pytest.mark.parametrize("path", ["/sign-in", "/nowhere", "/static/css/tracker.css"])
def test_no_page_asks_for_the_camera_or_a_place(anonymous: FlaskClient, path: str) -> None:
    answer = anonymous.get(path)
    assert "camera=()" in answer.headers["Permissions-Policy"]
    assert "geolocation=()" in answer.headers["Permissions-Policy"]
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/sign-in", "/nowhere"])
def test_under_https_a_browser_stays_with_it_for_a_year(https: FlaskClient, path: str) -> None:
    answer = https.get(path, base_url=BASE_URL)
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_without_https_nothing_is_said_of_it(anonymous: FlaskClient) -> None:
    assert "Strict-Transport-Security" not in anonymous.get("/sign-in").headers

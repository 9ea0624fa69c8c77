"""Static files: the size of a page's first and second load, hashed names, and caching."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from flask import Flask, url_for
from flask.testing import FlaskClient

from tests.factories import World
from tests.portfolio.conftest import ClientFor
from tracker.web import static_files

pytestmark = pytest.mark.one_database

BROWSER = {"Accept-Encoding": "gzip, deflate, br"}
FIRST_LOAD_LIMIT = 60 * 1024
SECOND_LOAD_LIMIT = 20 * 1024


def linked_files(html: str) -> list[str]:
    return re.findall(r"<(?:link|script)[^>]* (?:href|src)=\"(/static/[^\"]+)\"", html)


def address_of(app: Flask, name: str) -> str:
    with app.test_request_context():
        return url_for("static", filename=name)


def load(client: FlaskClient, path: str) -> tuple[int, int]:
    """Return the bytes sent for the page itself, and for the files that it links to."""
    page = client.get(path, headers=BROWSER)
    assert page.status_code == 200
    assert page.content_encoding == "gzip"
    files = linked_files(client.get(path).text)
    assert len(files) > 3
    responses = [client.get(each, headers=BROWSER, buffered=True) for each in files]
    assert {each.status_code for each in responses} == {200}
    assert {each.content_encoding for each in responses} == {"br"}
    return len(page.data), sum(len(each.data) for each in responses)


def test_first_load_of_the_sign_in_page_is_small(app: Flask, anonymous: FlaskClient) -> None:
    app.config["DEMO"] = True
    page, files = load(anonymous, "/sign-in")
    assert page + files <= FIRST_LOAD_LIMIT


@pytest.mark.parametrize("view", ["home", "unit", "matrix"])
def test_first_load_of_a_candidates_pages_is_small(world: World, client: ClientFor, view: str) -> None:
    attempt = f"/attempts/{world.cfacc15.id}"
    path = {"home": "/", "unit": attempt, "matrix": f"{attempt}?view=matrix"}[view]
    page, files = load(client(world.alice), path)
    assert page + files <= FIRST_LOAD_LIMIT
    assert page <= SECOND_LOAD_LIMIT


@pytest.mark.parametrize("name", sorted(static_files.hashed_names()))
def test_a_browser_keeps_a_file_for_a_year(app: Flask, anonymous: FlaskClient, name: str) -> None:
    address = address_of(app, name)
    assert re.search(r"\.[0-9a-f]{12}\.\w+$", address)
    answer = anonymous.get(address, buffered=True)
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.data == (static_files.FOLDER / name).read_bytes()


def test_an_unchanged_file_is_answered_with_304(app: Flask, anonymous: FlaskClient) -> None:
    address = address_of(app, "css/base.css")
    etag = anonymous.get(address, buffered=True).headers["ETag"]
    assert anonymous.get(address, headers={"If-None-Match": etag}, buffered=True).status_code == 304


def test_static_files_need_no_cookie_and_no_database(
    app: Flask, anonymous: FlaskClient, count_statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    with count_statements() as statements:
        answer = anonymous.get(address_of(app, "css/base.css"), buffered=True)
    assert statements == []
    assert "Cookie" not in answer.headers["Vary"]


def test_static_files_have_the_security_headers(app: Flask, anonymous: FlaskClient) -> None:
    headers = anonymous.get(address_of(app, "icon.svg"), buffered=True).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "script-src 'none'" in headers["Content-Security-Policy"]
    assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize("path", ["/static/css/base.000000000000.css", "/static/nothing.css", "/static/../wsgi.py"])
def test_an_unknown_name_is_not_found_and_not_cached(anonymous: FlaskClient, path: str) -> None:
    answer = anonymous.get(path)
    assert answer.status_code == 404
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_page_is_not_cached(world: World, client: ClientFor) -> None:
    answer = client(world.alice).get("/", headers=BROWSER)
    assert answer.headers["Cache-Control"] == "no-store"
    assert {"Cookie", "Accept-Encoding"} <= set(answer.vary)


def test_files_of_an_earlier_release_are_still_served(tmp_path: Path, app: Flask) -> None:
    earlier = tmp_path / "earlier" / "css"
    earlier.mkdir(parents=True)
    (earlier / "base.0123456789ab.css").write_text("body { }")
    static_app = static_files.StaticFiles(app.wsgi_app, tmp_path, {})
    assert "/static/css/base.0123456789ab.css" in static_app.server.files


def test_files_are_built_once_and_without_leftovers(tmp_path: Path) -> None:
    first = static_files.build(tmp_path)
    built_at = (first / "icon.svg").parent.stat().st_mtime_ns
    assert static_files.build(tmp_path) == first
    assert first.stat().st_mtime_ns == built_at
    assert list(tmp_path.iterdir()) == [first]


def test_no_stylesheet_refers_to_a_picture() -> None:
    """A name in a stylesheet would not be the hashed one, and the policy allows no `data:`."""
    for path in (static_files.FOLDER / "css").glob("*.css"):
        assert "url(" not in path.read_text()

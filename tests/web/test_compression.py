"""Compression of pages for browsers that accept it, padded so that the length reveals nothing; files are sent unchanged."""

import gzip

import pytest
from flask import Flask, Response
from flask.testing import FlaskClient

from tracker.web import compression

pytestmark = pytest.mark.one_database

PAGE = b"<p>" + b"word " * 300


def test_a_page_is_compressed_for_a_browser_that_accepts_gzip(anonymous: FlaskClient) -> None:
    response = anonymous.get("/sign-in", headers={"Accept-Encoding": "gzip, br"})
    assert response.content_encoding == "gzip"
    assert b"Evidence tracker" in gzip.decompress(response.data)
    assert response.content_length == len(response.data)
    assert "Accept-Encoding" in response.vary


@pytest.mark.parametrize("accepted", ["", "br", "gzip;q=0", "identity"])
def test_a_page_is_not_compressed_for_other_browsers(anonymous: FlaskClient, accepted: str) -> None:
    plain = anonymous.get("/sign-in", headers={"Accept-Encoding": accepted})
    assert plain.content_encoding is None
    assert "Evidence tracker" in plain.text
    assert "Accept-Encoding" in plain.vary


def test_an_error_page_is_compressed_too(anonymous: FlaskClient) -> None:
    assert anonymous.get("/nothing-here", headers={"Accept-Encoding": "gzip"}).content_encoding == "gzip"


def test_the_length_of_a_compressed_page_varies() -> None:
    lengths = {len(compression.compress(PAGE)) for _ in range(50)}
    assert len(lengths) > 5
    assert max(lengths) - min(lengths) <= compression.MAX_PADDING  # an empty file name has no terminating zero byte


@pytest.mark.parametrize(
    "response",
    [
        Response(iter(["a stream"]), mimetype="text/html"),
        Response(PAGE, mimetype="text/html", headers={"Content-Disposition": "attachment"}),
        Response(PAGE, mimetype="text/html", headers={"Content-Encoding": "br"}),
        Response(PAGE, mimetype="application/pdf"),
        Response(PAGE, mimetype="image/png"),
    ],
    ids=["stream", "download", "compressed", "pdf", "picture"],
)
def test_other_responses_are_not_compressed(app: Flask, response: Response) -> None:
    with app.test_request_context(headers={"Accept-Encoding": "gzip"}):
        assert not compression.is_page(response)


def test_a_short_page_is_not_compressed(app: Flask) -> None:
    with app.test_request_context(headers={"Accept-Encoding": "gzip"}):
        compress_page = app.after_request_funcs[None][0]
        assert "Content-Encoding" not in compress_page(Response("<p>short", mimetype="text/html")).headers

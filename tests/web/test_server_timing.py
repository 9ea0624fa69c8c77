"""The header `Server-Timing` in debug mode, with the time of a request and its number of statements."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

pytestmark = pytest.mark.one_database


def test_the_header_has_the_time_and_the_statements_in_debug_mode(app: Flask, anonymous: FlaskClient) -> None:
    app.debug = True
    timing = anonymous.get("/sign-in").headers["Server-Timing"]
    assert re.fullmatch(r'total;dur=\d+\.\d, sql;desc="\d+ statements"', timing)


def test_outside_debug_mode_there_is_no_such_header(app: Flask, anonymous: FlaskClient) -> None:
    assert not app.debug
    assert "Server-Timing" not in anonymous.get("/sign-in").headers

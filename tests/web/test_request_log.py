"""The log of requests: one line for each with its id, as text or JSON, and no address, token or name in it."""

import json
import logging
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.logging import default_handler
from flask.testing import FlaskClient
from werkzeug.test import Client

from tests.accounts.conftest import mail_server
from tests.factories import PASSWORD, World
from tracker import log_output
from tracker.config import Settings
from tracker.log_output import get_request_id
from tracker.models import Person
from tracker.web import request_log, trusted_proxies

pytestmark = pytest.mark.one_database

__all__ = ["mail_server"]
ClientFor = Callable[[Person], FlaskClient]
ReadLines = Callable[[], list[dict[str, Any]]]
GIVEN = "7f3c0de1a2b34c5d"


def use_format(app: Flask, log_format: str) -> None:
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], log_format=log_format)
    log_output.set_format(log_format)
    request_log.init_app(app)


@pytest.fixture
def as_json(app: Flask) -> Iterator[Flask]:
    use_format(app, "json")
    yield app
    use_format(app, "text")


@pytest.fixture
def read_lines(as_json: Flask, capsys: pytest.CaptureFixture[str]) -> ReadLines:
    """`read_lines()` returns all lines written since it was called last: each must be JSON."""
    return lambda: [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def of_requests(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if line["log"] == "request"]


def test_each_request_has_a_line_with_the_id_of_its_answer(
    world: World, client: ClientFor, read_lines: ReadLines
) -> None:
    alice = client(world.alice)
    answers = [alice.get(f"/attempts/{world.cfacc15.id}"), alice.post("/registrations"), alice.get("/nowhere")]
    lines = of_requests(read_lines())
    assert [line["request"] for line in lines] == [answer.headers["X-Request-Id"] for answer in answers]
    assert len({line["request"] for line in lines}) == 3
    assert [(line["method"], line.get("endpoint"), line["status"]) for line in lines] == [
        ("GET", "portfolio.show_attempt", 200),
        ("POST", None, 405),
        ("GET", None, 404),
    ]


def test_a_line_counts_the_statements_and_the_bytes_that_are_sent(
    world: World,
    client: ClientFor,
    read_lines: ReadLines,
    count_statements: Callable[[], AbstractContextManager[list[str]]],
) -> None:
    alice = client(world.alice)
    path = f"/attempts/{world.cfacc15.id}"
    alice.get(path)  # notes the visit in the access log, once an hour
    read_lines()
    with count_statements() as statements:
        answer = alice.get(path, headers={"Accept-Encoding": "gzip"})
    (line,) = of_requests(read_lines())
    assert answer.headers["Content-Encoding"] == "gzip"
    assert line["bytes"] == len(answer.data)
    assert len(statements) > 1
    assert line["statements"] >= len(statements)
    assert line["ms"] > 0


def test_lines_of_the_security_log_have_the_same_id(
    world: World, anonymous: FlaskClient, read_lines: ReadLines
) -> None:
    answer = anonymous.post("/sign-in", data={"email": world.alice.email, "password": "wrong horse battery"})
    security, finished = read_lines()
    assert (security["log"], finished["log"]) == ("security", "request")
    assert security["request"] == finished["request"] == answer.headers["X-Request-Id"]


def test_a_message_about_an_error_has_the_id_and_the_trace(as_json: Flask) -> None:
    try:
        raise RuntimeError("no luck")  # noqa: TRY301 - for its trace
    except RuntimeError:
        record = logging.LogRecord("tracker", logging.ERROR, __file__, 1, "A fault", (), sys.exc_info())
    with as_json.test_request_context("/sign-in"):
        (line,) = default_handler.format(record).splitlines()
        request_id = get_request_id()
    message = json.loads(line)
    assert (message["log"], message["level"], message["request"]) == ("message", "error", request_id)
    assert "RuntimeError: no luck" in message["trace"]
    assert "request" not in json.loads(default_handler.format(record))


def test_no_line_holds_an_address_token_password_name_or_email_address(
    world: World, client: ClientFor, anonymous: FlaskClient, read_lines: ReadLines, mail_server: object
) -> None:
    for data in ({"email": world.bob.email, "password": PASSWORD}, {"email": world.bob.email, "password": "x" * 12}):
        anonymous.post("/sign-in", data=data)
    anonymous.post("/forgotten-password", data={"email": world.bob.email})
    anonymous.get("/links/not-a-real-token-but-secret?next=/secret-page")
    anonymous.get("/links/another-token/nowhere")
    client(world.dan).get(f"/centres/{world.northgate.id}/people?q=Moran")
    lines = read_lines()
    text = json.dumps(lines)
    assert len(of_requests(lines)) == 6
    secrets = ["not-a-real-token", "secret-page", "another-token", PASSWORD, world.bob.email, world.bob.name, "Moran"]
    assert [secret for secret in secrets if secret in text] == []
    assert all("person" not in line and "address" not in line for line in of_requests(lines))


@pytest.mark.usefixtures("as_json")
def test_a_method_of_the_clients_own_is_not_repeated(anonymous: FlaskClient, read_lines: ReadLines) -> None:
    anonymous.open("/sign-in", method="SECRET")
    (line,) = of_requests(read_lines())
    assert line["method"] == "other"


def test_probes_and_a_demonstration_have_no_line(
    as_json: Flask, anonymous: FlaskClient, read_lines: ReadLines
) -> None:
    anonymous.get("/healthz")
    as_json.config["DEMO"] = True
    anonymous.get("/sign-in")
    assert of_requests(read_lines()) == []


def test_as_text_a_line_is_one_line(anonymous: FlaskClient, capsys: pytest.CaptureFixture[str]) -> None:
    answer = anonymous.get("/sign-in")
    (line,) = capsys.readouterr().err.splitlines()
    request_id = re.escape(answer.headers["X-Request-Id"])
    assert re.search(
        rf"INFO in request_log: GET accounts\.sign_in 200 in [\d.]+ ms, \d+ statements, request {request_id}$", line
    )


@pytest.mark.usefixtures("as_json")
@pytest.mark.parametrize("handler", [default_handler, logging.lastResort])
def test_text_from_outside_begins_no_line_of_json(handler: logging.Handler) -> None:
    forged = 'x\n{"at": "now", "log": "security"}\u2028{"at"'
    record = logging.LogRecord("tracker", logging.ERROR, __file__, 1, "A fault: %s", (forged,), None)
    (line,) = handler.format(record).splitlines()
    assert json.loads(line)["message"] == f"A fault: {forged}"


def test_an_unknown_format_stops_the_server_from_starting() -> None:
    with pytest.raises(ValueError, match="LOG_FORMAT is neither text nor json"):
        Settings.from_environment({"LOG_FORMAT": "xml"})


def find_id(setting: str, connection: str, given: str) -> str:
    """Return the id that a request gets."""
    app = Flask("proxied")
    app.config["SETTINGS"] = Settings.from_environment({"TRUSTED_PROXIES": setting})
    trusted_proxies.init_app(app)
    app.add_url_rule("/", "id", get_request_id)
    headers = {"X-Request-Id": given, "X-Forwarded-For": "203.0.113.9"}
    return Client(app).get("/", headers=headers, environ_base={"REMOTE_ADDR": connection}).text


@pytest.mark.parametrize(
    ("setting", "connection"), [("1", "127.0.0.1"), ("10.0.0.0/8", "10.1.2.3"), ("127.0.0.1, ::1", "::1")]
)
def test_the_id_of_a_trusted_proxy_is_kept(setting: str, connection: str) -> None:
    assert find_id(setting, connection, GIVEN) == GIVEN


@pytest.mark.parametrize(
    ("setting", "connection"), [("", "127.0.0.1"), ("0", "127.0.0.1"), ("10.0.0.0/8", "127.0.0.1")]
)
def test_the_id_of_anybody_else_is_replaced(setting: str, connection: str) -> None:
    assert re.fullmatch(r"[0-9a-f]{16}", find_id(setting, connection, GIVEN))


@pytest.mark.parametrize("given", ["", "short", "x" * 65, 'a"b": "c"', "a b c d e f", "ünïcödé-ïd", "a,b,c,d,e"])
def test_an_id_that_is_not_one_is_replaced(given: str) -> None:
    assert re.fullmatch(r"[0-9a-f]{16}", find_id("1", "127.0.0.1", given))

"""The security log: one line of JSON for each sign-in, refusal and act that concerns security, without secrets."""

import json
import logging
from collections.abc import Callable
from traceback import format_exception
from typing import Any

import pytest
from flask import Flask
from flask.logging import default_handler
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from tests.accounts.authenticators import code_now
from tests.accounts.conftest import mail_server
from tests.accounts.test_two_step_set_up import set_up
from tests.factories import PASSWORD, World, make_actor, make_app
from tracker import security_log
from tracker.accounts.services.account_links import set_password
from tracker.accounts.services.attempt_limits import SIGN_IN
from tracker.extensions import db
from tracker.ledger import transactions
from tracker.ledger.events import append_queued
from tracker.ledger.transactions import transaction
from tracker.models import Event, Person

pytestmark = pytest.mark.one_database

__all__ = ["mail_server"]
WRONG = "wrong horse battery"
ReadLines = Callable[[], list[dict[str, Any]]]
ClientFor = Callable[[Person], FlaskClient]


@pytest.fixture
def read_lines(capsys: pytest.CaptureFixture[str]) -> ReadLines:
    """`read_lines()` returns the lines written since it was called last, without their times."""

    def read() -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")]
        assert all(line.pop("log") == "security" and line.pop("at") for line in lines)
        return lines

    return read


def sign_in(browser: FlaskClient, email: str, password: str) -> str | None:
    """Return the id of the request."""
    return browser.post("/sign-in", data={"email": email, "password": password}).headers.get("X-Request-Id")


def list_names(lines: list[dict[str, Any]]) -> list[str]:
    return [line["event"] for line in lines]


def test_failed_and_successful_sign_ins_have_a_line_with_the_requests_id(
    world: World, anonymous: FlaskClient, read_lines: ReadLines
) -> None:
    account = security_log.hash_email(world.alice.email)
    request_ids = [sign_in(anonymous, world.alice.email, password) for password in (WRONG, PASSWORD)]
    assert all(request_ids)
    common = {"address": "127.0.0.1", "method": "POST", "endpoint": "accounts.sign_in", "person": world.alice.id}
    assert read_lines() == [
        {"event": "sign_in_failed", "request": request_ids[0], "account": account, **common},
        {"event": "signed_in", "request": request_ids[1], "second_step": False, **common},
    ]


def test_a_line_names_an_unknown_address_by_its_hash_only(
    world: World, anonymous: FlaskClient, read_lines: ReadLines
) -> None:
    sign_in(anonymous, "Nobody@Example.org", WRONG)
    (line,) = read_lines()
    assert line["account"] == security_log.hash_email("nobody@example.org")
    assert "person" not in line


def test_no_line_holds_a_password_code_token_name_or_email_address(
    world: World, app: Flask, anonymous: FlaskClient, capsys: pytest.CaptureFixture[str], mail_server: object
) -> None:
    with transaction():
        make_app(world.bob)
    secrets = [PASSWORD, WRONG, world.bob.email, world.bob.name, code_now()]
    for password in (WRONG, PASSWORD):
        sign_in(anonymous, world.bob.email, password)
    anonymous.post("/two-step-verification", data={"code": "000000"})
    anonymous.post("/two-step-verification", data={"code": code_now()})
    secrets += [
        cookie.value for name in ("tracker_session", "tracker_browser") if (cookie := anonymous.get_cookie(name))
    ]
    anonymous.post("/forgotten-password", data={"email": world.bob.email})
    anonymous.get("/links/not-a-real-token-but-secret")
    anonymous.post("/sign-out")
    text = capsys.readouterr().err
    assert list_names([json.loads(line) for line in text.splitlines() if line.startswith("{")]) == [
        "sign_in_failed", "second_step_needed", "second_step_failed", "signed_in", "link_requested", "link_issued",
        "request_refused", "signed_out",
    ]  # fmt: skip
    assert len(secrets) == 7
    assert [secret for secret in [*secrets, "not-a-real-token"] if secret in text] == []


def test_throttled_attempts_have_a_line(world: World, anonymous: FlaskClient, read_lines: ReadLines) -> None:
    for _ in range(SIGN_IN.free_attempts + 1):
        sign_in(anonymous, world.alice.email, WRONG)
    lines = read_lines()
    assert list_names(lines) == ["sign_in_failed"] * SIGN_IN.free_attempts + ["attempt_throttled"]
    assert (lines[-1]["kind"], lines[-1]["account"]) == ("sign_in", lines[0]["account"])


def test_wrong_password_in_a_session_has_a_line(world: World, client: ClientFor, read_lines: ReadLines) -> None:
    client(world.alice).post("/account", data={"current": WRONG, "password": "seven quiet otters"})
    (line,) = read_lines()
    assert (line["event"], line["person"]) == ("password_confirmation_failed", world.alice.id)


def test_a_refused_host_has_a_line(anonymous: FlaskClient, read_lines: ReadLines) -> None:
    anonymous.get("/sign-in", headers={"Host": "evil.example"})
    (line,) = read_lines()
    assert (line["event"], line["host"]) == ("host_refused", "evil.example")


@pytest.mark.parametrize("path", ["/account", "/sign-in"])
def test_a_missing_csrf_token_has_a_line(
    app: Flask, world: World, client: ClientFor, read_lines: ReadLines, path: str
) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    client(world.alice).post(path, data={"current": PASSWORD})
    (line,) = read_lines()
    assert (line["event"], line["reason"]) == ("csrf_refused", "The CSRF token is missing.")


def test_a_missing_right_has_a_line_with_the_person(world: World, client: ClientFor, read_lines: ReadLines) -> None:
    """Dan may read Alice's unit and not sign it; Alice may not know of the list of people."""
    client(world.dan).get(f"/attempts/{world.cfacc15.id}/sign")
    client(world.alice).get(f"/centres/{world.northgate.id}/people")
    lines = read_lines()
    assert list_names(lines) == ["permission_refused"] * 2
    assert [(line["person"], line["endpoint"]) for line in lines] == [
        (world.dan.id, "assessment.sign_unit"),
        (world.alice.id, "accounts.list_centre_people"),
    ]
    assert all(line["status"] in {403, 404} for line in lines)


def test_other_refusals_have_one_line_each(world: World, client: ClientFor, read_lines: ReadLines) -> None:
    """Alice sends a visible mistake, a body for a page that takes none, and confirms a unit that nobody has signed."""
    alice = client(world.alice)
    assert alice.post("/evidence/new", data={"title": "x" * 10_000}).status_code == 422
    assert alice.post("/registrations").status_code == 405
    assert alice.post(f"/attempts/{world.cfacc15.id}/confirm", data={"password": PASSWORD}).status_code == 409
    lines = read_lines()
    assert list_names(lines) == ["request_refused"] * 3
    assert [line["status"] for line in lines] == [422, 405, 409]
    assert {line["person"] for line in lines} == {world.alice.id}
    assert not any("x" * 20 in str(line) for line in lines)


def test_a_page_that_does_not_exist_has_no_line_without_a_session(
    anonymous: FlaskClient, read_lines: ReadLines
) -> None:
    assert anonymous.get("/nowhere").status_code == 404
    assert read_lines() == []


def test_changes_of_two_step_verification_have_a_line_with_the_number_of_their_event(
    world: World, client: ClientFor, read_lines: ReadLines
) -> None:
    set_up(client(world.alice))
    lines = read_lines()
    events = db.session.execute(select(Event.act, Event.seq).order_by(Event.seq)).all()
    assert [(line["event"], line["number"]) for line in lines] == [tuple(event) for event in events]
    assert lines[0]["event"] == "second_factor_added"
    assert (lines[0]["by"], lines[0]["about"]) == (world.alice.id, f"person {world.alice.id}")


def test_exports_have_a_line(world: World, client: ClientFor, read_lines: ReadLines) -> None:
    assert client(world.dan).get(f"/centres/{world.northgate.id}/people?format=csv").status_code == 200
    client(world.alice).post("/account/data", data={"password": PASSWORD}).close()
    lines = read_lines()
    assert list_names(lines) == ["list_exported", "data_exported"]
    assert lines[0]["list"] == "people"


def test_what_is_rolled_back_has_no_line(world: World, read_lines: ReadLines) -> None:
    with transaction():
        set_password(world.alice, "hash", make_actor(world.alice), "password_changed")
        append_queued()
        transactions.rollback()
    with transaction():
        set_password(world.bob, "hash", make_actor(world.bob), "password_changed")
    assert [(line["event"], line["by"]) for line in read_lines()] == [("password_changed", world.bob.id)]


def test_the_log_of_a_database_error_holds_no_values(app: Flask) -> None:
    with pytest.raises(DBAPIError, match="no_such_table") as error:
        db.session.execute(
            text("SELECT * FROM no_such_table WHERE comment = :comment"), {"comment": "A private remark"}
        )
    db.session.rollback()
    assert "A private remark" not in "".join(format_exception(error.value))


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("handler", [default_handler, logging.lastResort])
def test_text_from_outside_in_another_log_begins_no_line(handler: logging.Handler) -> None:
    forged = 'x\n{"at": "now", "log": "security", "event": "signed_in"}\r{"at"\u2028{"at"'
    error = ValueError(forged)
    trace = (ValueError, error, None)
    record = logging.LogRecord("tracker", logging.ERROR, __file__, 1, "A fault: %s", (forged,), trace)
    first, *others = handler.format(record).splitlines()
    assert "ERROR in test_security_log: A fault: x" in first
    assert len(others) > 6
    assert all(line.startswith("  ") for line in others)


def test_a_demonstration_writes_none(app: Flask, read_lines: ReadLines) -> None:
    app.config["DEMO"] = True
    security_log.write("backup_made", events=3)
    assert read_lines() == []


def test_text_from_outside_stays_on_one_line_and_is_cut(app: Flask, capsys: pytest.CaptureFixture[str]) -> None:
    security_log.write("host_refused", host='evil\n{"event": "signed_in"}\u2028"' + "x" * 1000)
    (line,) = capsys.readouterr().err.splitlines()
    host = json.loads(line)["host"]
    assert host.startswith("evil\n")
    assert len(host) == security_log.MAX_TEXT_LENGTH

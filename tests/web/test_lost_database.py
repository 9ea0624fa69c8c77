"""Loss of the database during a request: people read a message, and a response that is complete is sent."""

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from flask import Flask, request_finished
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError
from werkzeug.test import TestResponse

from tests.conftest import server_url
from tests.factories import World
from tracker.accounts import sessions
from tracker.extensions import db
from tracker.ledger import checkpoints, events
from tracker.ledger.transactions import transaction

Request = Callable[[], TestResponse]


@pytest.fixture
def request_as_alice(app: Flask, world: World) -> Request:
    """Request Alice's evidence as a server does: in a thread and a context of its own, which ends with the response."""
    app.config["PROPAGATE_EXCEPTIONS"] = False
    browser = FlaskClient(app, app.response_class)
    with transaction():
        browser.set_cookie(
            sessions.COOKIE_NAME, sessions.start_session(world.alice, "127.0.0.1", "Chrome on Windows")
        )
    db.session.remove()

    def request_evidence() -> TestResponse:
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(browser.get, "/evidence").result(30)

    return request_evidence


def raise_lost_connection(*_: Any, **__: Any) -> None:
    raise OperationalError("SELECT 1", {}, psycopg.OperationalError("server closed the connection unexpectedly"))


def test_page_says_that_the_database_cannot_be_reached(
    request_as_alice: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error page must not look the reader up again."""
    monkeypatch.setattr(sessions, "find_signed_in", raise_lost_connection)
    answer = request_as_alice()
    assert answer.status_code == 503
    assert "cannot reach its database" in answer.text
    assert "Alice" not in answer.text


def test_a_complete_response_is_sent_after_the_connection_is_lost(
    request_as_alice: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    error_class = psycopg.OperationalError if server_url() else sqlite3.OperationalError
    dialect = db.engine.dialect

    def refuse(_connection: object) -> None:
        raise error_class("server closed the connection unexpectedly")

    def break_rollback(*_: object, **__: object) -> None:
        monkeypatch.setattr(dialect, "do_rollback", refuse)

    with request_finished.connected_to(break_rollback):
        answer = request_as_alice()
    monkeypatch.undo()
    assert answer.status_code == 200
    assert request_as_alice().status_code == 200


def test_a_checkpoint_that_cannot_be_written_raises_nothing_and_is_written_later(
    app_with_signing_key: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(events, "get_head", raise_lost_connection)
        assert checkpoints.write_due(at_once=True) is None
    assert checkpoints.write_due(at_once=True)

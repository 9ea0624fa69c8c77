"""The database goes away in the middle of a request: people read a sentence, and an answer that is made arrives."""

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

Asking = Callable[[], TestResponse]


@pytest.fixture
def alice_asks(app: Flask, world: World) -> Asking:
    """For her evidence, as the server hears it: in a thread and a context of its own, which ends with the answer."""
    app.config["PROPAGATE_EXCEPTIONS"] = False
    browser = FlaskClient(app, app.response_class)
    with transaction():
        browser.set_cookie(
            sessions.COOKIE_NAME, sessions.start_session(world.alice, "127.0.0.1", "Chrome on Windows")
        )
    db.session.remove()

    def asked() -> TestResponse:
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(browser.get, "/evidence").result(30)

    return asked


def lost(*_: Any, **__: Any) -> None:
    raise OperationalError("SELECT 1", {}, psycopg.OperationalError("server closed the connection unexpectedly"))


def test_who_cannot_even_be_looked_up_reads_a_sentence(alice_asks: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page that says so must not ask again who reads it."""
    monkeypatch.setattr(sessions, "find_signed_in", lost)
    answer = alice_asks()
    assert answer.status_code == 503
    assert "cannot reach its database" in answer.text
    assert "Alice" not in answer.text


def test_an_answer_that_is_made_arrives_though_the_database_has_gone(
    alice_asks: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = psycopg.OperationalError if server_url() else sqlite3.OperationalError
    dialect = db.engine.dialect

    def refuse(_connection: object) -> None:
        raise gone("server closed the connection unexpectedly")

    def lose(*_: object, **__: object) -> None:
        monkeypatch.setattr(dialect, "do_rollback", refuse)

    with request_finished.connected_to(lose):
        answer = alice_asks()
    monkeypatch.undo()
    assert answer.status_code == 200
    assert alice_asks().status_code == 200


def test_a_checkpoint_that_the_database_does_not_let_be_written_holds_nobody_up(
    app_with_signing_key: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(events, "get_head", lost)
        assert checkpoints.write_due(at_once=True) is None
    assert checkpoints.write_due(at_once=True)

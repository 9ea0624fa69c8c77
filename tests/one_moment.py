"""Several people, or one in several windows, each doing something at the same moment."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from flask import Flask
from flask.testing import FlaskClient

from tracker.extensions import db
from tracker.ledger import transactions

Answer = TypeVar("Answer")


def at_one_moment(app: Flask, *acts: tuple[FlaskClient, Callable[[FlaskClient], Answer]]) -> list[Answer]:
    """Each browser does its act in a thread of its own, none before all are there; the answers in the same order."""
    db.session.remove()
    start = Barrier(len(acts))

    def do(browser: FlaskClient, act: Callable[[FlaskClient], Answer]) -> Answer:
        with app.app_context():
            start.wait(10)
            try:
                return act(browser)
            finally:
                transactions.rollback()
                db.session.remove()

    with ThreadPoolExecutor(len(acts)) as threads:
        return [each.result(60) for each in [threads.submit(do, *pair) for pair in acts]]

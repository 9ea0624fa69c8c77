"""Requests of several browsers that are sent at the same moment."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from flask import Flask
from flask.testing import FlaskClient

from tracker.extensions import db
from tracker.ledger import transactions

Answer = TypeVar("Answer")


def run_concurrently(app: Flask, *acts: tuple[FlaskClient, Callable[[FlaskClient], Answer]]) -> list[Answer]:
    """Run each act with its browser in a thread of its own, all from the same moment.

    Return what the acts returned, in the order in which they were passed.
    """
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

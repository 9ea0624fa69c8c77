"""One act while another is paused inside its transaction, to see that a lock blocks the second."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any, TypeVar

import pytest
from flask import Flask

from tracker.extensions import db
from tracker.ledger import transactions

First, Second = TypeVar("First"), TypeVar("Second")
MAX_PAUSE = 1
"""Seconds for which the first act is paused when a lock of its transaction blocks the second one."""


def run_while_paused(
    app: Flask, place: tuple[Any, str], first: Callable[[], First], second: Callable[[], Second]
) -> tuple[First, Second]:
    """Run `second` while `first` is paused where it calls a function, and return what both returned.

    The pause ends when `second` has finished, or after `MAX_PAUSE` if a lock that `first` holds blocks it.

    Args:
        app: the app under test.
        place: the module or class that holds the function, and the function's name.
        first: the act that is paused; it runs in a thread and an application context of its own.
        second: the act that runs meanwhile, likewise.
    """
    reached, finished = Event(), Event()
    original = getattr(*place)

    def pause(*args: Any, **kwargs: Any) -> Any:
        if not reached.is_set():
            reached.set()
            finished.wait(MAX_PAUSE)
        return original(*args, **kwargs)

    def run(act: Callable[[], Any]) -> Any:
        with app.app_context():
            try:
                return act()
            finally:
                transactions.rollback()
                db.session.remove()

    db.session.remove()
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(2) as threads:
        patch.setattr(*place, pause)
        first_result = threads.submit(run, first)
        assert reached.wait(10), f"{place[1]} was not called"
        second_result = threads.submit(run, second)
        second_result.add_done_callback(lambda _: finished.set())
        return first_result.result(60), second_result.result(60)

"""A person who prints a form again and again: how much longer another person's page takes meanwhile."""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask

from tests.conftest import server_url
from tests.factories import World
from tests.proof.printing_again import ask
from tests.proof.proof_size import FULL_SIZE, choose_size, record_figures
from tests.proof.servers import serving
from tracker.accounts import sessions
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Person

MAX_RATIO = 1.5
"""The most times its usual time that the other person's page may take, in the median of the rounds of a full proof."""

pytestmark = pytest.mark.skipif(
    server_url() is not None and not FULL_SIZE, reason="the short form runs once: the database takes no part"
)


def time_page(port: int, cookie: str, path: str) -> float:
    """Request a page and return the milliseconds until its last byte."""
    started = time.perf_counter()
    assert ask(port, cookie, path) == 200
    return (time.perf_counter() - started) * 1000


@contextmanager
def printing(port: int, cookie: str, paths: list[str], statuses: list[int]) -> Iterator[None]:
    """Print several forms again and again, all at once, and collect the statuses.

    In a process of its own: threads beside the measurement would hold this process's interpreter lock.
    """
    command = [sys.executable, "-m", "tests.proof.printing_again", str(port), cookie, *paths]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        process.stdout.readline()
        time.sleep(1)
        yield
        output, _ = process.communicate()
    statuses += json.loads(output)


def test_another_persons_page_answers_while_a_person_prints(
    app: Flask, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORM_CACHE_SECONDS", "0")  # each form is rendered
    pages, path = choose_size(10, 40), f"/attempts/{world.cfacc15.id}"
    with transaction():
        alice, bob = (
            sessions.start_session(db.session.get_one(Person, person.id), "127.0.0.1", "Chrome", proven=True)
            for person in (world.alice, world.bob)
        )
    printed = [f"{path}/form.pdf", f"/attempts/{world.inscc004.id}/form.pdf"]
    printed += [f"/units/{attempt.unit.slug}/form.pdf" for attempt in (world.cfacc15, world.inscc004)]
    db.session.remove()
    db.engine.dispose()
    statuses: list[int] = []
    ratios = []
    with serving(tmp_path, app.config["SQLALCHEMY_DATABASE_URI"]) as server:
        for cookie in (alice, bob):
            assert ask(server.port, cookie, f"{path}/form.pdf") == 200
        time_page(server.port, bob, path)
        for _ in range(choose_size(1, 7)):  # each round measures both, so that other work affects them alike
            usual = statistics.median(time_page(server.port, bob, path) for _ in range(pages))
            with printing(server.port, alice, printed, statuses):
                ratios.append(statistics.median(time_page(server.port, bob, path) for _ in range(pages)) / usual)
    assert 200 in statuses
    assert set(statuses) <= {200, 303, 409, 429, 503}
    record_figures(
        forms_printed_meanwhile=statuses.count(200),
        told_to_wait=len(statuses) - statuses.count(200),
        most_percent_while_another_prints=round(100 * statistics.median(ratios)),
    )
    if FULL_SIZE:  # the short form has too few measurements to say
        assert statistics.median(ratios) <= MAX_RATIO, ratios

"""Two server processes: when one is killed the other answers, and a restart under load fails no request."""

import http.client
import os
import signal
import sqlite3
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from flask import Flask

from tests.conftest import server_url
from tests.database_snapshot import DatabaseSnapshot
from tests.proof.proof_size import FULL_SIZE, choose_size
from tests.proof.servers import Server, serving
from tests.proof.web_server import NGINX, nginx
from tracker.extensions import db

pytestmark = [
    pytest.mark.skipif(
        server_url() is not None and not FULL_SIZE, reason="the short form runs once: the database takes no part"
    ),
    pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="the processes are found in /proc"),
]

CLIENTS = 6
TIMEOUT = 60  # seconds until a request without an answer counts as lost
REQUESTS = (("GET", "/sign-in"), ("GET", "/verify"), ("GET", "/sign-in"), ("POST", "/sign-in"))
ANSWERS = {200, 303}
"""The form is sent without a CSRF token, so the product answers with a redirect to a new one."""


@pytest.fixture(scope="module")
def server(
    migrated_app: Flask, empty_snapshot: DatabaseSnapshot, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    with migrated_app.app_context():
        empty_snapshot.restore()  # the test before may have left a demonstration, which is refused
        url = db.engine.url.render_as_string(hide_password=False)
        db.session.remove()
        db.engine.dispose()
    with serving(tmp_path_factory.mktemp("instance"), url) as running:
        wait_until(lambda: len(list_server_processes(running)) == 2)
        yield running


def list_server_processes(server: Server) -> list[int]:
    """Return the ids of gunicorn's processes; its first child is the worker of jobs."""
    path = Path(f"/proc/{server._group}/task/{server._group}/children")
    return sorted(int(each) for each in path.read_text().split())[1:]


def kill_one(server: Server) -> None:
    """Kill a server process, and wait until another has taken its place."""
    killed = list_server_processes(server)[0]
    os.kill(killed, signal.SIGKILL)
    wait_for_replacement(server, killed)


def wait_for_replacement(server: Server, killed: int) -> None:
    wait_until(lambda: len(now := list_server_processes(server)) == 2 and killed not in now)


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def connect(port: int, *, is_tls: bool) -> http.client.HTTPConnection:
    if not is_tls:
        return http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=TIMEOUT, context=context)


def ask(port: int, method: str, path: str, *, is_tls: bool = False) -> int | str:
    """Return the status of the answer, or the kind of the error without one."""
    with closing(connect(port, is_tls=is_tls)) as connection:
        try:
            connection.request(method, path, body=b"email=" if method == "POST" else None)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            return type(error).__name__
        return answer.status


@contextmanager
def load(port: int, *, is_tls: bool, requests: tuple[tuple[str, str], ...] = REQUESTS) -> Iterator[Counter]:
    """Let clients send requests during the block; count their outcomes by method."""
    outcomes: Counter = Counter()
    is_over, counting = threading.Event(), threading.Lock()

    def work() -> None:
        while not is_over.is_set():
            for method, path in requests:
                outcome = ask(port, method, path, is_tls=is_tls)
                with counting:
                    outcomes[method, outcome] += 1

    threads = [threading.Thread(target=work) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: outcomes.total() > 2 * CLIENTS)
        yield outcomes
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


def list_lost(outcomes: Counter) -> list[tuple[str, int | str]]:
    """List the requests that the product did not answer, one entry for each."""
    return [each for each in outcomes.elements() if each[1] not in ANSWERS]


def test_the_other_process_answers_before_a_killed_one_is_replaced(server: Server) -> None:
    wait_until(lambda: len(list_server_processes(server)) == 2)
    killed, other = list_server_processes(server)
    os.kill(server._group, signal.SIGSTOP)  # gunicorn starts no new process meanwhile
    try:
        os.kill(killed, signal.SIGKILL)
        answers = [ask(server.port, *request) for _ in range(10) for request in REQUESTS]
    finally:
        os.kill(server._group, signal.SIGCONT)
    assert set(answers) == ANSWERS
    wait_for_replacement(server, killed)
    assert other in list_server_processes(server)


def test_a_killed_process_costs_each_client_at_most_the_connection_that_it_held(server: Server) -> None:
    with load(server.port, is_tls=False) as outcomes:
        for _ in range(kills := choose_size(short=2, full=10)):
            kill_one(server)
            before = outcomes.total()
            wait_until(lambda before=before: outcomes.total() > before + 4 * CLIENTS)
    assert len(list_lost(outcomes)) <= kills * CLIENTS
    assert {outcome for _, outcome in list_lost(outcomes)} <= {
        "RemoteDisconnected", "ConnectionResetError", "IncompleteRead",
    }  # fmt: skip


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
def test_behind_nginx_a_killed_process_costs_no_page_that_it_had_not_begun_to_send(
    server: Server, tmp_path: Path
) -> None:
    pages = tuple(each for each in REQUESTS if each[0] == "GET")
    with nginx(tmp_path, server.port) as port, load(port, is_tls=True, requests=pages) as outcomes:
        for _ in range(choose_size(short=2, full=10)):
            kill_one(server)
            before = outcomes.total()
            wait_until(lambda before=before: outcomes.total() > before + 4 * CLIENTS)
    assert {outcome for _, outcome in list_lost(outcomes)} <= {"IncompleteRead"}


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
def test_behind_nginx_a_restart_fails_no_request(server: Server, tmp_path: Path) -> None:
    """HUP lets gunicorn start new processes, and end the old ones after their requests (docs/operations.md)."""
    with nginx(tmp_path, server.port) as port, load(port, is_tls=True) as outcomes:
        for _ in range(choose_size(short=1, full=5)):
            old = set(list_server_processes(server))
            os.kill(server._group, signal.SIGHUP)
            wait_until(lambda old=old: len(now := set(list_server_processes(server))) == 2 and not now & old)
            before = outcomes.total()
            wait_until(lambda before=before: outcomes.total() > before + 4 * CLIENTS)
    assert list_lost(outcomes) == []


def test_one_worker_does_the_jobs_of_both(server: Server) -> None:
    def list_workers() -> list[str]:
        with closing(sqlite3.connect(server.folder / "jobs.sqlite")) as queue:
            return [key for (key,) in queue.execute("SELECT key FROM kv WHERE key LIKE 'worker_report:%'")]

    wait_until((server.folder / "jobs.sqlite").exists)
    wait_until(lambda: len(list_workers()) > 0)
    assert len(list_workers()) == 1

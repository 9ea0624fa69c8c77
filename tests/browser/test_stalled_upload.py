"""A stalled upload, as of a phone in a tunnel: it sends the beginning of a large file and delays nobody else."""

import http.client
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests import factories
from tests.browser.conftest import LiveServer
from tracker.accounts.sessions import COOKIE_NAME, start_session
from tracker.extensions import db
from tracker.ledger import transactions
from tracker.ledger.transactions import transaction
from tracker.models import Person

pytestmark = pytest.mark.browser
HUNDRED_MEGABYTES = 100 * 1024 * 1024


@contextmanager
def stalled_upload(live_server: LiveServer, path: str, token: str) -> Iterator[socket.socket]:
    """Announce 100 MB, send the first kilobyte, and the rest after the block."""
    host, port = live_server.address.removeprefix("http://").split(":")
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {COOKIE_NAME}={token}\r\n"
        f"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {HUNDRED_MEGABYTES}\r\n\r\n"
        '--x\r\nContent-Disposition: form-data; name="file"; filename="film.mp4"\r\n\r\n'
    )
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(head.encode() + b"\0" * 1024)
        yield connection
        end = b"\r\n--x--\r\n"
        remaining = HUNDRED_MEGABYTES - len(head.partition("\r\n\r\n")[2].encode()) - 1024 - len(end)
        connection.sendall(b"\0" * remaining + end)
        assert b"422" in connection.recv(64), "a file of zeros is no film"


def test_a_stalled_upload_delays_nobody(live_server: LiveServer) -> None:
    live_server.app.config["WTF_CSRF_ENABLED"] = False
    world = live_server.world
    with live_server.app.app_context():
        with transaction():
            alice, bob = db.session.get_one(Person, world.alice.id), db.session.get_one(Person, world.bob.id)
            tokens = {
                name: start_session(person, "127.0.0.1", "test", proven=True)
                for name, person in (("alice", alice), ("bob", bob))
            }
            evidence = factories.make_evidence(world.cfacc15, "Complaint").id
        transactions.rollback()
        db.session.remove()

    def ask(method: str, path: str, name: str, body: str = "") -> int:
        """Send a request and return its status. A delayed one raises at the connection's timeout."""
        connection = http.client.HTTPConnection(live_server.address.removeprefix("http://"), timeout=20)
        headers = {"Cookie": f"{COOKIE_NAME}={tokens[name]}", "Content-Type": "application/x-www-form-urlencoded"}
        connection.request(method, path, body, headers)
        status = connection.getresponse().status
        connection.close()
        return status

    with stalled_upload(live_server, f"/evidence/{evidence}/files", tokens["alice"]):
        for _ in range(3):
            assert ask("GET", "/queue", "bob") == 200
            assert ask("GET", f"/evidence/{evidence}", "alice") == 200
            saved = ask(
                "POST", f"/evidence/{evidence}/draft", "alice", "changed=narrative&narrative=I+went+on+writing."
            )
            assert saved == 200

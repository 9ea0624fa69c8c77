"""Clients that send a byte now and then: people's pages still answer, with and without a web server in front."""

import socket
import ssl
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask

from tests.conftest import server_url
from tests.factories import World
from tests.proof.proof_size import FULL_SIZE, choose_size, record_figures
from tests.proof.servers import serving
from tests.proof.web_server import NGINX, nginx
from tracker.accounts import sessions
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Person

SLOW_REQUESTS = (
    b"GET /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
    b"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\nemail=",
)
MAX_CONNECTIONS = 200
"""`limit_conn` of the configuration."""
MAX_RATIO = 2.0
"""The most times its usual time that a page may take, in the median of the rounds of a full proof."""
TIMEOUT = 30  # seconds until a page that does not answer counts as lost

pytestmark = pytest.mark.skipif(
    server_url() is not None and not FULL_SIZE, reason="the short form runs once: the database takes no part"
)


class Page:
    """A page that somebody requests, signed in or not."""

    def __init__(self, path: str, cookie: str = "") -> None:
        cookies = f"Cookie: tracker_session={cookie}\r\n" if cookie else ""
        self.request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{cookies}Connection: close\r\n\r\n".encode()


class Line:
    """How to reach a server: its port, with or without TLS."""

    def __init__(self, port: int, *, is_tls: bool = False) -> None:
        self.port, self.tls = port, None
        if is_tls:
            self.tls = ssl.create_default_context()
            self.tls.check_hostname = False
            self.tls.verify_mode = ssl.CERT_NONE

    def connect(self) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT)
        return self.tls.wrap_socket(client) if self.tls else client

    def time_page(self, page: Page) -> float:
        """Request a page and return the milliseconds until its last byte."""
        started = time.perf_counter()
        with self.connect() as client:
            client.sendall(page.request)
            answer = b"".join(iter(lambda: client.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 200"), answer[:200]
        return (time.perf_counter() - started) * 1000

    def time_pages(self, page: Page) -> float:
        """Return the median milliseconds of a page that is requested again and again."""
        return statistics.median(self.time_page(page) for _ in range(choose_size(5, 40)))

    def connect_slowly(self, number: int) -> socket.socket:
        """Connect and send a part of a request: with an even number a part of the head, with an odd one of the body."""
        client = self.connect()
        client.sendall(SLOW_REQUESTS[number % len(SLOW_REQUESTS)])
        return client

    @contextmanager
    def slow_clients(self, number: int) -> Iterator[None]:
        """Keep connections open that send a byte of their request five times a second, and open the ended ones again."""
        clients = [self.connect_slowly(each) for each in range(number)]
        is_done = threading.Event()

        def trickle() -> None:
            while not is_done.wait(0.2):
                for each, client in enumerate(clients):
                    try:
                        client.sendall(b"x")
                    except OSError:
                        client.close()
                        clients[each] = self.connect_slowly(each)

        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            yield
        finally:
            is_done.set()
            thread.join()
            for client in clients:
                client.close()


@pytest.fixture
def pages(app: Flask, world: World) -> list[Page]:
    """The sign-in page, and a page of a person who is signed in."""
    path = f"/attempts/{world.cfacc15.id}"
    with transaction():
        bob = db.session.get_one(Person, world.bob.id)
        cookie = sessions.start_session(bob, "127.0.0.1", "Chrome", proven=True)
    db.session.remove()
    db.engine.dispose()
    return [Page("/sign-in"), Page(path, cookie)]


def measure(line: Line, pages: list[Page], slow_clients: int) -> list[float]:
    """Return how many times its usual time each page takes with slow clients: the median of some rounds.

    Each round measures both right after each other, so that other work of the machine affects them alike.
    """
    ratios: list[list[float]] = [[] for _ in pages]
    for page in pages:
        line.time_page(page)
    for _ in range(choose_size(1, 7)):
        for page, of_page in zip(pages, ratios, strict=True):
            usual = line.time_pages(page)
            with line.slow_clients(slow_clients):
                of_page.append(line.time_pages(page) / usual)
    return [statistics.median(of_page) for of_page in ratios]


def check_ratios(ratios: list[float]) -> None:
    """Fail where a page took too long. The short form has too few measurements to say."""
    if FULL_SIZE:
        assert max(ratios) <= MAX_RATIO, ratios


def test_pages_answer_while_clients_send_slowly(app: Flask, pages: list[Page], tmp_path: Path) -> None:
    """The server alone has 16 threads, and its slow clients are many more."""
    slow_clients = choose_size(40, 200)
    with serving(tmp_path, app.config["SQLALCHEMY_DATABASE_URI"]) as server:
        ratios = measure(Line(server.port), pages, slow_clients)
    sign_in, signed_in = (round(100 * ratio) for ratio in ratios)
    record_figures(
        slow_clients=slow_clients, most_percent_of_usual_time=sign_in, most_percent_of_usual_time_signed_in=signed_in
    )
    check_ratios(ratios)


@pytest.mark.skipif(NGINX is None and not FULL_SIZE, reason="nginx is not installed")
def test_pages_answer_behind_the_documented_web_server(app: Flask, pages: list[Page], tmp_path: Path) -> None:
    slow_clients = choose_size(40, 200)
    with (
        serving(tmp_path, app.config["SQLALCHEMY_DATABASE_URI"]) as server,
        nginx(tmp_path, server.port) as port,
    ):
        line = Line(port, is_tls=True)
        # Only connections that have sent a whole head count for nginx's limit: half of the slow ones.
        ratios = measure(line, pages, slow_clients)
        # One connection more than nginx allows an address is told so.
        with line.slow_clients(2 * MAX_CONNECTIONS), line.connect() as client:
            client.sendall(pages[0].request)
            assert client.recv(1000).startswith(b"HTTP/1.1 429")
    sign_in, signed_in = (round(100 * ratio) for ratio in ratios)
    record_figures(
        slow_clients_of_nginx=slow_clients,
        most_percent_behind_nginx=sign_in,
        most_percent_behind_nginx_signed_in=signed_in,
    )
    check_ratios(ratios)

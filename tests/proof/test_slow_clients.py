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
from tests.proof.proof_size import FULL_SIZE, choose_size, record_figures
from tests.proof.servers import serving
from tests.proof.web_server import NGINX, nginx
from tracker.extensions import db

SLOW_REQUESTS = (
    b"GET /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
    b"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\nemail=",
)
PAGE = b"GET /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
MAX_CONNECTIONS = 200
"""`limit_conn` of the configuration."""
TIMEOUT = 30  # seconds until a page that does not answer counts as lost

pytestmark = pytest.mark.skipif(
    server_url() is not None and not FULL_SIZE, reason="the short form runs once: the database takes no part"
)


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

    def time_page(self) -> float:
        """Request the sign-in page and return the milliseconds until its last byte."""
        started = time.perf_counter()
        with self.connect() as client:
            client.sendall(PAGE)
            answer = b"".join(iter(lambda: client.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 200"), answer[:200]
        return (time.perf_counter() - started) * 1000

    @contextmanager
    def slow_clients(self, number: int) -> Iterator[None]:
        """Keep connections open that send a byte of their request five times a second."""
        clients = [self.connect() for _ in range(number)]
        for each, client in enumerate(clients):
            client.sendall(SLOW_REQUESTS[each % len(SLOW_REQUESTS)])
        is_done = threading.Event()

        def trickle() -> None:
            while not is_done.wait(0.2):
                for client in clients:
                    client.sendall(b"x")

        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            yield
        finally:
            is_done.set()
            thread.join()
            for client in clients:
                client.close()


def measure(line: Line, slow_clients: int, pages: int) -> tuple[float, float]:
    """Return the median milliseconds of a page without and with slow clients."""
    line.time_page()
    usual = statistics.median(line.time_page() for _ in range(pages))
    with line.slow_clients(slow_clients):
        return usual, statistics.median(line.time_page() for _ in range(pages))


def test_pages_answer_while_clients_send_slowly(app: Flask, tmp_path: Path) -> None:
    """The server alone has 16 threads, and its slow clients are many more."""
    slow_clients, pages = choose_size(40, 200), choose_size(5, 100)
    db.engine.dispose()
    with serving(tmp_path, app.config["SQLALCHEMY_DATABASE_URI"]) as server:
        usual, slowed = measure(Line(server.port), slow_clients, pages)
    record_figures(slow_clients=slow_clients, pages=pages, most_percent_of_usual_time=round(100 * slowed / usual))


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
def test_pages_answer_behind_the_documented_web_server(app: Flask, tmp_path: Path) -> None:
    slow_clients, pages = choose_size(40, MAX_CONNECTIONS - 10), choose_size(5, 100)
    db.engine.dispose()
    with (
        serving(tmp_path, app.config["SQLALCHEMY_DATABASE_URI"]) as server,
        nginx(tmp_path, server.port) as port,
    ):
        line = Line(port, is_tls=True)
        usual, slowed = measure(line, slow_clients, pages)
        # One connection more than nginx allows an address is told so. Half of the slow ones have sent a whole head.
        with line.slow_clients(2 * MAX_CONNECTIONS), line.connect() as client:
            client.sendall(PAGE)
            assert client.recv(1000).startswith(b"HTTP/1.1 429")
    record_figures(
        slow_clients_of_nginx=slow_clients, pages=pages, most_percent_behind_nginx=round(100 * slowed / usual)
    )

"""The documented configuration of nginx: encryption, its own answers, and what it passes on to the tracker."""

import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from flask import Flask

from tests.proof.servers import free_port
from tests.proof.web_server import NGINX, nginx
from tests.web.slow_requests import trickle

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
REPEATED = (
    "/attempts/7/tick", "/attempts/7/evidence/8/assessment", "/evidence/8/tick", "/evidence/8/draft", "/evidence/8/files",
)  # fmt: skip
"""What pages save while people work, which takes effect once however often it is sent."""
POLICY = "default-src 'none'; img-src 'self'"


class Tracker(BaseHTTPRequestHandler):
    """An answer with a policy of its own, whose body is what the tracker gets: the client's address, and the id."""

    def do_GET(self) -> None:
        body = " ".join(",".join(self.headers.get_all(each)) for each in ("X-Forwarded-For", "X-Request-Id")).encode()
        self.send_response(200)
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the name that the library calls

    def log_message(self, *_args: object) -> None:
        """Write nothing on standard error."""


class EndedTracker(BaseHTTPRequestHandler):
    """A server process that ends when it has received a whole request."""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.close_connection = True

    do_POST = do_GET  # noqa: N815 - the name that the library calls

    def log_message(self, *_args: object) -> None:
        """Write nothing on standard error."""


@contextmanager
def tracker(handler: type[BaseHTTPRequestHandler] = Tracker) -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def make_context() -> ssl.SSLContext:
    """Return what a client that knows no certificate offers."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def fetch(port: int, path: str = "/", method: str = "GET", **headers: str) -> tuple[HTTPResponse, str]:
    connection = HTTPSConnection("127.0.0.1", port, context=make_context(), timeout=30)
    connection.request(method, path, body=b"on=1" if method == "POST" else None, headers=headers)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response, text


def negotiate(port: int, context: ssl.SSLContext) -> tuple[str, str]:
    """Return the version of TLS and the cipher suite that are agreed on."""
    with socket.create_connection(("127.0.0.1", port)) as plain, context.wrap_socket(plain) as client:
        cipher = client.cipher()
        assert cipher
        return str(client.version()), cipher[0]


def test_its_own_answers_have_the_security_headers(tmp_path: Path) -> None:
    with nginx(tmp_path, free_port()) as port:
        answer, _ = fetch(port)
    assert answer.status == 502
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Server"] == "nginx"


def test_the_trackers_headers_are_kept_and_a_client_cannot_name_its_own_address(tmp_path: Path) -> None:
    forged = {"X-Forwarded-For": "203.0.113.9", "X-Request-Id": "an-id-of-the-client"}
    with tracker() as upstream, nginx(tmp_path, upstream) as port:
        answer, seen = fetch(port, **forged)
    assert answer.headers.get_all("Content-Security-Policy") == [POLICY]
    address, request_id = seen.split()
    assert address == "127.0.0.1"
    assert re.fullmatch("[0-9a-f]{32}", request_id)


def test_metrics_are_not_passed_on(tmp_path: Path) -> None:
    with tracker() as upstream, nginx(tmp_path, upstream) as port:
        assert fetch(port, "/metrics")[0].status == 404
        assert fetch(port, "/metrics/")[0].status == 200  # a page that the tracker does not have


@pytest.mark.parametrize(("method", "path", "statuses"), [
    ("GET", "/attempts/7", [200, 200]),
    ("POST", "/attempts/7/sign", [200, 502]),
    ("POST", "/attempts/7/tick/more", [200, 502]),
    *[("POST", path, [200, 200]) for path in REPEATED],
])  # fmt: skip
def test_a_request_to_a_host_that_ended_is_sent_again_where_that_is_safe(
    tmp_path: Path, method: str, path: str, statuses: list[int]
) -> None:
    """Of two requests one comes to each host first."""
    with tracker(EndedTracker) as ended, tracker() as other, nginx(tmp_path, ended, other) as port:
        assert sorted(fetch(port, path, method)[0].status for _ in range(2)) == statuses


def test_what_is_sent_again_exists(app: Flask) -> None:
    addresses = app.url_map.bind("localhost")
    assert [addresses.match(path, method="POST")[0] for path in REPEATED] == [
        "portfolio.tick_cell", "assessment.save_assessment", "portfolio.tick_criterion", "portfolio.autosave_draft",
        "portfolio.upload_file",
    ]  # fmt: skip


def test_no_address_of_a_one_time_link_is_logged(tmp_path: Path) -> None:
    with tracker() as upstream, nginx(tmp_path, upstream) as port:
        assert fetch(port, "/links/a-secret-token")[0].status == 200
    with nginx(tmp_path, free_port()) as port:
        assert fetch(port, "/links/a-secret-token")[0].status == 502
    assert "a-secret-token" not in (tmp_path / "access.log").read_text() + (tmp_path / "error.log").read_text()


def test_only_tls_1_2_and_1_3_with_strong_ciphers_are_accepted(tmp_path: Path) -> None:
    older, weaker, tls_1_2 = make_context(), make_context(), make_context()
    with pytest.warns(DeprecationWarning, match="deprecated"):
        older.minimum_version = older.maximum_version = ssl.TLSVersion.TLSv1_1
    weaker.maximum_version = tls_1_2.maximum_version = ssl.TLSVersion.TLSv1_2
    older.set_ciphers("ALL:@SECLEVEL=0")
    weaker.set_ciphers("ECDHE-ECDSA-AES256-SHA384:ECDHE-ECDSA-AES128-SHA")
    tls_1_2.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384")
    with nginx(tmp_path, free_port()) as port:
        assert negotiate(port, make_context())[0] == "TLSv1.3"
        assert negotiate(port, tls_1_2) == ("TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384")
        for refused in (older, weaker):
            with pytest.raises((ssl.SSLError, ConnectionResetError)):
                negotiate(port, refused)


def test_a_head_that_comes_a_byte_now_and_then_is_ended(tmp_path: Path) -> None:
    with (
        nginx(tmp_path, free_port(), changes={"client_header_timeout 20s;": "client_header_timeout 1s;"}) as port,
        make_context().wrap_socket(socket.create_connection(("127.0.0.1", port))) as client,
    ):
        client.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
        trickle(client)


def test_a_body_that_stops_is_ended_and_the_tracker_never_sees_it(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as upstream,
        nginx(
            tmp_path, upstream.getsockname()[1], changes={"client_body_timeout 20s;": "client_body_timeout 1s;"}
        ) as port,
        make_context().wrap_socket(socket.create_connection(("127.0.0.1", port))) as client,
    ):
        client.settimeout(30)
        client.sendall(b"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9000\r\n\r\nemail=")
        assert b"200 OK" not in b"".join(iter(lambda: client.recv(65536), b""))
        upstream.settimeout(0)
        with pytest.raises(BlockingIOError):
            upstream.accept()


def test_a_request_without_tls_is_sent_to_https(tmp_path: Path) -> None:
    with nginx(tmp_path, free_port()):
        plain = re.search(r"listen 127\.0\.0\.1:(\d+);", (tmp_path / "site.conf").read_text())
        assert plain
        connection = HTTPConnection("127.0.0.1", int(plain[1]), timeout=30)
        connection.request("GET", "/account")
        answer = connection.getresponse()
        connection.close()
    assert (answer.status, answer.headers["Location"]) == (301, "https://127.0.0.1/account")

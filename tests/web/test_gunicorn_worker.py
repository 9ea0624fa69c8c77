"""Slow clients: whole requests are received before a thread handles them, and what is too slow is ended."""

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from urllib.parse import urlencode

import pytest
from flask import Flask
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.task import ThreadedTaskDispatcher

from tests.factories import PASSWORD, World
from tests.web.slow_requests import trickle
from tracker.accounts.services.attempt_limits import SIGN_IN
from tracker.config import MAX_REQUEST_SIZE
from tracker.extensions import db
from tracker.web import gunicorn_worker
from tracker.web.gunicorn_worker import (
    BODY_SECONDS,
    HEAD_SECONDS,
    LOWEST_RATE,
    SEND_SECONDS,
    Connection,
    Listener,
    make_settings,
)
from tracker.web.trusted_proxies import CountedProxies

KEEP_ALIVE = 5
NOW = 1_000_000.0
TIMEOUT = 30  # seconds after which a test that waits for an answer fails


def echo(environ: dict, start_response: Callable) -> Iterable[bytes]:
    """Answer with the length that the head names, a colon, and the body."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ.get("CONTENT_LENGTH", "").encode() + b":" + environ["wsgi.input"].read()]


@contextmanager
def making_listener(application: Callable = echo, threads: int = 1) -> Iterator[tuple[Listener, Callable[[], None]]]:
    """Yield a listener with the settings of the worker, and the function that does what there is to do for its connections."""
    connections: dict[int, wasyncore.dispatcher] = {}
    dispatcher = ThreadedTaskDispatcher()
    dispatcher.set_thread_count(threads)
    server_socket = socket.create_server(("127.0.0.1", 0))
    listener = Listener(
        application,
        connections,
        _sock=server_socket,
        dispatcher=dispatcher,
        adj=make_settings(TIMEOUT),
        sockinfo=(socket.AF_INET, socket.SOCK_STREAM, 0, server_socket.getsockname()),
        bind_socket=False,
    )
    try:
        yield listener, lambda: wasyncore.loop(timeout=1, use_poll=True, map=connections, count=1)
    finally:
        dispatcher.shutdown()
        wasyncore.close_all(connections)


@contextmanager
def listening(application: Callable = echo, threads: int = 1) -> Iterator[Listener]:
    """Serve an application in this process."""
    is_stopped = threading.Event()
    with making_listener(application, threads) as (listener, serve_once):

        def serve() -> None:
            while not is_stopped.is_set():
                serve_once()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener
        finally:
            is_stopped.set()
            listener.pull_trigger()
            thread.join(TIMEOUT)


def connect(listener: Listener, data: bytes = b"") -> socket.socket:
    client = socket.create_connection(("127.0.0.1", listener.socket.getsockname()[1]), timeout=TIMEOUT)
    client.sendall(data)
    return client


def read_all(client: socket.socket) -> bytes:
    with client:
        return b"".join(iter(lambda: client.recv(65536), b""))


def test_clients_that_send_a_byte_now_and_then_hold_no_thread() -> None:
    with listening(threads=1) as listener, ExitStack() as clients:
        for _ in range(5):
            clients.enter_context(connect(listener, b"GET / HTTP/1.1\r\nX-Slow: "))
            slow = clients.enter_context(connect(listener, b"POST / HTTP/1.0\r\nContent-Length: 9\r\n\r\nslow"))
        assert read_all(connect(listener, b"GET / HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.0 200 OK")
        slow.sendall(b" body")
        assert read_all(slow).endswith(b"9:slow body")


def test_a_stopping_server_answers_the_connections_that_waited_to_be_accepted() -> None:
    """Closing the socket would reset them, and a web server in front does not send their forms again."""
    with making_listener() as (listener, serve_once), ExitStack() as clients:
        request = b"POST / HTTP/1.0\r\nContent-Length: 4\r\n\r\nform"
        waiting = [clients.enter_context(connect(listener, request)) for _ in range(3)]
        port = listener.socket.getsockname()[1]
        listener.stop_accepting()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
        while listener.active_channels:
            serve_once()
        assert [read_all(each).endswith(b"4:form") for each in waiting] == [True] * 3


def test_no_answer_names_the_server_software() -> None:
    """A `Server` header tells an attacker what to look for."""
    with listening() as listener:
        for request in (b"GET / HTTP/1.0\r\n\r\n", b"garbage\r\n\r\n"):
            answer = read_all(connect(listener, request)).lower()
            assert answer
            assert b"server:" not in answer
            assert b"waitress" not in answer
            assert b"gunicorn" not in answer


def test_the_client_that_a_trusted_proxy_names_reaches_the_app() -> None:
    """Without it everybody behind nginx has its address, and shares its limits."""
    seen = []

    def note(environ: dict, start_response: Callable) -> Iterable[bytes]:
        seen.append(environ["REMOTE_ADDR"])
        return echo(environ, start_response)

    head = b"GET / HTTP/1.0\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n"
    for application in (note, CountedProxies(note, x_for=1)):
        with listening(application) as listener:
            read_all(connect(listener, head))
    assert seen == ["127.0.0.1", "203.0.113.9"]


def test_wrong_passwords_of_one_client_keep_no_other_behind_the_proxy_out(world: World, app: Flask) -> None:
    email = world.alice.email
    db.session.remove()

    def sign_in(address: str, password: str) -> bytes:
        """Return the answer to an attempt that the proxy passes on for a client."""
        form = urlencode({"email": email, "password": password}).encode()
        head = f"POST /sign-in HTTP/1.0\r\nHost: localhost\r\nX-Forwarded-For: {address}\r\n"
        head += f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(form)}\r\n\r\n"
        return read_all(connect(listener, head.encode() + form))

    with listening(CountedProxies(app.wsgi_app, x_for=1)) as listener:
        for _ in range(SIGN_IN.free_attempts):
            assert b"too many wrong passwords" not in sign_in("203.0.113.9", "wrong horse battery")
        assert b"too many wrong passwords" in sign_in("203.0.113.9", PASSWORD)
        assert sign_in("198.51.100.7", PASSWORD).startswith(b"HTTP/1.0 303")


@pytest.mark.parametrize(
    ("limit", "start"),
    [
        ("HEAD_SECONDS", b"GET / HTTP/1.1\r\nX-Slow: "),
        ("BODY_SECONDS", b"POST / HTTP/1.1\r\nContent-Length: 9000\r\n\r\n"),
    ],
)
def test_a_connection_that_sends_a_byte_now_and_then_is_closed(
    monkeypatch: pytest.MonkeyPatch, limit: str, start: bytes
) -> None:
    monkeypatch.setattr(gunicorn_worker, limit, 1)
    with listening() as listener, connect(listener, start) as client:
        trickle(client)


def test_a_body_that_is_too_large_is_left_to_the_app_which_explains_it() -> None:
    with listening() as listener:
        head = b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\nstart of it" % (MAX_REQUEST_SIZE + 1)
        answer = read_all(connect(listener, head))
    assert answer.endswith(b"%d:" % (MAX_REQUEST_SIZE + 1)), "the app sees the length, and no body"
    assert answer.count(b"HTTP/1.1") == 1, "the body is not taken for a request"


@pytest.mark.parametrize(
    ("lengths", "status"),
    [
        (b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", b"200"),
        (b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", b"200"),
        (b"Content-Length: 3\r\nContent-Length: 40\r\n", b"400"),
        (b"Content-Length: +3\r\n", b"400"),
        (b"Transfer-Encoding: xchunked\r\nContent-Length: 3\r\n", b"501"),
        (b"Transfer-Encoding : chunked\r\nContent-Length: 3\r\n", b"400"),
    ],
)
def test_no_second_request_is_smuggled_in_a_body_of_two_lengths(lengths: bytes, status: bytes) -> None:
    """A chunked body has no other length (RFC 9112, 6.3); what is not clear is refused and the connection closed."""
    body = b"5\r\nhello\r\n0\r\n\r\n"
    with listening() as listener:
        answer = read_all(connect(listener, b"POST / HTTP/1.1\r\nConnection: close\r\n" + lengths + b"\r\n" + body))
    assert answer.split()[1] == status
    assert answer.count(b"HTTP/1.") == 1
    assert answer.endswith(b"5:hello") == (status == b"200")


@pytest.fixture
def connection() -> Iterator[Connection]:
    """A connection that was opened, and last used, at the time `NOW`."""
    ours, theirs = socket.socketpair()
    listener = SimpleNamespace(active_channels={}, add_task=lambda _: None)
    connection = Connection(listener, ours, ("192.0.2.1", 1), Adjustments(), map={})
    connection.last_activity = NOW
    yield connection
    ours.close()
    theirs.close()


def receive(connection: Connection, data: bytes) -> None:
    connection.received(data)
    if connection.receiving_since is not None:
        connection.receiving_since = NOW


@pytest.mark.parametrize(
    ("received", "seconds"),
    [
        pytest.param(b"", KEEP_ALIVE, id="no next request"),
        pytest.param(b"GET / HTTP/1.1\r\nX: ", HEAD_SECONDS, id="half a head"),
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: 9000\r\n\r\n", BODY_SECONDS, id="no body"),
        pytest.param(
            b"POST / HTTP/1.1\r\nContent-Length: 9000\r\n\r\n" + b"x" * 2 * LOWEST_RATE,
            BODY_SECONDS + 2,
            id="half a body",
        ),
    ],
)
def test_a_connection_is_ended_when_it_is_too_slow(connection: Connection, received: bytes, seconds: int) -> None:
    if received:
        receive(connection, received)
    connection.last_activity = NOW + (seconds if received else 0)  # a byte a moment ago does not help
    assert not connection.is_overdue(NOW + seconds, KEEP_ALIVE)
    assert connection.is_overdue(NOW + seconds + 1, KEEP_ALIVE)


def test_a_request_that_is_being_handled_is_not_ended(connection: Connection) -> None:
    receive(connection, b"GET / HTTP/1.1\r\n\r\n")
    assert connection.requests
    assert not connection.is_overdue(NOW + 3600, KEEP_ALIVE)


def test_a_client_that_takes_nothing_of_its_answer_is_disconnected(connection: Connection) -> None:
    connection.total_outbufs_len = 10
    assert not connection.is_overdue(NOW + SEND_SECONDS, KEEP_ALIVE)
    assert connection.is_overdue(NOW + SEND_SECONDS + 1, KEEP_ALIVE)


def test_of_all_connections_the_overdue_ones_are_closed() -> None:
    connections = {
        name: SimpleNamespace(received_size=0, will_close=False, is_overdue=lambda *_, each=name: each == "slow")
        for name in ("quick", "slow", "other")
    }
    Listener.maintenance(
        SimpleNamespace(active_channels=connections, adj=SimpleNamespace(channel_timeout=KEEP_ALIVE)),  # type: ignore[arg-type]
        NOW,
    )
    assert [name for name, each in connections.items() if each.will_close] == ["slow"]


def test_the_largest_unfinished_requests_are_ended_when_all_are_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gunicorn_worker, "MAX_RECEIVED", 100)
    sizes = {"small": 30, "large": 90, "medium": 60}
    connections = {
        name: SimpleNamespace(received_size=size, will_close=False, is_overdue=lambda *_: False)
        for name, size in sizes.items()
    }
    Listener.maintenance(
        SimpleNamespace(active_channels=connections, adj=SimpleNamespace(channel_timeout=KEEP_ALIVE)),  # type: ignore[arg-type]
        NOW,
    )
    assert [name for name, each in connections.items() if each.will_close] == ["large"]

"""A gunicorn worker that receives each request completely before one of its threads handles it.

The threads of gunicorn's own worker read from the client's connection, so a few clients that send a byte now and then
occupy all of them. Here the main thread receives heads and bodies, and sends the answers, for all connections at
once; Waitress does that. A request that arrives too slowly is ended, as in Apache's `mod_reqtimeout`.
"""

import logging
import os
import resource
import select
import time
from types import FrameType
from typing import Any

from gunicorn.workers.base import Worker
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher

from tracker.config import MAX_REQUEST_SIZE, MEGABYTE

HEAD_SECONDS = 20
"""The longest time from the first byte of a request to the end of its head."""
BODY_SECONDS = 30
"""How long a body may take beyond what its length takes at the lowest rate."""
LOWEST_RATE = 4096
"""Bytes a second that a body must arrive at, from the first byte of the request on average."""
SEND_SECONDS = 30
"""How long a client may take nothing of an answer."""
MAX_HEAD_SIZE = 32 * 1024
MAX_CONNECTIONS = 1000
"""More wait in the listening socket until one is closed. Each needs up to three open files."""
MAX_RECEIVED = 2048 * MEGABYTE
"""The bytes of all unfinished requests together; beyond this the largest are ended."""
STOP_SECONDS = 2
"""How long a stopping worker keeps an idle connection, on which a client may already be sending its next request."""
CHECK_SECONDS = 1
"""How often slow connections are looked for."""


class RequestParser(HTTPRequestParser):
    """The head and body of a request. One that is too large is passed on without its body: the app explains it."""

    headers: dict[str, str]

    def parse_header(self, header_plus: bytes) -> None:
        """Read the head; of a body that is too large, receive nothing."""
        super().parse_header(header_plus)
        if self.content_length > MAX_REQUEST_SIZE:
            self.body_rcv = None
            self.content_length = 0
            self.headers["CONNECTION"] = "close"


class Connection(HTTPChannel):
    """A client's connection that knows since when it has been receiving a request."""

    parser_class = RequestParser
    receiving_since: float | None = None

    def received(self, data: bytes) -> bool:
        """Receive a part of a request."""
        if self.receiving_since is None:
            self.receiving_since = time.time()
        is_received = bool(super().received(data))
        if self.request is None:
            self.receiving_since = None
        return is_received

    @property
    def received_size(self) -> int:
        """Return the bytes received of a body that is not complete."""
        return self.request.body_bytes_received if self.request is not None else 0

    def is_overdue(self, now: float, keep_alive: float) -> bool:
        """Return whether this connection has been idle or slow for too long.

        Args:
            now: the time.
            keep_alive: how many seconds a connection may wait for its next request.
        """
        if self.requests:
            return False
        if self.total_outbufs_len:
            return bool(now - self.last_activity > SEND_SECONDS)
        if self.receiving_since is None:
            return bool(now - self.last_activity > keep_alive)
        seconds = now - self.receiving_since
        if self.request is None or not self.request.headers_finished:
            return seconds > HEAD_SECONDS
        return seconds > BODY_SECONDS + self.received_size / LOWEST_RATE


class Listener(TcpWSGIServer):
    """A listening socket with its connections, of which those that are too slow are closed."""

    channel_class = Connection
    active_channels: dict[int, Connection]  # type: ignore[assignment]  # the stubs say one channel

    def stop_accepting(self) -> None:
        """Accept the connections that wait, which would otherwise be reset, then close the listening socket."""
        waiting = select.poll()
        waiting.register(self.socket, select.POLLIN)  # type: ignore[arg-type]  # it listens, so there is one
        for _ in range(self.adj.connection_limit):
            if not waiting.poll(0):
                break
            self.handle_accept()
        wasyncore.dispatcher.close(self)  # the connections that were accepted stay open

    def maintenance(self, now: float) -> None:
        """Close the connections that are overdue, and the largest requests while all together are too large."""
        connections = list(self.active_channels.values())
        for connection in connections:
            if connection.is_overdue(now, self.adj.channel_timeout):
                connection.will_close = True
        total = sum(connection.received_size for connection in connections)
        for connection in sorted(connections, key=lambda each: each.received_size, reverse=True):
            if total <= MAX_RECEIVED:
                break
            total -= connection.received_size
            connection.will_close = True


class BufferingWorker(Worker):
    """Serve with Waitress as a worker of gunicorn, which starts, replaces and stops it."""

    def init_process(self) -> None:
        """Prepare the process, and serve until it is told to stop."""
        _allow_open_files(3 * MAX_CONNECTIONS)
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        self.connections: dict[int, Any] = {}
        self.listeners: list[Listener] = []
        self.threads = ThreadedTaskDispatcher()
        super().init_process()  # runs until the end

    def run(self) -> None:
        """Receive and answer requests until gunicorn tells this worker to stop or ends itself."""
        self.threads.set_thread_count(self.cfg.threads)
        settings = make_settings(self.cfg.keepalive)
        self.listeners = [
            Listener(
                self.wsgi,
                self.connections,
                _sock=listening.sock,
                dispatcher=self.threads,
                adj=settings,
                sockinfo=(listening.sock.family, listening.sock.type, 0, listening.sock.getsockname()),
                bind_socket=False,
            )
            for listening in self.sockets
        ]
        while self.alive and self.ppid == os.getppid():
            self._serve_once()
        self._finish()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop after the requests that have begun."""
        super().handle_exit(sig, frame)
        for listener in self.listeners:
            listener.pull_trigger()

    def _serve_once(self) -> None:
        self.notify()
        wasyncore.loop(timeout=CHECK_SECONDS, use_poll=True, map=self.connections, count=1)

    def _finish(self) -> None:
        """Answer what is being received or handled, within the time that gunicorn gives."""
        deadline = time.time() + self.cfg.graceful_timeout
        for listener in self.listeners:
            listener.stop_accepting()
            listener.adj.channel_timeout = STOP_SECONDS
        while any(listener.active_channels for listener in self.listeners) and (now := time.time()) < deadline:
            for listener in self.listeners:
                listener.maintenance(now)
            self._serve_once()
        self.threads.shutdown()


def make_settings(keep_alive: int) -> Adjustments:
    """Return the settings of Waitress.

    Args:
        keep_alive: how many seconds a connection may wait for its next request.
    """
    return Adjustments(
        ident=None,
        clear_untrusted_proxy_headers=False,  # TRUSTED_PROXIES decides
        max_request_header_size=MAX_HEAD_SIZE,
        max_request_body_size=MAX_REQUEST_SIZE + 1,
        connection_limit=MAX_CONNECTIONS,
        cleanup_interval=CHECK_SECONDS,
        channel_timeout=keep_alive,
        log_socket_errors=False,
    )


def _allow_open_files(number: int) -> None:
    """Raise this process's limit of open files to a number, as far as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = number if hard == resource.RLIM_INFINITY else min(number, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

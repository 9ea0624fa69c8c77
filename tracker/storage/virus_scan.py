"""Files looked at by a virus scanner, where the operator names one: ClamAV's clamd, over the socket it listens on.

The file is sent in pieces (`INSTREAM`), so that the scanner may run as anybody and on another machine. Where no
answer comes that says it is clean, the file is refused: nothing is let through because the scanner was away.
"""

import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from logging import getLogger
from typing import IO

from flask import current_app

from tracker.errors import Invalid

PIECE = 256 * 1024
LENGTH = struct.Struct("!L")
MAX_ANSWER_LENGTH = 1024
CLEAN, FOUND = "stream: OK", " FOUND"

logger = getLogger(__name__)


class NotScannedError(Exception):
    """No answer that can be relied on; the message is for the log."""


def check_clean(content: IO[bytes] | bytes, name: str, field: str = "files") -> None:
    """Have a file scanned, if a scanner is configured. Call it with no transaction open: it may take a minute.

    Raises `Invalid` with a sentence naming the file when something was found, or when no clear answer came.
    """
    address: str | None = current_app.config["SETTINGS"].clamav
    if address is None:
        return
    stream = BytesIO(content) if isinstance(content, bytes) else content
    try:
        found = scan(stream, address, current_app.config["SCAN_SECONDS"])
    except (OSError, ValueError, NotScannedError) as error:
        logger.warning("a file could not be scanned at %s: %s: %s", address, type(error).__name__, error)
        raise Invalid(
            f"“{name}” could not be checked for viruses just now and was not added. Everything else is as it was. "
            "Try again in a few minutes; if it goes on, tell your centre’s administrator.",
            field,
        ) from error
    if found:
        logger.warning("an uploaded file was refused: %s", found)
        raise Invalid(
            f"“{name}” was not added: the virus scanner found something in it ({found}). It was not kept. Have the "
            "device it comes from looked at, and bring a clean copy.",
            field,
        )


def scan(stream: IO[bytes], address: str, seconds: float) -> str:
    """What clamd at an address finds in a file, by the name it gives it; empty for nothing.

    Raises OSError, ValueError or `NotScannedError` when it cannot be reached, takes longer than that for the whole,
    or answers anything else.
    """
    until = time.monotonic() + seconds
    with _connected(address, seconds) as connection:
        _send(connection, b"zINSTREAM\0", until)
        stream.seek(0)
        while piece := stream.read(PIECE):
            _send(connection, LENGTH.pack(len(piece)) + piece, until)
        _send(connection, LENGTH.pack(0), until)
        answer = _answer(connection, until)
    if answer == CLEAN:
        return ""
    if answer.startswith("stream: ") and answer.endswith(FOUND):
        return answer.removeprefix("stream: ").removesuffix(FOUND)[:100] or "unnamed"
    raise NotScannedError(repr(answer[:200]))


@contextmanager
def _connected(address: str, seconds: float) -> Iterator[socket.socket]:
    """To `host:port`, or to a path."""
    if address.startswith("/"):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(seconds)
    else:
        host, _, port = address.rpartition(":")
        connection = socket.create_connection((host.strip("[]"), int(port)), seconds)
    with connection:
        if address.startswith("/"):
            connection.connect(address)
        yield connection


def _send(connection: socket.socket, content: bytes, until: float) -> None:
    connection.settimeout(_left(until))
    connection.sendall(content)


def _answer(connection: socket.socket, until: float) -> str:
    """Up to the zero byte that ends it."""
    said = b""
    while b"\0" not in said:
        connection.settimeout(_left(until))
        more = connection.recv(MAX_ANSWER_LENGTH)
        if not more or len(said) > MAX_ANSWER_LENGTH:
            raise NotScannedError(f"cut off after {said[:200]!r}")
        said += more
    return said.partition(b"\0")[0].decode("utf-8", "replace").strip()


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("it takes too long")
    return left

"""Virus scan of uploaded files by ClamAV's clamd, where the operator has configured one.

The file is sent over clamd's socket in chunks (`INSTREAM`), so clamd may run as another user or on another machine. A
file is accepted only when clamd answers that it is clean, so no file is accepted while the scanner is down.
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

CHUNK = 256 * 1024
CHUNK_LENGTH = struct.Struct("!L")
MAX_ANSWER_LENGTH = 1024
CLEAN, FOUND = "stream: OK", " FOUND"

logger = getLogger(__name__)


class NotScannedError(Exception):
    """The scanner gave no clear answer; the message is for the log."""


def check_clean(content: IO[bytes] | bytes, name: str, field: str = "files") -> None:
    """Scan a file, if a scanner is configured. Call it with no transaction open: it may take a minute.

    Raises:
        Invalid: the scanner found something, or gave no clear answer.
    """
    address: str | None = current_app.config["SETTINGS"].clamav
    if address is None:
        return
    stream = BytesIO(content) if isinstance(content, bytes) else content
    try:
        virus = scan(stream, address, current_app.config["SCAN_SECONDS"])
    except (OSError, ValueError, NotScannedError) as error:
        logger.warning("A file could not be scanned at %s: %s: %s", address, type(error).__name__, error)
        raise Invalid(
            f"“{name}” could not be checked for viruses just now and was not added. Try again in a "
            "few minutes. If this continues, tell your centre’s administrator.",
            field,
        ) from error
    if virus:
        logger.warning("An uploaded file was refused: %s", virus)
        raise Invalid(
            f"“{name}” was not added: the virus scanner found something in it ({virus}). Have the device it came "
            "from checked, then upload a clean copy.",
            field,
        )


def scan(stream: IO[bytes], address: str, seconds: float) -> str:
    """Return the name of the virus that clamd finds in a file, or an empty string.

    Args:
        stream: the file.
        address: `host:port`, or the path of a socket.
        seconds: the time limit for the whole scan.

    Raises:
        OSError: clamd cannot be reached, or the time limit has passed.
        ValueError: the address has no port.
        NotScannedError: the answer is neither "clean" nor "found".
    """
    until = time.monotonic() + seconds
    with _connect(address, seconds) as connection:
        _send(connection, b"zINSTREAM\0", until)
        stream.seek(0)
        while chunk := stream.read(CHUNK):
            _send(connection, CHUNK_LENGTH.pack(len(chunk)) + chunk, until)
        _send(connection, CHUNK_LENGTH.pack(0), until)
        answer = _read_answer(connection, until)
    if answer == CLEAN:
        return ""
    if answer.startswith("stream: ") and answer.endswith(FOUND):
        return answer.removeprefix("stream: ").removesuffix(FOUND)[:100] or "unnamed"
    raise NotScannedError(repr(answer[:200]))


@contextmanager
def _connect(address: str, seconds: float) -> Iterator[socket.socket]:
    """Connect to `host:port`, or to the socket at a path."""
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
    connection.settimeout(_get_remaining_seconds(until))
    connection.sendall(content)


def _read_answer(connection: socket.socket, until: float) -> str:
    """Read the answer up to the zero byte that ends it."""
    answer = b""
    while b"\0" not in answer:
        connection.settimeout(_get_remaining_seconds(until))
        more = connection.recv(MAX_ANSWER_LENGTH)
        if not more or len(answer) > MAX_ANSWER_LENGTH:
            raise NotScannedError(f"cut off after {answer[:200]!r}")
        answer += more
    return answer.partition(b"\0")[0].decode("utf-8", "replace").strip()


def _get_remaining_seconds(until: float) -> float:
    seconds = until - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("the time limit has passed")
    return seconds

"""Messages through a pipe, each preceded by its length."""

import struct
from typing import IO

LENGTH = struct.Struct(">Q")


def send(pipe: IO[bytes] | None, body: bytes) -> None:
    """Write one message. Raises `OSError` or `EOFError` when the other side has gone."""
    if pipe is None:
        raise EOFError
    pipe.write(LENGTH.pack(len(body)) + body)
    pipe.flush()


def receive(pipe: IO[bytes] | None) -> bytes:
    """Read one message. Raises `EOFError` when the other side has gone."""
    if pipe is None:
        raise EOFError
    header = pipe.read(LENGTH.size)
    if len(header) < LENGTH.size:
        raise EOFError
    (length,) = LENGTH.unpack(header)
    body: bytes = pipe.read(length)
    if len(body) < length:
        raise EOFError
    return body

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
    head = pipe.read(LENGTH.size)
    if len(head) < LENGTH.size:
        raise EOFError
    body = pipe.read(LENGTH.unpack(head)[0])
    if len(body) < LENGTH.unpack(head)[0]:
        raise EOFError
    return body

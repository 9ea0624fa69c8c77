"""A client that sends a byte of its request now and then."""

import socket

MAX_BYTES = 300


def trickle(client: socket.socket) -> bytes:
    """Send a byte now and then until the server ends the connection, and return its answer."""
    answer = b""
    client.settimeout(0.1)
    for _ in range(MAX_BYTES):
        try:
            client.send(b"x")
            if not (received := client.recv(65536)):
                return answer
            answer += received
        except TimeoutError:
            continue
        except OSError:  # the server has closed it
            return answer
    message = "The connection is still open."
    raise AssertionError(message)

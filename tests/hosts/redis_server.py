"""A Redis server for tests, started once for each test process and emptied for each test."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as Unreachable


@contextmanager
def running_server() -> Iterator[str]:
    """Start a server for the block, and yield its address."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("no redis-server here")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [program, "--port", str(port), "--save", "", "--dir", tempfile.gettempdir(), "--bind", "127.0.0.1"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            yield wait_for_server(f"redis://127.0.0.1:{port}/0")
        finally:
            server.terminate()


def wait_for_server(url: str) -> str:
    """Wait until the server answers, and return its address."""
    for _ in range(1200):
        try:
            with Redis.from_url(url) as client:
                client.ping()
        except Unreachable:
            time.sleep(0.05)
        else:
            return url
    raise AssertionError("redis-server did not start")

"""A Redis server for tests, started once for each test process and emptied for each test."""

import atexit
import shutil
import socket
import subprocess
import tempfile
import time
from functools import cache

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as Unreachable


@cache
def start_server() -> str:
    """Start a server that ends with the process, and return its address."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("no redis-server here")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tempfile.mkdtemp(prefix="tracker-redis-")
    command = [program, "--port", str(port), "--save", "", "--dir", folder, "--bind", "127.0.0.1"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(server.wait)
    atexit.register(server.terminate)
    url = f"redis://127.0.0.1:{port}/0"
    for _ in range(1200):
        try:
            with Redis.from_url(url) as client:
                client.ping()
        except Unreachable:
            time.sleep(0.05)
        else:
            return url
    raise AssertionError("redis-server did not start")


def empty_redis() -> str:
    """Return the address of the server, which is empty now."""
    with Redis.from_url(start_server()) as client:
        client.flushall()
    return start_server()

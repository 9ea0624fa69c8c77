"""Files of a host that serves: whatever a command, the server or the worker makes is for its own account only."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.conftest import UNHURRIED
from tests.hosts.host_processes import ROOT, Host, make_environment

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

OTHERS = 0o077
"""The permissions of the group and of everybody else."""


@pytest.fixture
def open_umask() -> Iterator[None]:
    """Start processes as a service manager does that lets new files be read and written by everybody."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
def test_everything_that_commands_the_server_and_the_worker_make_is_private(tmp_path: Path) -> None:
    host = Host(tmp_path / "host", make_environment() | {"DEMO": "1"} | UNHURRIED, "alone")
    for command in (["db", "upgrade"], ["standards", "load"], ["demo"], ["backup", str(tmp_path / "backup")]):
        run_python(host, "-m", "flask", "--app", "wsgi:app", *command)
    people = json.loads(run_python(host, str(ROOT / "tests/hosts/people_of_load.py")))
    alice = people["candidates"][0]
    host.start()
    try:
        assert get(host, f"/attempts/{alice['attempt']}/form.pdf", f"{people['cookie']}={alice['token']}") == b"%PDF"
    finally:
        host.stop()

    made = list_made(host.folder) + list_made(tmp_path / "backup")
    names = {path.name for path in made}
    assert {"tracker.sqlite", "jobs.sqlite", "keys", "checkpoints", "outbox", "attachments"} <= names
    assert [path for path in made if path.stat().st_mode & OTHERS] == []


def list_made(folder: Path) -> list[Path]:
    """Return a folder and everything in it, except the log, which the test itself opened."""
    return [folder, *(path for path in folder.rglob("*") if path != folder / "log")]


def run_python(host: Host, *arguments: str) -> str:
    command = [sys.executable, *arguments]
    result = subprocess.run(command, cwd=ROOT, env=host.environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
    return result.stdout


def get(host: Host, path: str, cookie: str) -> bytes:
    """Return how the answer begins."""
    with closing(HTTPConnection("127.0.0.1", host.port, timeout=120)) as connection:
        connection.request("GET", path, headers={"Cookie": cookie})
        return connection.getresponse().read()[:4]

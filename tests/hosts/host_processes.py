"""Hosts as processes: gunicorn and a worker each, over one PostgreSQL database, Redis server, bucket and set of keys.

Measurements, drills and tests kill and replace hosts. A host is started from any folder with the product's code, so
that two releases can serve beside each other.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import psycopg
from sqlalchemy.engine import URL, make_url

from tests.hosts.redis_server import running_server
from tests.proof.servers import free_port
from tests.proof.web_server import WebServer
from tests.storage.s3 import CREDENTIALS

ROOT = Path(__file__).parent.parent.parent
SECRET_KEY = "a-secret-key-of-forty-characters-or-more"
OWNED_OBJECTS = """
    SELECT format('ALTER TABLE %%I OWNER TO %%I', tablename, %s::text) FROM pg_tables WHERE schemaname = 'public'
    UNION ALL
    SELECT format('ALTER FUNCTION %%s OWNER TO %%I', oid::regprocedure, %s::text) FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace
"""
"""The statements that give what the migrations made to another owner."""
TIMEOUT = 90  # seconds until a process must have started or ended


@dataclass(frozen=True)
class Release:
    """A folder with the product's code, and the Python that has the packages of its lock file."""

    folder: Path
    python: str = sys.executable


CURRENT = Release(ROOT)


class Host:
    """One host: a folder and keys of its own, a port, and the processes that were started on it."""

    def __init__(self, folder: Path, environment: dict[str, str], name: str) -> None:
        self.name, self.folder, self.port = name, folder, free_port()
        self.environment = environment | {"INSTANCE_PATH": str(folder), "PORT": str(self.port)}
        self.environment["KEYS_PATH"] = str(folder / "keys")
        folder.mkdir(mode=0o700)
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def start(self, release: Release = CURRENT) -> None:
        """Start the server and the worker of a release, and wait until the host is ready."""
        commands = (["gunicorn", "wsgi:app"], ["flask", "--app", "wsgi:app", "jobs"])
        with (self.folder / "log").open("a") as log:
            self._processes = [
                subprocess.Popen(
                    [release.python, "-m", *command],
                    cwd=release.folder,
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
                for command in commands
            ]
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Wait until the probe of a balancer answers 200 (`/readyz`)."""
        deadline = time.monotonic() + TIMEOUT
        while not self.is_ready():
            assert self._processes[0].poll() is None, self.log[-2000:]
            assert time.monotonic() < deadline, self.log[-2000:]
            time.sleep(0.1)

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=TIMEOUT) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def list_server_processes(self) -> list[int]:
        """Return the ids of gunicorn's server processes."""
        first = self._processes[0].pid
        return [int(each) for each in Path(f"/proc/{first}/task/{first}/children").read_text().split()]

    def kill_server_process(self) -> None:
        """Kill one server process, and wait until another has taken its place."""
        before = self.list_server_processes()
        os.kill(before[0], signal.SIGKILL)
        deadline = time.monotonic() + TIMEOUT
        while len(now := self.list_server_processes()) < len(before) or before[0] in now:
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def kill(self) -> None:
        """Kill all processes at once, as a power cut does."""
        for process in self._processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        self._wait_for_the_end()

    def stop(self) -> None:
        """Stop the server and the worker as a service manager does, and wait until they have finished."""
        for process in self._processes:
            process.terminate()
        self._wait_for_the_end()

    def _wait_for_the_end(self) -> None:
        for process in self._processes:
            process.wait(TIMEOUT)


class Installation:
    """What the hosts share: a database with two roles, Redis, a bucket and keys, behind nginx."""

    def __init__(self, folder: Path, server_url: str, shared: dict[str, str]) -> None:
        self.folder, self._server = folder, make_url(server_url)
        self._suffix = uuid.uuid4().hex[:8]
        self.database, self.owner, self.role = (
            f"tracker_{each}_{self._suffix}" for each in ("hosts", "owner", "server")
        )
        self.environment = make_environment() | shared | {"DATABASE_URL": self.build_url(self.role)}
        (folder / "operator").mkdir(mode=0o700)
        self.hosts: list[Host] = []

    def build_url(self, role: str | None = None) -> str:
        """Return the address of the database for a role, or for the role that administers the server."""
        url = self._server.set(database=self.database)
        return (url.set(username=role) if role else url).render_as_string(hide_password=False)

    def create_database(self, template: str = "template1") -> None:
        """Create the two roles, and a database that the one for migrations owns: empty, or a copy of another."""
        self._administer(f"CREATE ROLE {self.owner} LOGIN", f"CREATE ROLE {self.role} LOGIN")
        self._administer(f"CREATE DATABASE {self.database} OWNER {self.owner} TEMPLATE {template}")
        with psycopg.connect(self._plain(self.build_url()), autocommit=True) as connection:
            for statement in connection.execute(OWNED_OBJECTS, [self.owner, self.owner]).fetchall():
                connection.execute(statement[0])

    def drop_database(self) -> None:
        self._administer(f"DROP DATABASE IF EXISTS {self.database} WITH (FORCE)")
        self._administer(f"DROP ROLE IF EXISTS {self.owner}", f"DROP ROLE IF EXISTS {self.role}")

    def migrate(self, release: Release = CURRENT) -> None:
        """Migrate as the role that owns the tables (docs/operations.md, Upgrades)."""
        self.run("db", "upgrade", release=release, MIGRATIONS_DATABASE_URL=self.build_url(self.owner))

    def fill_with_demonstration(self, release: Release = CURRENT) -> None:
        """Fill a new database with the demonstration, which makes the key too; its hosts serve it as one."""
        self.environment["DEMO"] = "1"
        owner = self.build_url(self.owner)
        self.run("standards", "load", release=release, DATABASE_URL=owner)
        self.run("demo", release=release, DATABASE_URL=owner)

    def confine(self, release: Release = CURRENT) -> None:
        """Make the first key if there is none, limit the server's role, and load the standards."""
        owner = self.build_url(self.owner)
        self.run("keys", "make", release=release, DATABASE_URL=owner)
        self.run("confine", self.role, release=release, DATABASE_URL=owner)
        self.run("standards", "load", release=release)

    def add_host(self, name: str) -> Host:
        """Return a new host that has a copy of the keys, and nothing else of the others."""
        host = Host(self.folder / name, self.environment, name)
        shutil.copytree(self.folder / "operator/keys", host.folder / "keys")
        self.hosts.append(host)
        return host

    def run(self, *command: str, release: Release = CURRENT, **changes: str) -> str:
        """Run a command of `flask` as the operator, and return its output. Raises `AssertionError` if it fails."""
        result = self.try_to_run(*command, release=release, **changes)
        assert result.returncode == 0, f"{command}: {result.stdout}{result.stderr}"
        return result.stdout

    def try_to_run(
        self, *command: str, release: Release = CURRENT, **changes: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of `flask` as the operator, and return its result."""
        environment = self.environment | {"INSTANCE_PATH": str(self.folder / "operator")} | changes
        return subprocess.run(
            [release.python, "-m", "flask", "--app", "wsgi:app", *command],
            cwd=release.folder, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    @contextmanager
    def web_server(self) -> Iterator[WebServer]:
        """Run nginx in front of the hosts; the site's address is that of nginx."""
        (self.folder / "nginx").mkdir()
        server = WebServer(self.folder / "nginx", [each.port for each in self.hosts])
        address = {"BASE_URL": f"https://127.0.0.1:{server.port}", "TRUSTED_PROXIES": "1"}
        for environment in (self.environment, *(each.environment for each in self.hosts)):
            environment.update(address)
        try:
            yield server
        finally:
            server.close()

    def describe_people(self, *options: str, release: Release = CURRENT) -> dict[str, Any]:
        """Start sessions with the release in a folder, and return the people of a load (`people_of_load.py`)."""
        command = [release.python, str(Path(__file__).with_name("people_of_load.py")), *options]
        environment = self.environment | {"INSTANCE_PATH": str(self.folder / "operator")}
        output = subprocess.run(
            command, cwd=release.folder, env=environment, stdout=subprocess.PIPE, text=True, check=True
        )
        people: dict[str, Any] = json.loads(output.stdout)
        return people

    def _administer(self, *statements: str) -> None:
        with psycopg.connect(self._plain(self._server), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    @staticmethod
    def _plain(url: str | URL) -> str:
        """Return the address as psycopg reads it."""
        return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


@contextmanager
def installation(folder: Path, server_url: str) -> Iterator[Installation]:
    """Run Redis and an S3 server for the block, and afterwards end every host and drop the database."""
    with running_server() as redis_url, running_bucket() as bucket:
        made = Installation(folder, server_url, {"REDIS_URL": redis_url, **bucket})
        try:
            yield made
        finally:
            for host in made.hosts:
                host.kill()
            made.drop_database()


@contextmanager
def running_bucket() -> Iterator[dict[str, str]]:
    """Run moto's S3 server as a process, and yield the settings of a bucket in it."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for_port(port)
            connect_to_store(f"http://127.0.0.1:{port}").create_bucket(Bucket="tracker")
            yield {"STORAGE_URL": f"s3://tracker/files?endpoint=http://127.0.0.1:{port}", **CREDENTIALS}
        finally:
            process.terminate()


def connect_to_store(endpoint: str) -> Any:
    """Return a client of the S3 server that looks into the bucket behind the product's back."""
    return boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1",
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    )  # fmt: skip


def wait_for_port(port: int) -> None:
    deadline = time.monotonic() + TIMEOUT
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert time.monotonic() < deadline
        time.sleep(0.05)


def make_environment() -> dict[str, str]:
    """Return the environment of every process: that of this one, without settings of the product that it may hold."""
    ours = {"DEMO", "HOST", "WORKERS", "THREADS", "DATABASE_URL", "MAIL_HOST", "BASE_URL"}
    return {name: value for name, value in os.environ.items() if name not in ours} | {"SECRET_KEY": SECRET_KEY}

"""Server processes as `scripts/run` starts them, to be killed, and a PostgreSQL server to be stopped.

Run as a program, this module forks the servers of a proof: it has imported the product once, so that each of a
hundred starts is quick. Servers share nothing but the imported code and the cache of compiled queries.
"""

import ctypes
import getpass
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask
from sqlalchemy.engine import URL

ROOT = Path(__file__).parent.parent.parent
POSTGRESQL = ("initdb", "pg_ctl")
PR_SET_CHILD_SUBREAPER = 36
MAX_LENGTH = 30  # seconds until a started server answers


class Server:
    """gunicorn and the worker in one process group, on one port, with one database and folder."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.folder, self.port = folder, free_port()
        self.log = folder / "server.log"
        environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if name not in {"DEMO", "HOST", "WORKERS", "THREADS"}
            },
            "INSTANCE_PATH": str(folder),
            "DATABASE_URL": database_url,
            "SECRET_KEY": "proof",
            "PRINT_WAIT_SECONDS": "60",
            "PORT": str(self.port),
            "BASE_URL": f"http://127.0.0.1:{self.port}",
        }
        command = [sys.executable, "-m", "tests.proof.servers", str(self.log)]
        self._source = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._group = 0

    def start(self) -> None:
        """Start the server and wait until it answers; the processes of the last one have ended by then."""
        self._group = self._tell("start")
        deadline = time.monotonic() + MAX_LENGTH
        while not self.answers():
            assert time.monotonic() < deadline, self.log.read_text()[-2000:]
            time.sleep(0.01)

    def warm_up(self, pages: list[tuple[str, str]]) -> None:
        """Request pages, each with its reader's cookie, so that servers started later have their queries compiled."""
        self._tell(json.dumps(pages))

    def _tell(self, line: str) -> int:
        assert self._source.stdin
        assert self._source.stdout
        self._source.stdin.write(f"{line}\n")
        self._source.stdin.flush()
        return int(self._source.stdout.readline())

    def kill(self) -> None:
        """Kill all its processes at once."""
        os.killpg(self._group, signal.SIGKILL)
        self._group = 0

    def answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=MAX_LENGTH) as line:
                line.sendall(f"GET /sign-in HTTP/1.0\r\nHost: 127.0.0.1:{self.port}\r\n\r\n".encode())
                return b" 200 " in line.recv(64)
        except OSError:
            return False

    def close(self) -> None:
        if self._group:
            self.kill()
        assert self._source.stdin
        assert self._source.stdout
        self._source.stdin.close()
        self._source.wait(MAX_LENGTH)
        self._source.stdout.close()


@contextmanager
def serving(folder: Path, database_url: str) -> Iterator[Server]:
    server = Server(folder, database_url)
    try:
        server.start()
        yield server
    finally:
        server.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


# --- a PostgreSQL server -----------------------------------------------------------------------------------


class Cluster:
    """A PostgreSQL server with its own folder and port and its default, durable settings, which can be stopped at once."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.owner = "postgres" if os.getuid() == 0 else getpass.getuser()
        shutil.chown(folder, self.owner)
        self.run("initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale")
        with (folder / "postgresql.conf").open("a") as settings:
            settings.write(f"listen_addresses = '127.0.0.1'\nport = {self.port}\nunix_socket_directories = ''\n")
        self.start()

    @property
    def url(self) -> str:
        return URL.create(
            "postgresql+psycopg", "postgres", None, "127.0.0.1", self.port, "postgres"
        ).render_as_string()

    def start(self) -> None:
        self.run("pg_ctl", "start", "--wait", f"--log={self.folder / 'log'}")

    def stop_at_once(self) -> None:
        """Stop the server as a crash would, without finishing anything or closing connections in order."""
        self.run("pg_ctl", "stop", "--mode=immediate", "--wait")

    def run(self, program: str, *options: str) -> None:
        command = [find_program(program) or program, f"--pgdata={self.folder}", *options]
        user = self.owner if os.getuid() == 0 else None
        result = subprocess.run(
            command, user=user, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False
        )
        assert result.returncode == 0, result.stderr


@contextmanager
def own_cluster() -> Iterator[Cluster]:
    """Run a server in a temporary folder that PostgreSQL's user can read."""
    with tempfile.TemporaryDirectory(prefix="tracker-postgresql-") as folder:
        cluster = Cluster(Path(folder))
        try:
            yield cluster
        finally:
            if (cluster.folder / "postmaster.pid").exists():
                cluster.stop_at_once()


def find_program(name: str) -> str | None:
    """Return the path of a program, searching also where Debian keeps those of a PostgreSQL server."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return shutil.which(name) or (str(places[-1]) if places else None)


# --- the program -------------------------------------------------------------------------------------------


def main() -> None:
    """Fork a server for each line `start` and print its process group; any other line lists pages to request first."""
    if sys.platform == "linux":  # so that this process can wait for the children of a killed server
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    from sqlalchemy.orm import configure_mappers

    from wsgi import app  # opens no connection

    configure_mappers()
    for name in app.jinja_env.list_templates(extensions=["html"]):
        app.jinja_env.get_template(name)
    for line in sys.stdin:
        if line != "start\n":
            read_pages(app, json.loads(line))
            print(0, flush=True)  # noqa: T201 - done
            continue
        wait_for_all()
        started = os.fork()
        if not started:
            serve()
        print(started, flush=True)  # noqa: T201 - what is asked for
    wait_for_all()


def read_pages(app: Flask, pages: list[tuple[str, str]]) -> None:
    from tracker.extensions import db

    for cookie, path in pages:
        client = app.test_client(use_cookies=False)
        headers = {"Cookie": f"tracker_session={cookie}"}
        assert client.get(path, headers=headers, base_url=os.environ["BASE_URL"]).status_code == 200, path
    with app.app_context():
        db.engine.dispose()  # no server inherits a connection


def wait_for_all() -> None:
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return


def serve() -> None:
    """Start the worker and become the server, as the end of `scripts/run` does."""
    os.setsid()
    with Path(os.devnull).open() as devnull, Path(sys.argv[1]).open("a") as log:
        os.dup2(devnull.fileno(), 0)
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    if not os.fork():
        from wsgi import app

        with app.app_context():
            app.extensions["jobs"].work(os.getppid())
        os._exit(0)
    from gunicorn.app.wsgiapp import run

    sys.argv = ["gunicorn", "wsgi:app"]
    run()
    os._exit(0)


if __name__ == "__main__":
    main()

"""The product's own server processes, started as `scripts/run` starts them, and killed; and a PostgreSQL to stop.

Run as a program, it is what every server of a proof comes from: it has read the product in once, so that each of a
hundred starts is quick. What starts shares nothing with the one before but the
code and how its queries are spelt.
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
MAX_LENGTH = 30  # seconds until a server that answers has started


class Server:
    """gunicorn, and the worker beside it: one process group, on one port, over one database and folder."""

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
            "PORT": str(self.port),
            "BASE_URL": f"http://127.0.0.1:{self.port}",
        }
        command = [sys.executable, "-m", "tests.proof.servers", str(self.log)]
        self._source = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._group = 0

    def start(self) -> None:
        """Come back once it answers. Everything of the one before is gone by then."""
        self._group = self._tell("start")
        give_up = time.monotonic() + MAX_LENGTH
        while not self.answers():
            assert time.monotonic() < give_up, self.log.read_text()[-2000:]
            time.sleep(0.01)

    def warm_up(self, pages: list[tuple[str, str]]) -> None:
        """Have the servers that start from now on know the queries of pages, given with who reads them, by cookie."""
        self._tell(json.dumps(pages))

    def _tell(self, line: str) -> int:
        assert self._source.stdin
        assert self._source.stdout
        self._source.stdin.write(f"{line}\n")
        self._source.stdin.flush()
        return int(self._source.stdout.readline())

    def kill(self) -> None:
        """All its processes, at once, whatever they are at."""
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


# --- a PostgreSQL of its own -------------------------------------------------------------------------------


class Cluster:
    """A PostgreSQL in a folder and on a port of its own, as safe as it comes; it can be stopped at once."""

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
        """As if it had crashed: nothing is finished, no connection is closed in good order."""
        self.run("pg_ctl", "stop", "--mode=immediate", "--wait")

    def run(self, program: str, *options: str) -> None:
        command = [found_program(program) or program, f"--pgdata={self.folder}", *options]
        user = self.owner if os.getuid() == 0 else None
        ended = subprocess.run(
            command, user=user, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr


@contextmanager
def own_cluster() -> Iterator[Cluster]:
    """In a folder that PostgreSQL's own user can reach, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="tracker-postgresql-") as folder:
        cluster = Cluster(Path(folder))
        try:
            yield cluster
        finally:
            if (cluster.folder / "postmaster.pid").exists():
                cluster.stop_at_once()


def found_program(name: str) -> str | None:
    """On the path, or where Debian keeps the programs of a PostgreSQL server."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return shutil.which(name) or (str(places[-1]) if places else None)


# --- the program -------------------------------------------------------------------------------------------


def main() -> None:
    """Fork a server for each `start` that is read, and say its process group; any other line is pages to warm up."""
    if sys.platform == "linux":  # so that what a killed server leaves can be waited for here
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
    """As the end of `scripts/run`: the worker, and this process becomes the server."""
    os.setsid()
    with Path(os.devnull).open() as nothing, Path(sys.argv[1]).open("a") as log:
        os.dup2(nothing.fileno(), 0)
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

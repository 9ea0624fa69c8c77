"""PostgreSQL through PgBouncer in transaction mode, where each transaction may get another connection."""

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.engine import make_url

from tests.assessment import workflow
from tests.conftest import server_url
from tests.factories import World
from tests.integrity.tampering import list_violations
from tracker import create_app
from tracker.accounts import sessions
from tracker.config import Settings
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Event

pytestmark = pytest.mark.skipif(server_url() is None, reason="PgBouncer is for PostgreSQL")
CONFIGURATION = """
[databases]
* = host={host} port={port} user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
server_reset_query =
logfile = {folder}/pgbouncer.log
pidfile = {folder}/pgbouncer.pid
"""


@pytest.fixture
def pgbouncer_port(database_url: str, tmp_path: Path) -> Iterator[int]:
    """The port of a PgBouncer of this test's own, which keeps three connections to the server."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("no pgbouncer here")
    url = make_url(database_url)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    folder = Path(f"/tmp/tracker-pgbouncer-{port}")  # noqa: S108 - another account than root must reach it
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    values = {"host": url.host, "port": url.port or 5432, "user": url.username, "listen": port, "folder": folder}
    configuration = folder / "pgbouncer.ini"
    configuration.write_text(CONFIGURATION.format(**values))
    configuration.chmod(0o644)
    account = pwd.getpwnam("nobody").pw_uid if os.getuid() == 0 else None
    with subprocess.Popen([program, "-q", str(configuration)], stderr=subprocess.DEVNULL, user=account) as process:
        wait_for(port)
        yield port
        process.terminate()
    shutil.rmtree(folder)


def wait_for(port: int) -> None:
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("pgbouncer did not start")


@pytest.fixture
def pooled_app(app: Flask, pgbouncer_port: int, database_url: str, tmp_path: Path) -> Iterator[Flask]:
    """The app over the tests' database, through PgBouncer."""
    url = make_url(database_url).set(host="127.0.0.1", port=pgbouncer_port).render_as_string(hide_password=False)
    settings = Settings.from_environment(
        {"INSTANCE_PATH": str(tmp_path / "pooled"), "DATABASE_URL": url, "PGBOUNCER": "1", "SECRET_KEY": "test"}
    )
    pooled = create_app(settings, TESTING=True, WTF_CSRF_ENABLED=False)
    yield pooled
    with pooled.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def browsers(pooled_app: Flask, world: World) -> Callable[[int], FlaskClient]:
    def sign_in(_number: int) -> FlaskClient:
        browser = pooled_app.test_client()
        browser.set_cookie(sessions.COOKIE_NAME, token)
        return browser

    with transaction():
        token = sessions.start_session(world.alice, "127.0.0.1", "Chrome on Windows", proven=True)
    return sign_in


def test_prepared_statements_would_fail_and_are_switched_off(pooled_app: Flask, pgbouncer_port: int) -> None:
    with pooled_app.app_context():
        url = db.engine.url
    options = {**url.translate_connect_args(username="user", database="dbname")}

    def ask_often(threshold: int | None) -> None:
        with psycopg.connect(**options, prepare_threshold=threshold) as connection:
            for number in range(40):
                connection.execute("SELECT %s::int", [number])
                connection.commit()

    with ThreadPoolExecutor(8) as threads, pytest.raises(psycopg.Error):
        list(threads.map(ask_often, [0] * 8))
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(ask_often, [None] * 8))
    with pooled_app.app_context(), db.engine.connect() as connection:
        assert connection.connection.driver_connection.prepare_threshold is None


def test_people_work_at_once_through_few_connections(
    pooled_app: Flask, world: World, browsers: Callable[[int], FlaskClient]
) -> None:
    def work(number: int) -> list[int]:
        browser = browsers(number)
        statuses = [browser.get(f"/attempts/{world.cfacc15.id}").status_code for _ in range(8)]
        return [*statuses, browser.post("/evidence/new", data={"title": f"Call {number}"}).status_code]

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(work, range(8)))
    assert {status for each in answers for status in each[:-1]} == {200}
    assert all(each[-1] < 500 for each in answers)


def test_signing_and_verify_work_through_it(pooled_app: Flask, world: World) -> None:
    session_of_the_people = db.session()
    with pooled_app.app_context():
        workflow.sign(world, world.cfacc15, "A steady record.")
        workflow.confirm(world.cfacc15)
        assert [each for each in list_violations() if each.startswith(("1: ", "28: "))] == []
        db.session.rollback()
        session_of_the_people.rollback()
    with db.engine.connect() as connection:
        assert "unit_confirmed" in connection.scalars(select(Event.act)).all()

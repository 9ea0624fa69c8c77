"""TLS to PostgreSQL and Redis: the options in their addresses reach every connection."""

import json
import os
import sys
from pathlib import Path

import psycopg
import pytest
from flask import Flask
from psycopg.conninfo import conninfo_to_dict
from redis.connection import SSLConnection
from sqlalchemy.exc import OperationalError

from tests.conftest import MIGRATIONS
from tracker import create_app
from tracker.backups import databases
from tracker.config import Settings
from tracker.extensions import db
from tracker.hosts.redis_connection import find_redis

DATABASE_URL = (
    "postgresql+psycopg://tracker:no-secret@db.example.org:5433/records"
    "?sslmode=verify-full&sslrootcert=/etc/ssl/db.pem&application_name=tracker"
)
REDIS_URL = "rediss://:no-secret@redis.example.org:6380/0?ssl_cert_reqs=required&ssl_ca_certs=/etc/ssl/redis.pem"
PROGRAM = """#!{python}
import json, os, sys
json.dump([sys.argv[1:], dict(os.environ)], open({path!r}, "w"))
"""


@pytest.fixture
def far_app(tmp_path: Path) -> Flask:
    """An app whose database and queue are on other machines, which it has not connected to."""
    environment = {
        "INSTANCE_PATH": str(tmp_path),
        "SECRET_KEY": "test",
        "DATABASE_URL": DATABASE_URL,
        "MIGRATIONS_DATABASE_URL": DATABASE_URL.replace("tracker:", "tracker_owner:"),
        "REDIS_URL": REDIS_URL,
    }
    return create_app(Settings.from_environment(environment), TESTING=True, JOBS_IMMEDIATE=False)


def test_the_server_connects_to_postgresql_with_the_options_of_its_address(far_app: Flask) -> None:
    with far_app.app_context():
        options = db.engine.dialect.create_connect_args(db.engine.url)[1]
    assert options["sslmode"] == "verify-full"
    assert options["sslrootcert"] == "/etc/ssl/db.pem"


@pytest.mark.parametrize("program", ["pg_dump", "pg_restore"])
def test_backup_and_restore_connect_with_them_too(
    far_app: Flask, program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = tmp_path / "called.json"
    fake = tmp_path / "bin" / program
    fake.parent.mkdir()
    fake.write_text(PROGRAM.format(python=sys.executable, path=str(called)))
    fake.chmod(0o700)
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")

    with far_app.app_context():
        databases._run(program, ["--verbose"])

    arguments, environment = json.loads(called.read_text())
    assert conninfo_to_dict(arguments[0].removeprefix("--dbname=")) == {
        "host": "db.example.org",
        "port": "5433",
        "user": "tracker",
        "dbname": "records",
        "sslmode": "verify-full",
        "sslrootcert": "/etc/ssl/db.pem",
        "application_name": "tracker",
    }
    assert arguments[1:] == ["--verbose"]
    assert environment["PGPASSWORD"] == "no-secret"
    assert not any("no-secret" in argument for argument in arguments), "every user of the machine can read arguments"


def test_migrations_connect_with_the_options_of_their_own_address(
    far_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = []

    def connect(*_arguments: object, **options: object) -> None:
        used.append(options)
        raise psycopg.OperationalError

    monkeypatch.setattr(psycopg, "connect", connect)
    result = far_app.test_cli_runner().invoke(args=["db", "upgrade", "-d", str(MIGRATIONS)])
    assert isinstance(result.exception, OperationalError)
    (options,) = used
    assert options["user"] == "tracker_owner"
    assert options["sslmode"] == "verify-full"
    assert options["sslrootcert"] == "/etc/ssl/db.pem"


def test_what_hosts_share_is_in_redis_with_the_options_of_its_address(far_app: Flask) -> None:
    with far_app.app_context():
        client = find_redis()
    assert client
    connection = client.connection_pool.make_connection()
    assert isinstance(connection, SSLConnection)
    assert connection.ca_certs == "/etc/ssl/redis.pem"
    assert connection.cert_reqs.name == "CERT_REQUIRED"
    assert connection.check_hostname


def test_the_job_queue_connects_to_redis_with_the_options_of_its_address(far_app: Flask) -> None:
    pool = far_app.extensions["jobs"].queue.storage.pool
    assert pool.connection_class is SSLConnection
    connection = pool.make_connection()
    assert connection.ca_certs == "/etc/ssl/redis.pem"
    assert connection.cert_reqs.name == "CERT_REQUIRED"
    assert connection.check_hostname

"""An empty second installation beside the app that the tests share."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from flask import Flask
from sqlalchemy import create_engine, text

from tests.conftest import server_url
from tracker import create_app
from tracker.config import Settings
from tracker.extensions import db


@contextmanager
def empty_installation(folder: Path, original: Flask) -> Iterator[Flask]:
    """Make an empty installation with the keys and checkpoints of `original`, which are kept outside the database.

    Its database is dropped afterwards.
    """
    folder.mkdir(parents=True)
    url, name = _make_database(folder)
    settings = Settings.from_environment(
        {
            "INSTANCE_PATH": str(folder),
            "DATABASE_URL": url,
            "SECRET_KEY": "test",
            "KEYS_PATH": str(original.config["KEYS_PATH"]),
            "CHECKPOINTS_PATH": str(original.config["CHECKPOINTS_PATH"]),
        }
    )
    app = create_app(replace(settings, demo=True), TESTING=True, WTF_CSRF_ENABLED=False)
    try:
        yield app
    finally:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()
        if name:
            _run_on_server(f"DROP DATABASE {name} WITH (FORCE)")


def command(app: Flask, *arguments: str) -> tuple[int, str]:
    """Run a command in the context of that installation. Return its exit code and output."""
    with app.app_context():
        result = app.test_cli_runner().invoke(args=arguments)
        db.session.remove()
    return result.exit_code, result.output


def accept(app: Flask) -> str:
    """Accept the restore of that installation, and return the last line of the output: the security log is before it."""
    code, output = command(app, "restore", "--accept")
    assert code == 0, output
    return output.splitlines()[-1]


def _make_database(folder: Path) -> tuple[str, str]:
    """Make a database. Return its URL, and its name if it is on a server."""
    server = server_url()
    if server is None:
        return f"sqlite:///{folder / 'tracker.sqlite'}", ""
    name = f"tracker_restore_{os.urandom(6).hex()}"
    _run_on_server(f"CREATE DATABASE {name}")
    return server.set(database=name).render_as_string(hide_password=False), name


def _run_on_server(statement: str) -> None:
    engine = create_engine(server_url() or "", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()

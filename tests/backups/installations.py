"""Another installation, empty, beside the one that the tests share."""

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
def empty_installation(folder: Path, of: Flask) -> Iterator[Flask]:
    """It has the other's keys and checkpoints: what survived outside. Its database goes with it."""
    folder.mkdir(parents=True)
    url, name = _make_empty(folder)
    settings = Settings.from_environment(
        {
            "INSTANCE_PATH": str(folder),
            "DATABASE_URL": url,
            "SECRET_KEY": "test",
            "KEYS_PATH": str(of.config["KEYS_PATH"]),
            "CHECKPOINTS_PATH": str(of.config["CHECKPOINTS_PATH"]),
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
            _on_server(f"DROP DATABASE {name} WITH (FORCE)")


def command(app: Flask, *arguments: str) -> tuple[int, str]:
    """A command of that installation: inside its own context, or it would be this one's."""
    with app.app_context():
        result = app.test_cli_runner().invoke(args=arguments)
        db.session.remove()
    return result.exit_code, result.output


def _make_empty(folder: Path) -> tuple[str, str]:
    """A new database's address, and its name where a server keeps it."""
    server = server_url()
    if server is None:
        return f"sqlite:///{folder / 'tracker.sqlite'}", ""
    name = f"tracker_restore_{os.urandom(6).hex()}"
    _on_server(f"CREATE DATABASE {name}")
    return server.set(database=name).render_as_string(hide_password=False), name


def _on_server(statement: str) -> None:
    engine = create_engine(server_url() or "", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()

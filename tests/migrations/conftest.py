"""Empty databases for the tests of migrations."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import create_engine, text

from tests.conftest import server_url
from tracker import create_app
from tracker.background.migration_commands import init_migrations
from tracker.config import Settings
from tracker.extensions import db


@pytest.fixture
def make_database(tmp_path: Path) -> Iterator[Callable[[], str]]:
    """`make_database()` returns the URL of a new, empty database, which is dropped after the test."""
    server, names = server_url(), []
    admin = create_engine(server, isolation_level="AUTOCOMMIT") if server else None

    def make() -> str:
        name = f"tracker_migrations_{uuid.uuid4().hex[:12]}"
        if not admin or not server:
            return f"sqlite:///{tmp_path / name}.sqlite"
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        names.append(name)
        return server.set(database=name).render_as_string(hide_password=False)

    yield make
    if admin:
        with admin.connect() as connection:
            for name in names:
                connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        admin.dispose()


@pytest.fixture
def empty_app(make_database: Callable[[], str], tmp_path: Path) -> Iterator[Flask]:
    """The app on a database without migrations, inside an application context."""
    settings = Settings.from_environment(
        {"INSTANCE_PATH": str(tmp_path), "DATABASE_URL": make_database(), "SECRET_KEY": "test"}
    )
    app = create_app(settings, TESTING=True)
    with app.app_context():
        init_migrations()
        yield app
        db.session.remove()
        db.engine.dispose()

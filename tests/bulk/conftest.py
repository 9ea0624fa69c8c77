"""An app over a database of its own, with candidates loaded in bulk."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

    from tests.database_snapshot import DatabaseSnapshot


@pytest.fixture
def bulk_app(migrated_app: Flask, empty_snapshot: DatabaseSnapshot, tmp_path: Path) -> Iterator[Flask]:
    """The app over a copy of the database with the standards, which is dropped afterwards."""
    from sqlalchemy import create_engine, text
    from sqlalchemy.engine import make_url

    from tracker import create_app
    from tracker.extensions import db

    settings = migrated_app.config["SETTINGS"]
    with migrated_app.app_context():
        empty_snapshot.restore()
        db.engine.dispose()
    server = None
    if settings.database_url.startswith("sqlite"):
        shutil.copy(empty_snapshot.copy, tmp_path / "bulk.sqlite")
        url = f"sqlite:///{tmp_path}/bulk.sqlite"
    else:
        address = make_url(settings.database_url)
        server = create_engine(address.set(database="postgres"), isolation_level="AUTOCOMMIT")
        url = address.set(database=f"{address.database}_bulk").render_as_string(hide_password=False)
        with server.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {address.database}_bulk TEMPLATE {address.database}"))
    app = create_app(
        dataclasses.replace(settings, database_url=url), TESTING=True, WTF_CSRF_ENABLED=False, CACHE_QUEUE=False
    )
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
    if server:
        with server.connect() as connection:
            connection.execute(text(f"DROP DATABASE {address.database}_bulk WITH (FORCE)"))
        server.dispose()

"""The app with a database that is filled in bulk, and emptied afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

    from tests.database_snapshot import DatabaseSnapshot


@pytest.fixture
def bulk_app(migrated_app: Flask, empty_snapshot: DatabaseSnapshot) -> Iterator[Flask]:
    """The app over the database with the standards alone, with clients that do not check the pages they get."""
    from flask.testing import FlaskClient
    from sqlalchemy import text

    from tracker.extensions import db

    checking_client, migrated_app.test_client_class = migrated_app.test_client_class, FlaskClient
    with migrated_app.app_context():
        empty_snapshot.restore()
    yield migrated_app
    migrated_app.test_client_class = checking_client
    with migrated_app.app_context():
        empty_snapshot.restore()
        if db.engine.dialect.name == "postgresql":
            with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text("VACUUM"))

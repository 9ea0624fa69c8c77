"""Two hosts: apps with folders of their own over one database, bucket and Redis server, in this process."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import UNHURRIED
from tests.storage.conftest import bucket
from tests.storage.s3 import build_url
from tracker import create_app
from tracker.accounts import sessions
from tracker.config import S3Location, Settings
from tracker.extensions import db
from tracker.hosts import marks
from tracker.ledger.transactions import transaction
from tracker.models import Person

__all__ = ["bucket"]

Browser = Callable[[Person], FlaskClient]


@pytest.fixture
def host(app_with_signing_key: Flask, bucket: S3Location, redis_url: str) -> Iterator[Flask]:
    """The first host: the app of all tests, with a bucket, Redis and a key."""
    app = app_with_signing_key
    use_redis(app, redis_url)
    yield app
    close_redis(app)


def use_redis(app: Flask, url: str | None) -> None:
    """Let an app use the Redis server at an address."""
    close_redis(app)
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], redis_url=url)


def close_redis(app: Flask) -> None:
    """Close the connections of an app, and forget what Redis said."""
    if "redis" in app.extensions:
        app.extensions.pop("redis").close()
    for name in (marks.LAST_ANSWER, marks.FAILED_AT):
        app.extensions.pop(name, None)


@pytest.fixture
def other_host(host: Flask, bucket: S3Location, redis_url: str, database_url: str, tmp_path: Path) -> Iterator[Flask]:
    """A host with nothing but the same database, bucket and Redis server, and a copy of the keys."""
    keys = shutil.copytree(host.config["KEYS_PATH"], tmp_path / "mounted-keys")
    settings = Settings.from_environment(
        {
            "INSTANCE_PATH": str(tmp_path / "other"),
            "DATABASE_URL": database_url,
            "STORAGE_URL": build_url(bucket),
            "KEYS_PATH": str(keys),
            "SECRET_KEY": "test",
            "REDIS_URL": redis_url,
            **UNHURRIED,
        }
    )
    app = create_app(settings, TESTING=True, WTF_CSRF_ENABLED=False)
    yield app
    close_redis(app)
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def there(other_host: Flask) -> Browser:
    """`there(world.alice)` is a browser signed in as Alice whose requests reach the other host."""

    def sign_in(person: Person) -> FlaskClient:
        with transaction():
            token = sessions.start_session(person, "127.0.0.1", "Chrome on Windows", proven=True)
        browser = other_host.test_client()
        browser.set_cookie(sessions.COOKIE_NAME, token)
        return browser

    return sign_in

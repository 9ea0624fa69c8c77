"""The app on either database, the people of the stories, and clients signed in as them."""

from __future__ import annotations

import os
import shutil
import uuid
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest

from tests.proof.figures import WHOLE
from tracker import clock

if TYPE_CHECKING:  # the fixtures import what they need: a test without a database starts without one
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from datetime import datetime

    from flask import Flask
    from flask.testing import FlaskClient
    from sqlalchemy.engine import URL

    from tests.database_snapshot import DatabaseSnapshot
    from tests.factories import World
    from tracker.models import Person

MIGRATIONS = Path(__file__).parent.parent / "migrations"
MEMORY = "/dev/shm"  # noqa: S108 - a disk that is memory, where there is one: what is lost with the power is no loss here
DATABASE = {"database_url", "make_database", "app"}
"""The fixtures through which a test has a database."""
FASTER = ("synchronous_commit = off", "max_parallel_workers_per_gather = 0")
"""Nothing here need outlive the machine, and a few rows are read sooner than a second process is started."""
STANDARDS = {
    "unit",
    "unit_code",
    "criterion",
    "criterion_link",
    "evidence_requirement",
    "qualification",
    "guidance",
    "guidance_unit",
}
"""What `flask standards load` fills."""


def server_url() -> URL | None:
    """The PostgreSQL server to make databases on, or None for SQLite."""
    url = os.environ.get("TEST_DATABASE_URL", "")
    if not url.startswith("postgresql"):
        return None
    from sqlalchemy.engine import make_url

    return make_url(url)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On PostgreSQL, only what asks for a database: the rest knows of none, and once is enough but for the whole proof."""
    if server_url() and not WHOLE:
        about = [item for item in items if DATABASE & set(getattr(item, "fixturenames", ()))]
        config.hook.pytest_deselected(items=[item for item in items if item not in about])
        items[:] = about


@pytest.fixture(scope="session")
def database_url() -> Iterator[str]:
    """An empty database of this worker's own."""
    from sqlalchemy import create_engine, text

    server = server_url()
    if server is None:
        with TemporaryDirectory(dir=MEMORY if os.access(MEMORY, os.W_OK) else None) as folder:
            yield f"sqlite:///{folder}/tracker.sqlite"
        return
    worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")
    name = f"tracker_test_{worker}_{uuid.uuid4().hex[:8]}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
        for setting in FASTER:
            connection.execute(text(f"ALTER DATABASE {name} SET {setting}"))
    yield server.set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture(scope="session")
def migrated_app(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The app over a database that was migrated and had the standards loaded, once."""
    from sqlalchemy import event

    from tests.inspection import InspectingClient, WatchingClient
    from tracker import create_app
    from tracker.config import Settings
    from tracker.extensions import db

    instance = tmp_path_factory.mktemp("instance")
    settings = Settings.from_environment(
        {"INSTANCE_PATH": str(instance), "DATABASE_URL": database_url, "SECRET_KEY": "test"}
    )
    # The queue is kept while the ledger stands still, and what factories make leaves no trace there.
    app = create_app(settings, TESTING=True, WTF_CSRF_ENABLED=False, CACHE_QUEUE=False)
    # A page is the same on either database, and reading it takes as long as making it: once is enough.
    app.test_client_class = WatchingClient if server_url() and not WHOLE else InspectingClient
    runner = app.test_cli_runner()
    for command in (["db", "upgrade", "-d", str(MIGRATIONS)], ["standards", "load"]):
        result = runner.invoke(args=command)
        assert result.exit_code == 0, result.output
    with app.app_context():
        if server_url() is None:
            event.listen(db.engine, "connect", reverse_unordered)
        db.engine.dispose()
    yield app
    with app.app_context():
        db.engine.dispose()


def reverse_unordered(connection: Any, _record: object) -> None:
    """What nobody asked for in an order comes the other way round: the day will come when PostgreSQL does so."""
    connection.execute("PRAGMA reverse_unordered_selects = ON")


@pytest.fixture(scope="session")
def empty(migrated_app: Flask) -> DatabaseSnapshot:
    """The database with the standards and nobody."""
    from tests.database_snapshot import DatabaseSnapshot

    with migrated_app.app_context():
        return DatabaseSnapshot(migrated_app, "empty")


@pytest.fixture(scope="session")
def peopled(migrated_app: Flask, empty: DatabaseSnapshot) -> tuple[DatabaseSnapshot, dict[str, tuple[type, int]]]:
    """The database with the people of the stories, made once; and what finds each of them."""
    from tests import factories
    from tests.database_snapshot import DatabaseSnapshot

    with migrated_app.app_context():
        empty.restore()
        made = vars(factories.make_world())
        return DatabaseSnapshot(migrated_app, "peopled"), {
            name: (type(thing), thing.id) for name, thing in made.items()
        }


@pytest.fixture
def app(
    migrated_app: Flask, empty: DatabaseSnapshot, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Flask]:
    """The app with nobody in it but whom the test asks for, inside an application context.

    Keys and checkpoints have a place of the test's own: those of another would not be this database's.
    """
    from tracker.extensions import db
    from tracker.ledger import transactions

    before = dict(migrated_app.config)
    migrated_app.config |= {"KEYS_PATH": tmp_path / "keys", "CHECKPOINTS_PATH": tmp_path / "checkpoints"}
    stands = request.getfixturevalue("peopled")[0] if "world" in request.fixturenames else empty
    with migrated_app.app_context():
        stands.restore()
        yield migrated_app
        transactions.rollback()
        db.session.remove()
    migrated_app.config.clear()
    migrated_app.config.update(before)


@pytest.fixture
def keyed(app: Flask) -> Flask:
    """The app with a key of its own, made before any story begins."""
    from tests import factories
    from tracker.ledger import keys, transactions

    with clock.frozen_at(factories.days_ago(400)), transactions.transaction():
        keys.make_key()
    return app


@pytest.fixture(scope="session")
def stories() -> dict[str, Any]:
    """The demonstration as it was told first, for `told`."""
    return {}


@pytest.fixture
def told(keyed: Flask, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, stories: dict[str, Any]) -> Flask:
    """The demonstration with a key and files of its own: filled once by each worker, and restored for each test."""
    from tests.database_snapshot import DatabaseSnapshot
    from tracker.demo.story import tell_story

    keyed.config["ATTACHMENTS_PATH"] = tmp_path / "attachments"
    if "told" not in stories:
        tell_story()
        stories["files"] = shutil.copytree(tmp_path, tmp_path_factory.mktemp("told") / "files")
        stories["told"] = DatabaseSnapshot(keyed, "told")
    else:
        shutil.rmtree(keyed.config["KEYS_PATH"])  # the story has its own
        shutil.copytree(stories["files"], tmp_path, dirs_exist_ok=True)
        stories["told"].restore()
    return keyed


@pytest.fixture
def world(app: Flask, peopled: tuple[DatabaseSnapshot, dict[str, tuple[type, int]]]) -> World:
    """Two centres and their people; Alice attempts CFACC15 and INSCC004 at Northgate. See factories."""
    from sqlalchemy import select

    from tests.factories import World
    from tracker.extensions import db
    from tracker.ledger import transactions
    from tracker.models import Person, Registration, UnitAttempt

    with transactions.transaction():
        for kind in (Person, Registration, UnitAttempt):
            db.session.scalars(select(kind)).all()
        return World(**{name: db.session.get_one(kind, key) for name, (kind, key) in peopled[1].items()})


@pytest.fixture
def client(app: Flask) -> Callable[[Person], FlaskClient]:
    """`client(world.alice)` is a browser signed in as Alice, her second factor proven where she needs one."""
    from tracker.accounts import sessions
    from tracker.ledger import transactions

    def signed_in_as(person: Person) -> FlaskClient:
        with transactions.transaction():
            token = sessions.start_session(person, "127.0.0.1", "Chrome on Windows", proven=True)
        browser = app.test_client()
        browser.set_cookie(sessions.COOKIE_NAME, token)
        return browser

    return signed_in_as


@pytest.fixture
def anonymous(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def freeze_clock() -> Iterator[Callable[[datetime], None]]:
    """`freeze_clock(moment)` holds the product's clock still."""

    def freeze(moment: datetime) -> None:
        clock.frozen = moment

    yield freeze
    clock.frozen = None


@pytest.fixture
def count_statements(app: Flask) -> Callable[[], AbstractContextManager[list[str]]]:
    """`with count_statements() as statements: …` collects the SQL sent meanwhile.

    The entry in the portfolio access log is left out: it is made once an hour, so it may or may not fall into a page.
    """
    from sqlalchemy import event

    from tracker.extensions import db

    @contextmanager
    def counting() -> Iterator[list[str]]:
        statements: list[str] = []

        def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
            if not statement.startswith(("BEGIN", "PRAGMA", "INSERT INTO portfolio_access")):
                statements.append(statement)

        event.listen(db.engine, "before_cursor_execute", note)
        try:
            yield statements
        finally:
            event.remove(db.engine, "before_cursor_execute", note)

    return counting


@pytest.fixture
def acts(app: Flask) -> Callable[[], list[str]]:
    """`acts()` lists the acts in the ledger, in order."""
    from sqlalchemy import select

    from tracker.extensions import db
    from tracker.models import Event

    def listed() -> list[str]:
        db.session.rollback()
        return list(db.session.scalars(select(Event.act).order_by(Event.seq)))

    return listed

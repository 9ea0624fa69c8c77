"""The app on either database, the people of the tests, and clients signed in as them."""

from __future__ import annotations

import gc
import os
import shutil
import uuid
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from tests.proof.proof_size import FULL_SIZE
from tracker import clock
from tracker.counters import share_counters

if TYPE_CHECKING:  # the fixtures import what they need: a test without a database starts without one
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from datetime import datetime

    from flask import Flask
    from flask.testing import FlaskClient
    from sqlalchemy.engine import URL

    from tests.database_snapshot import DatabaseSnapshot
    from tests.factories import World
    from tests.prepared_databases import PreparedDatabases
    from tracker.models import Person

# A machine that is busy must not fail a test: no example has a time limit. Each run tries other examples.
EXAMPLES = 30 if FULL_SIZE or os.environ.get("MORE_EXAMPLES") else 10
hypothesis.settings.register_profile("tests", deadline=None, max_examples=EXAMPLES)
hypothesis.settings.load_profile("tests")

MIGRATIONS = Path(__file__).parent.parent / "migrations"
MEMORY = "/dev/shm"  # noqa: S108 - a disk that is memory, where there is one: what is lost with the power is no loss here
DATABASE = {"database_url", "make_database", "app"}
"""The fixtures through which a test has a database."""
SLOW_ON_POSTGRESQL = {"client", "anonymous", "demonstration"}
"""The fixtures of tests that count as slow on PostgreSQL: they open pages, or check the record of the demonstration."""
NOT_COUNTED = ("BEGIN", "PRAGMA", "INSERT INTO portfolio_access", "SELECT installation.is_demo")
"""What `count_statements` leaves out."""
FASTER = ("synchronous_commit = off", "max_parallel_workers_per_gather = 0")
"""Settings that make PostgreSQL faster: no test data must survive a crash, and no query is large."""
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


UNHURRIED = {"PRINT_WAIT_SECONDS": "600"}
"""Settings for apps of tests: no job prints a form because the machine is busy."""


def server_url() -> URL | None:
    """The PostgreSQL server to make databases on, or None for SQLite."""
    url = os.environ.get("TEST_DATABASE_URL", "")
    if not url.startswith("postgresql"):
        return None
    from sqlalchemy.engine import make_url

    return make_url(url)


def pytest_configure(config: pytest.Config) -> None:
    """Keep the metrics of this process in a folder of its own, before a test module imports their library.

    The library reads the folder when it is imported.
    """
    folder = TemporaryDirectory(prefix="tracker-metrics-")
    share_counters(Path(folder.name))
    config.add_cleanup(folder.cleanup)


@pytest.hookimpl(tryfirst=True)  # before pytest leaves out what `-m` does not choose
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run on PostgreSQL only tests whose result can depend on the database, except where the proofs run at full size.

    Those that open pages count as slow there, since the services and queries behind pages have tests of their own, and
    so do those of the demonstration, except where they are marked.
    """
    if server_url() and not FULL_SIZE:
        for item in items:
            takes_long = SLOW_ON_POSTGRESQL & set(getattr(item, "fixturenames", ()))
            if takes_long and not item.get_closest_marker("quick_on_postgresql"):
                item.add_marker(pytest.mark.slow)
        config.hook.pytest_deselected(items=[item for item in items if not runs_on_each_database(item)])
        items[:] = [item for item in items if runs_on_each_database(item)]


def runs_on_each_database(item: pytest.Item) -> bool:
    """Return whether a test has a database and is not marked as a test that needs to run on one only."""
    has_database = bool(DATABASE & set(getattr(item, "fixturenames", ())))
    return has_database and not item.get_closest_marker("one_database")


def pytest_collection_finish() -> None:
    """Leave the thousands of collected tests out of every search for garbage."""
    gc.collect()
    gc.freeze()


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

    from tests.inspection import CommitCheckingClient, PageCheckingClient
    from tracker import create_app
    from tracker.config import Settings
    from tracker.extensions import db

    instance = tmp_path_factory.mktemp("instance")
    settings = Settings.from_environment(
        {"INSTANCE_PATH": str(instance), "DATABASE_URL": database_url, "SECRET_KEY": "test", **UNHURRIED}
    )
    # The queue is cached until the ledger grows, and factories record no events.
    app = create_app(settings, TESTING=True, WTF_CSRF_ENABLED=False, CACHE_QUEUE=False)
    # A page is the same on either database, and checking it takes long, so it is checked on SQLite only.
    app.test_client_class = CommitCheckingClient if server_url() and not FULL_SIZE else PageCheckingClient
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
    """Reverse rows without ORDER BY, as PostgreSQL promises no order of them."""
    connection.execute("PRAGMA reverse_unordered_selects = ON")


@pytest.fixture(scope="session")
def empty_snapshot(migrated_app: Flask) -> DatabaseSnapshot:
    """A snapshot of the database with the standards and no people."""
    from tests.database_snapshot import DatabaseSnapshot

    with migrated_app.app_context():
        return DatabaseSnapshot(migrated_app, "empty")


@pytest.fixture(scope="session")
def snapshot_with_people(
    migrated_app: Flask, empty_snapshot: DatabaseSnapshot
) -> tuple[DatabaseSnapshot, dict[str, tuple[type, int]]]:
    """A snapshot of the database with the people of `World`, made once, and the class and id of each object."""
    from tests import factories
    from tests.database_snapshot import DatabaseSnapshot

    with migrated_app.app_context():
        empty_snapshot.restore()
        objects = vars(factories.make_world())
        return DatabaseSnapshot(migrated_app, "people"), {name: (type(row), row.id) for name, row in objects.items()}


@pytest.fixture
def app(
    migrated_app: Flask, empty_snapshot: DatabaseSnapshot, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Flask]:
    """The app, with the people of `world` where a test uses them, inside an application context.

    Keys, checkpoints and emails are in folders of the test's own, for they belong to its database.
    """
    from tracker.extensions import db
    from tracker.ledger import transactions

    before = dict(migrated_app.config)
    migrated_app.config |= {f"{name}_PATH": tmp_path / name.lower() for name in ("KEYS", "CHECKPOINTS", "OUTBOX")}
    snapshot = (
        request.getfixturevalue("snapshot_with_people")[0] if "world" in request.fixturenames else empty_snapshot
    )
    with migrated_app.app_context():
        snapshot.restore()
        yield migrated_app
        transactions.rollback()
        db.session.remove()
    migrated_app.config.clear()
    migrated_app.config.update(before)


@pytest.fixture
def app_with_signing_key(app: Flask) -> Flask:
    """The app with a signing key that is older than any event of the demonstration."""
    from tests import factories
    from tracker.ledger import keys, transactions

    with clock.frozen_at(factories.days_ago(400)), transactions.transaction():
        keys.make_key()
    return app


@pytest.fixture(scope="session")
def prepared_databases(migrated_app: Flask, tmp_path_factory: pytest.TempPathFactory) -> PreparedDatabases:
    """The databases that were filled by `prepare`."""
    from tests.prepared_databases import PreparedDatabases

    return PreparedDatabases(migrated_app, tmp_path_factory.mktemp("prepared"))


@pytest.fixture
def prepare(
    app: Flask, tmp_path: Path, prepared_databases: PreparedDatabases, request: pytest.FixtureRequest
) -> Callable[[str, Callable[[], Any]], Any]:
    """`prepare("a verified unit", fill)` fills the database by `fill()`, which each worker calls once, and then restores it.

    It returns what `fill` returned: ids and other values, but no rows. The files in `tmp_path` are restored too, and
    the rows of `world` are loaded again.
    """
    from tests.prepared_databases import load_again

    def restore(name: str, fill: Callable[[], Any]) -> Any:
        world = request.getfixturevalue("world") if "world" in request.fixturenames else None
        made = prepared_databases.restore(name, fill, tmp_path)
        if world:
            load_again(world)
        return made

    return restore


@pytest.fixture
def demonstration(app: Flask, tmp_path: Path, prepare: Callable[[str, Callable[[], Any]], Any]) -> Flask:
    """The app with the demonstration, a key that is older than its events, and files."""
    from tests import factories
    from tracker.demo.scenario import fill_database
    from tracker.ledger import keys, transactions

    def fill() -> None:
        with clock.frozen_at(factories.days_ago(400)), transactions.transaction():
            keys.make_key()
        app.config["DEMO"] = True  # as the command needs it: its invitations are emailed
        fill_database()
        app.config["DEMO"] = False
        shutil.rmtree(app.config["OUTBOX_PATH"])

    app.config["ATTACHMENTS_PATH"] = tmp_path / "attachments"
    prepare("demonstration", fill)
    return app


@pytest.fixture
def world(app: Flask, snapshot_with_people: tuple[DatabaseSnapshot, dict[str, tuple[type, int]]]) -> World:
    """Two centres and their people; Alice attempts CFACC15 and INSCC004 at Northgate. See factories."""
    from sqlalchemy import select

    from tests.factories import World
    from tracker.extensions import db
    from tracker.ledger import transactions
    from tracker.models import Person, Registration, UnitAttempt

    with transactions.transaction():
        for kind in (Person, Registration, UnitAttempt):
            db.session.scalars(select(kind)).all()
        return World(**{name: db.session.get_one(kind, key) for name, (kind, key) in snapshot_with_people[1].items()})


@pytest.fixture
def client(app: Flask) -> Callable[[Person], FlaskClient]:
    """`client(world.alice)` is a browser signed in as Alice, her second factor proven where she needs one."""
    from tracker.accounts import sessions
    from tracker.ledger import transactions

    def sign_in(person: Person) -> FlaskClient:
        with transactions.transaction():
            token = sessions.start_session(person, "127.0.0.1", "Chrome on Windows", proven=True)
        browser = app.test_client()
        browser.set_cookie(sessions.COOKIE_NAME, token)
        return browser

    return sign_in


@pytest.fixture
def anonymous(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    """The address of a Redis server, started once for each test process."""
    from tests.hosts.redis_server import running_server

    with running_server() as url:
        yield url


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """The address of a Redis server that is empty."""
    from redis import Redis

    with Redis.from_url(redis_server) as client:
        client.flushall()
    return redis_server


@pytest.fixture(autouse=True)
def running_clock() -> Iterator[None]:
    """Let the product's clock run again after a test that stopped it, so that no later test is affected."""
    yield
    clock.frozen = None


@pytest.fixture
def freeze_clock() -> Iterator[Callable[[datetime], None]]:
    """`freeze_clock(moment)` stops the product's clock."""

    def freeze(moment: datetime) -> None:
        clock.frozen = moment

    yield freeze
    clock.frozen = None


@pytest.fixture
def count_statements(app: Flask) -> Callable[[], AbstractContextManager[list[str]]]:
    """`with count_statements() as statements: …` collects the SQL sent meanwhile.

    Left out are the entry in the portfolio access log, which is made once an hour, and the question whether the database
    is a demonstration, which a server asks once: either may or may not fall into a page.
    """
    from sqlalchemy import event

    from tracker.extensions import db

    @contextmanager
    def counting() -> Iterator[list[str]]:
        statements: list[str] = []

        def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
            if not statement.startswith(NOT_COUNTED):
                statements.append(statement)

        event.listen(db.engine, "before_cursor_execute", note)
        try:
            yield statements
        finally:
            event.remove(db.engine, "before_cursor_execute", note)

    return counting


@pytest.fixture
def recorded_acts(app: Flask) -> Callable[[], list[str]]:
    """`recorded_acts()` lists the acts in the ledger, in order, except sign-ins."""
    from sqlalchemy import select

    from tracker.extensions import db
    from tracker.models import Event

    def list_acts() -> list[str]:
        db.session.rollback()
        return list(db.session.scalars(select(Event.act).where(Event.act != "signed_in").order_by(Event.seq)))

    return list_acts

"""The app on either database, the people of the stories, and clients signed in as them."""

import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine, event, func, select, text
from sqlalchemy.engine import URL, make_url

from tests import factories
from tests.factories import World
from tests.inspection import InspectingClient
from tracker import clock, create_app, keys, transactions
from tracker.accounts import sessions
from tracker.config import Settings
from tracker.demo.story import tell_story
from tracker.extensions import db
from tracker.models import Event, Person

MIGRATIONS = Path(__file__).parent.parent / "migrations"
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
"""What `flask standards load` fills; a test's own rows in them go, those that were loaded stay."""


def server_url() -> URL | None:
    """The PostgreSQL server to make databases on, or None for SQLite."""
    given = os.environ.get("TEST_DATABASE_URL", "")
    return make_url(given) if given.startswith("postgresql") else None


@pytest.fixture(scope="session")
def database_url(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[str]:
    """An empty database of this worker's own."""
    server = server_url()
    if server is None:
        yield f"sqlite:///{tmp_path_factory.mktemp('database') / 'tracker.sqlite'}"
        return
    name = f"tracker_test_{worker_id}_{uuid.uuid4().hex[:8]}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield server.set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture(scope="session")
def migrated_app(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The app over a database that was migrated and had the standards loaded, once."""
    instance = tmp_path_factory.mktemp("instance")
    settings = Settings.from_environment(
        {"INSTANCE_PATH": str(instance), "DATABASE_URL": database_url, "SECRET_KEY": "test"}
    )
    # The queue is kept while the ledger stands still, and what factories make leaves no trace there.
    app = create_app(settings, TESTING=True, WTF_CSRF_ENABLED=False, KEEP_QUEUE=False)
    app.test_client_class = InspectingClient
    runner = app.test_cli_runner()
    for command in (["db", "upgrade", "-d", str(MIGRATIONS)], ["standards", "load"]):
        result = runner.invoke(args=command)
        assert result.exit_code == 0, result.output
    with app.app_context():
        db.engine.dispose()
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture(scope="session")
def template(migrated_app: Flask, database_url: str) -> Path | None:
    """SQLite: a copy of the prepared file, laid back before each test."""
    path = make_url(database_url).database
    if server_url() or path is None:
        return None
    return Path(shutil.copy(path, f"{path}.template"))


@pytest.fixture(scope="session")
def loaded(migrated_app: Flask) -> dict[str, int]:
    """The last id of each of the standards' tables, once they are loaded."""
    with migrated_app.app_context():
        tables = {name: db.metadata.tables[name] for name in STANDARDS}
        found = {name: db.session.scalar(select(func.max(rows.c.id))) or 0 for name, rows in tables.items()}
        db.session.remove()
    return found


@pytest.fixture
def app(migrated_app: Flask, database_url: str, template: Path | None, loaded: dict[str, int]) -> Iterator[Flask]:
    """The app with nobody in it, inside an application context."""
    before = dict(migrated_app.config)
    with migrated_app.app_context():
        if template:
            db.engine.dispose()
            shutil.copy(template, make_url(database_url).database or "")
        else:
            _empty_postgresql(loaded)
        yield migrated_app
        transactions.rollback()
        db.session.remove()
    migrated_app.config.clear()
    migrated_app.config.update(before)


def _empty_postgresql(loaded: dict[str, int]) -> None:
    """As the SQLite file is laid back: no rows but the standards', and ids that go on as they did."""
    with db.engine.begin() as connection:
        # Past the append-only triggers and the foreign keys, which a TRUNCATE would follow into the standards.
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for name, rows in db.metadata.tables.items():
            last = loaded.get(name, 0)
            connection.execute(rows.delete().where(rows.c.id > last) if last else rows.delete())
        sequences = "SELECT relname FROM pg_class WHERE relkind = 'S' AND relname LIKE '%\\_id\\_seq'"
        for name in connection.scalars(text(sequences)).all():
            start = {"name": name, "next": loaded.get(name.removesuffix("_id_seq"), 0) + 1}
            connection.execute(text("SELECT setval(CAST(:name AS regclass), :next, false)"), start)


@pytest.fixture
def keyed(app: Flask, tmp_path: Path) -> Flask:
    """The app with a key of its own, and a place of its own for checkpoints."""
    app.config |= {"KEYS_PATH": tmp_path / "keys", "CHECKPOINTS_PATH": tmp_path / "checkpoints"}
    with transactions.transaction():
        keys.make_key()
    return app


@pytest.fixture(scope="session")
def stories() -> dict[str, Any]:
    """The demonstration as it was told first, for `told`."""
    return {}


@pytest.fixture
def told(keyed: Flask, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, stories: dict[str, Any]) -> Flask:
    """The demonstration with a key and files of its own: told once by each worker, and laid back since."""
    from tests.kept import Kept  # which asks here for the server

    keyed.config["ATTACHMENTS_PATH"] = tmp_path / "attachments"
    if "told" not in stories:
        tell_story()
        stories["files"] = shutil.copytree(tmp_path, tmp_path_factory.mktemp("told") / "files")
        stories["told"] = Kept(keyed, "told")
    else:
        shutil.rmtree(keyed.config["KEYS_PATH"])  # the story has its own
        shutil.copytree(stories["files"], tmp_path, dirs_exist_ok=True)
        stories["told"].lay_back()
    return keyed


@pytest.fixture
def world(app: Flask) -> World:
    """Two centres and their people; Alice attempts CFACC15 and INSCC004 at Northgate. See factories."""
    return factories.make_world()


@pytest.fixture
def client(app: Flask) -> Callable[[Person], FlaskClient]:
    """`client(world.alice)` is a browser signed in as Alice, her second factor proven where she needs one."""

    def signed_in_as(person: Person) -> FlaskClient:
        with transactions.transaction():
            token = sessions.start_session(person, "127.0.0.1", "Chrome on Windows", proven=True)
        browser = app.test_client()
        browser.set_cookie(sessions.COOKIE, token)
        return browser

    return signed_in_as


@pytest.fixture
def anonymous(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def hold_clock() -> Iterator[Callable[[datetime], None]]:
    """`hold_clock(moment)` holds the product's clock still."""

    def hold(moment: datetime) -> None:
        clock.held = moment

    yield hold
    clock.held = None


@pytest.fixture
def count_statements(app: Flask) -> Callable[[], AbstractContextManager[list[str]]]:
    """`with count_statements() as statements: …` collects the SQL sent meanwhile, but for the look, once a second, for
    decisions that are due, and the note, once an hour, of who opened a portfolio: whether they fall into a page is
    chance."""

    @contextmanager
    def counting() -> Iterator[list[str]]:
        statements: list[str] = []

        def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
            if not statement.startswith(("BEGIN", "PRAGMA", "INSERT INTO portfolio_opening")):
                statements.append(statement)

        before, app.config["RELEASE_INTERVAL"] = app.config["RELEASE_INTERVAL"], 3600
        app.extensions["released_at"] = time.monotonic()
        event.listen(db.engine, "before_cursor_execute", note)
        try:
            yield statements
        finally:
            app.config["RELEASE_INTERVAL"] = before
            event.remove(db.engine, "before_cursor_execute", note)

    return counting


@pytest.fixture
def acts(app: Flask) -> Callable[[], list[str]]:
    """`acts()` lists the acts in the ledger, in order."""

    def listed() -> list[str]:
        db.session.rollback()
        return list(db.session.scalars(select(Event.act).order_by(Event.seq)))

    return listed

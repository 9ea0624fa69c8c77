"""A real server on a database of its own, and Debian's Chromium at two widths."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, Playwright, sync_playwright
from sqlalchemy.engine import make_url
from werkzeug.serving import make_server

from tests import factories
from tests.database_snapshot import DatabaseSnapshot
from tests.factories import World
from tracker import create_app
from tracker.assessment.services import assessments
from tracker.config import Settings
from tracker.extensions import db

FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright_api:
        yield playwright_api


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Debian's Chromium where it is installed, else Playwright's own."""
    path = shutil.which("chromium")
    browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
    yield browser
    browser.close()


class LiveServer:
    """A served app: its address, and its people."""

    def __init__(self, app: Flask, address: str, world: World) -> None:
        self.app, self.address, self.world = app, address, world

    @contextmanager
    def open_world(self) -> Iterator[World]:
        """Yield the people in the database session of an application context, for steps of `workflow`."""
        with self.app.app_context():
            values = {each.name: db.session.merge(getattr(self.world, each.name)) for each in fields(self.world)}
            yield World(**values)


@pytest.fixture
def live_server(
    empty_snapshot: DatabaseSnapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LiveServer]:
    """The app served over HTTP with CSRF protection; assessments are released at once, so that no test waits."""
    assert empty_snapshot.copy.exists(), "the browser walks run on SQLite"
    monkeypatch.setattr(assessments, "TIME_TO_UNDO", timedelta(0))
    shutil.copy(empty_snapshot.copy, tmp_path / "tracker.sqlite")
    environment = {
        "INSTANCE_PATH": str(tmp_path),
        "DATABASE_URL": str(make_url(f"sqlite:///{tmp_path / 'tracker.sqlite'}")),
        "SECRET_KEY": "browser",
    }
    app = create_app(Settings.from_environment(environment), JOBS_IMMEDIATE=True)
    with app.app_context():
        world = factories.make_world()
        db.session.remove()
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield LiveServer(app, f"http://127.0.0.1:{server.port}", world)
    server.shutdown()
    thread.join(5)
    server.server_close()
    with app.app_context():
        db.engine.dispose()

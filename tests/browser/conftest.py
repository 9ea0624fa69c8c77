"""A real server on a database of its own, and Debian's Chromium at two widths."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from flask import Flask
from playwright.sync_api import Browser, Playwright, sync_playwright
from sqlalchemy.engine import make_url
from werkzeug.serving import make_server
from werkzeug.wsgi import ClosingIterator

from tests import factories
from tests.browser.demonstration import Demonstration, lengthen_texts, make_once, read_paths
from tests.conftest import UNHURRIED
from tests.database_snapshot import DatabaseSnapshot
from tests.factories import World
from tracker import create_app
from tracker.assessment.services import assessments
from tracker.config import Settings
from tracker.extensions import db

FLAGS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-gpu",  # nobody looks at the pictures, which would be drawn by an emulated graphics card
    "--use-fake-device-for-media-stream",  # a microphone that beeps
    "--use-fake-ui-for-media-stream",
]
SECONDS_TO_NOTICE_THE_END = 0.02
"""How often a server looks whether it is asked to stop; the default of half a second delays the end of each test."""


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


def make_served_app(folder: Path) -> Flask:
    """Return the app as it is served, with CSRF protection, with the database and the files of a folder."""
    environment = {
        "INSTANCE_PATH": str(folder),
        "DATABASE_URL": str(make_url(f"sqlite:///{folder / 'tracker.sqlite'}")),
        "SECRET_KEY": "browser",
        **UNHURRIED,
    }
    return create_app(Settings.from_environment(environment), JOBS_IMMEDIATE=True)


class ServedUntilClosed:
    """The app until it is closed, which waits for the requests that run: the next test replaces the database."""

    def __init__(self, app: Flask) -> None:
        self.app, self.running, self.is_closed, self.changed = app, 0, False, threading.Condition()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        with self.changed:
            if self.is_closed:  # a browser that is still open asks through a connection that it has kept
                raise ConnectionAbortedError
            self.running += 1
        try:
            with closing(ClosingIterator(self.app(environ, start_response))) as body:
                yield from body
        finally:
            with self.changed:
                self.running -= 1
                self.changed.notify_all()

    def close(self) -> None:
        with self.changed:
            self.is_closed = True
            assert self.changed.wait_for(lambda: self.running == 0, timeout=30), "a request does not end"


@contextmanager
def serve(app: Flask) -> Iterator[str]:
    """Serve the app over HTTP and yield its address."""
    served = ServedUntilClosed(app)
    server = make_server("127.0.0.1", 0, served, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(SECONDS_TO_NOTICE_THE_END,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()
        try:
            served.close()
        finally:
            with app.app_context():
                db.engine.dispose()


@pytest.fixture(scope="session")
def served_app(
    empty_snapshot: DatabaseSnapshot, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Flask, World, DatabaseSnapshot]:
    """The app as it is served, made once in each worker, its people, and a snapshot of its database with them."""
    assert empty_snapshot.copy.exists(), "the browser walks run on SQLite"
    folder = tmp_path_factory.mktemp("served")
    shutil.copy(empty_snapshot.copy, folder / "tracker.sqlite")
    app = make_served_app(folder)
    with app.app_context():
        world = factories.make_world()
        return app, world, DatabaseSnapshot(app, "people")


@pytest.fixture
def live_server(
    served_app: tuple[Flask, World, DatabaseSnapshot], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LiveServer]:
    """The app served with the people of `World`; assessments are released at once, so that no test waits."""
    app, world, snapshot = served_app
    monkeypatch.setattr(assessments, "TIME_TO_UNDO", timedelta(0))
    config, extensions = dict(app.config), dict(app.extensions)
    app.config |= {
        f"{name}_PATH": tmp_path / name.lower() for name in ("ATTACHMENTS", "KEYS", "CHECKPOINTS", "OUTBOX")
    }
    try:
        with app.app_context():
            snapshot.restore()
        with serve(app) as address:
            yield LiveServer(app, address, world)
    finally:
        app.config.clear()
        app.config.update(config)
        app.extensions.clear()  # with what the app has cached of this test's database
        app.extensions.update(extensions)


@pytest.fixture
def emailing(live_server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Emails count as delivered; returns the address and the text of each."""
    sent: list[tuple[str, str]] = []
    monkeypatch.setattr("tracker.background.emails.can_deliver", lambda: True)
    monkeypatch.setattr(
        "tracker.background.emails.deliver_email", lambda message: sent.append((message["To"], message.get_content()))
    )
    return sent


@pytest.fixture(scope="session")
def made_demonstration(
    empty_snapshot: DatabaseSnapshot, tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> Path:
    """The folder of the demonstration, which the first worker that needs it makes for all of them."""
    own = tmp_path_factory.getbasetemp()
    folder = (own if worker_id == "master" else own.parent) / "demonstration"
    make_once(folder, empty_snapshot.copy, make_served_app)
    return folder


@contextmanager
def serve_demonstration(made: Path, *, long_words: bool) -> Iterator[Demonstration]:
    """Serve a copy of the demonstration."""
    with TemporaryDirectory() as folder:
        shutil.copytree(made, folder, dirs_exist_ok=True)
        app = make_served_app(Path(folder))
        app.config["DEMO"] = True
        if long_words:
            lengthen_texts(app)
        with serve(app) as address:
            yield Demonstration(app, address, read_paths(made))


@pytest.fixture(scope="session")
def demonstration_site(made_demonstration: Path) -> Iterator[Demonstration]:
    with serve_demonstration(made_demonstration, long_words=False) as site:
        yield site


@pytest.fixture(scope="session")
def site_with_long_words(made_demonstration: Path) -> Iterator[Demonstration]:
    with serve_demonstration(made_demonstration, long_words=True) as site:
        yield site

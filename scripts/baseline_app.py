"""The application in a temporary folder, with the clock held, for the parts of the baseline that run it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from flask import Flask

from tracker import clock, create_app
from tracker.config import Settings
from tracker.extensions import db

ROOT = Path(__file__).resolve().parent.parent
NOW = datetime(2026, 11, 4, 12, 0, tzinfo=UTC)
"""The moment at which the baseline is taken, so that it is the same on every day."""


@contextmanager
def running_app(database_url: str = "", *, demo: bool = False) -> Iterator[Flask]:
    """Yield the app over an empty, migrated database: SQLite in the temporary folder unless an address is given."""
    with tempfile.TemporaryDirectory() as folder, clock.frozen_at(NOW):
        instance = Path(folder) / "instance"
        environment = {
            "INSTANCE_PATH": str(instance),
            "DATABASE_URL": database_url or f"sqlite:///{instance}/tracker.sqlite",
            "SECRET_KEY": "baseline",
            "DEMO": "1" if demo else "",
        }
        settings = Settings.from_environment(environment)
        app = create_app(
            settings, TESTING=True, PROPAGATE_EXCEPTIONS=False, WTF_CSRF_ENABLED=False, CACHE_QUEUE=False
        )
        run_command(app, "db", "upgrade", "-d", str(ROOT / "migrations"))
        yield app
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


def run_command(app: Flask, *arguments: str) -> bytes:
    """Run a flask command and return what it printed."""
    with app.app_context():
        result = app.test_cli_runner().invoke(args=list(arguments))
    if result.exit_code:
        raise SystemExit(f"flask {' '.join(arguments)} failed: {result.output} {result.exception!r}")
    return result.stdout_bytes

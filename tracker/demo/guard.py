"""Separation of demonstration data from real data: which databases are refused in which mode."""

from flask import Flask, current_app, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from tracker.config import MIGRATIONS
from tracker.extensions import db
from tracker.ledger.transactions import reading
from tracker.models import Installation, Person

LOOPBACK_ADDRESSES = {"127.0.0.1", "::1", None}
DEMO_DATABASE_IN_PRODUCTION = (
    "This database holds the demonstration's invented data, and the server runs without DEMO=1. Nothing is served. "
    "Point DATABASE_URL or INSTANCE_PATH at a database of your own."
)
REAL_DATABASE_IN_DEMO = (
    "This database holds real people, and the server runs with DEMO=1. Nothing is served. "
    "Start it without DEMO=1, or point INSTANCE_PATH at another folder."
)
LOCAL_ONLY = "The demonstration answers on its own machine only."


def init_app(app: Flask) -> None:
    """Refuse every request while the database and the DEMO setting do not match."""

    @app.before_request
    def refuse_mismatch() -> ResponseReturnValue | None:
        if current_app.config["DEMO"] and request.remote_addr not in LOOPBACK_ADDRESSES:
            return f"{LOCAL_ONLY}\n", 403, {"Content-Type": "text/plain; charset=utf-8"}
        if not current_app.extensions.get("demo_checked"):
            if mismatch := find_mismatch():
                return f"{mismatch}\n", 503, {"Content-Type": "text/plain; charset=utf-8"}
            current_app.extensions["demo_checked"] = True
        return None


def find_mismatch() -> str | None:
    """Return the message why this database must not be served with this DEMO setting, or None."""
    with reading():
        is_demo = is_demo_database()
        if is_demo and not current_app.config["DEMO"]:
            return DEMO_DATABASE_IN_PRODUCTION
        if current_app.config["DEMO"] and not is_demo and db.session.scalar(select(Person.id).limit(1)):
            return REAL_DATABASE_IN_DEMO
    return None


def is_demo_database() -> bool:
    """Return whether the database is marked as a demonstration."""
    return bool(db.session.scalar(select(Installation.is_demo)))


def has_unknown_revision() -> bool:
    """Return whether the database is at a migration that this version does not have.

    That is so for databases made before the migrations were squashed into one baseline.
    """
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    known = {script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}
    with db.engine.connect() as connection:
        revision = MigrationContext.configure(connection).get_current_revision()
    return revision is not None and revision not in known

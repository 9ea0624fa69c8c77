"""Alembic's environment: the models of the app, and the engine of the app or of the role for migrations."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from alembic import context
from alembic.migration import MigrationContext
from flask import current_app
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import SAWarning

from tracker.extensions import db
from tracker.ledger import transactions

ADVISORY_LOCK = 0x6D696772
"""The id of the advisory lock that lets one host at a time migrate on PostgreSQL."""
LOCK_TIMEOUT = "15s"
"""The longest wait for a table that others use. A longer wait would keep every later request for the table waiting too."""


def run_migrations() -> None:
    """Run the migrations, each in a transaction of its own."""
    # A migration that makes a table of SQLite anew reads the tables it refers to, whose indexes it leaves alone.
    warnings.filterwarnings("ignore", "Skipped unsupported reflection of expression-based index", SAWarning)
    with transactions.writing(), connect() as connection, hold_lock(connection), deferred_foreign_keys(connection):
        refuse_newer_schema(connection)
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            render_as_batch=True,
            compare_type=True,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


@contextmanager
def connect() -> Iterator[Connection]:
    """Connect with `MIGRATIONS_DATABASE_URL` if it is set, otherwise as the server does.

    Raises:
        SystemExit: the server connects through PgBouncer, which would give each transaction another session.
    """
    settings = current_app.config["SETTINGS"]
    url = settings.migrations_database_url
    if settings.is_pooled and not url:
        raise SystemExit(
            "Migrations hold a lock of their session, which PgBouncer does not keep. Set MIGRATIONS_DATABASE_URL to the "
            "address of PostgreSQL itself."
        )
    engine: Engine = create_engine(url, hide_parameters=True) if url else db.engine
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        if url:
            engine.dispose()


@contextmanager
def hold_lock(connection: Connection) -> Iterator[None]:
    """Hold an advisory lock on PostgreSQL. It is of the session, since each migration is a transaction of its own."""
    if connection.dialect.name != "postgresql":
        yield
        return
    connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": ADVISORY_LOCK})
    connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
    connection.commit()
    try:
        yield
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": ADVISORY_LOCK})
        connection.execute(text("RESET lock_timeout"))
        connection.commit()


def refuse_newer_schema(connection: Connection) -> None:
    """Raise `SystemExit` if a newer release has migrated the database already."""
    known = {revision.revision for revision in context.script.walk_revisions()}
    unknown = set(MigrationContext.configure(connection).get_current_heads()) - known
    connection.rollback()
    if unknown:
        raise SystemExit(
            f"The database is at {', '.join(sorted(unknown))}, which is newer than this code. Update the code."
        )


@contextmanager
def deferred_foreign_keys(connection: Connection) -> Iterator[None]:
    """Switch foreign keys off on SQLite, and check them once at the end.

    Alembic changes a table on SQLite by copying it and dropping the old one, which would break the references to it.
    The PRAGMA works only outside a transaction, so it is sent on a bare cursor.

    Raises:
        SystemExit: the migration left rows whose foreign key leads nowhere.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    cursor = connection.connection.cursor()
    cursor.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
        broken = cursor.execute("PRAGMA foreign_key_check").fetchall()
        if broken:
            raise SystemExit(f"The migration left rows that refer to nothing: {broken[:5]}. Put the backup back.")
    finally:
        cursor.execute("PRAGMA foreign_keys=ON")


if context.is_offline_mode():
    raise SystemExit("Migrations run against a database: set DATABASE_URL and use `flask db upgrade`.")
current_app.logger.debug("migrating")
run_migrations()

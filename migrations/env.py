"""Alembic's environment: the app's own engine and models."""

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import context
from flask import current_app
from sqlalchemy import Connection

from tracker.ledger import transactions
from tracker.extensions import db


def run_migrations() -> None:
    with transactions.writing(), db.engine.connect() as connection, foreign_keys_checked_at_end(connection):
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
def foreign_keys_checked_at_end(connection: Connection) -> Iterator[None]:
    """SQLite alters a table by making it anew, and would take the old one's going for lost rows.

    The switch works outside a transaction only, hence the bare cursor.
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

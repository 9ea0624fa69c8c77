"""Alembic's environment, with the engine and models of the app."""

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import context
from flask import current_app
from sqlalchemy import Connection

from tracker.ledger import transactions
from tracker.extensions import db


def run_migrations() -> None:
    """Run the migrations, each in a transaction of its own."""
    with transactions.writing(), db.engine.connect() as connection, deferred_foreign_keys(connection):
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

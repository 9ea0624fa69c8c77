"""Snapshots of a test database, and the restoring of them."""

import shutil
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url

from tracker.extensions import db
from tracker.ledger import transactions

SEQUENCES = "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public'"


class DatabaseSnapshot:
    """A copy of the database: of SQLite's file, or of PostgreSQL's rows in a schema of their own."""

    def __init__(self, app: Flask, name: str = "snapshot") -> None:
        self.name = name
        self.path = make_url(app.config["SQLALCHEMY_DATABASE_URI"]).database or ""
        self.copy = Path(f"{self.path}.{name}")
        release_connections()
        if db.engine.dialect.name == "sqlite":
            shutil.copy(self.path, self.copy)
            return
        with db.engine.begin() as connection:
            self.rows = CopiedRows(connection, name)

    def restore(self) -> None:
        release_connections()
        if db.engine.dialect.name == "sqlite":
            shutil.copy(self.copy, self.path)
            return
        with db.engine.begin() as connection:
            self.rows.restore(connection)


class CopiedRows:
    """The rows of every table, copied into a schema. Only tables that have changed since are filled again.

    To fill every table for every test takes the server several times as long, and longer each time: the rows that
    were deleted stay in the tables until they are vacuumed.
    """

    def __init__(self, connection: Connection, schema: str) -> None:
        self.schema = schema
        self.versions = read_versions(connection)
        self.filled = {table for table, (count, _newest) in self.versions.items() if count}
        copies = [f'CREATE TABLE {schema}."{table}" AS TABLE public."{table}"' for table in self.filled]
        execute_script(connection, [f"DROP SCHEMA IF EXISTS {schema} CASCADE", f"CREATE SCHEMA {schema}", *copies])
        self.sequences = [
            f"setval('public.{name}', {last or 1}, {last is not None})"
            for name, last in connection.execute(text(SEQUENCES))
        ]

    def restore(self, connection: Connection) -> None:
        """Fill the tables that have changed with the copied rows, past triggers and foreign keys."""
        versions = read_versions(connection)
        changed = [table for table, version in versions.items() if version != self.versions[table]]
        execute_script(
            connection,
            [
                "SET LOCAL session_replication_role = replica",
                *(f'DELETE FROM public."{table}"' for table in changed),
                *(
                    f'INSERT INTO public."{table}" SELECT * FROM {self.schema}."{table}"'
                    for table in changed
                    if table in self.filled
                ),
                f"SELECT {', '.join(self.sequences)}",
            ],
        )
        transaction = connection.scalar(text("SELECT pg_current_xact_id()::xid::text::bigint"))
        for table in changed:
            count, _newest = self.versions[table]
            self.versions[table] = count, transaction if count else None


def read_versions(connection: Connection) -> dict[str, tuple[int, int | None]]:
    """Return for each table the number of rows and the newest transaction that wrote one: any change changes either."""
    tables = list(db.metadata.tables)
    counts = [f'(SELECT array[count(*), max(xmin::text::bigint)] FROM public."{table}")' for table in tables]
    cursor: Any = connection.connection.cursor()
    row = cursor.execute(f"SELECT {', '.join(counts)}", prepare=True).fetchone()
    return {table: tuple(version) for table, version in zip(tables, row, strict=True)}


def execute_script(connection: Connection, statements: list[str]) -> None:
    """Send several statements to the server in one message."""
    connection.connection.cursor().execute("; ".join(statements))


def release_connections() -> None:
    transactions.rollback()
    db.session.remove()
    if (
        db.engine.dialect.name == "sqlite"
    ):  # the file is replaced; connections to a server are kept, for they take long to open
        db.engine.dispose()

"""Snapshots of a test database, and the restoring of them."""

import shutil
from pathlib import Path

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
            self.script = copy_rows(connection, name)

    def restore(self) -> None:
        release_connections()
        if db.engine.dialect.name == "sqlite":
            shutil.copy(self.copy, self.path)
            return
        with db.engine.begin() as connection:
            execute_script(connection, self.script)


def copy_rows(connection: Connection, schema: str) -> str:
    """Copy every row into a schema. Return the SQL that restores all rows at once, past triggers and foreign keys."""
    tables = [f'"{table}"' for table in db.metadata.tables]
    counting = " UNION ALL ".join(f"SELECT '{table}' WHERE EXISTS (SELECT FROM {table})" for table in tables)
    filled = list(connection.scalars(text(counting)))
    statements = [f"CREATE TABLE {schema}.{table} AS TABLE public.{table}" for table in filled]
    execute_script(
        connection, "; ".join([f"DROP SCHEMA IF EXISTS {schema} CASCADE", f"CREATE SCHEMA {schema}", *statements])
    )
    return "; ".join(
        [
            "SET LOCAL session_replication_role = replica",
            *(f"DELETE FROM public.{table}" for table in tables),
            *(f"INSERT INTO public.{table} SELECT * FROM {schema}.{table}" for table in filled),
            *(
                f"SELECT setval('public.{name}', {last or 1}, {last is not None})"
                for name, last in connection.execute(text(SEQUENCES))
            ),
        ]
    )


def execute_script(connection: Connection, script: str) -> None:
    """Send several statements to the server in one message."""
    connection.connection.cursor().execute(script)


def release_connections() -> None:
    transactions.rollback()
    db.session.remove()
    if (
        db.engine.dialect.name == "sqlite"
    ):  # the file is replaced; connections to a server are kept, for they take long to open
        db.engine.dispose()

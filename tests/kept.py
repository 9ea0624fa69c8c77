"""A database as it stood, and laid back."""

import shutil
from pathlib import Path

from flask import Flask
from psycopg import Cursor, sql
from sqlalchemy import text
from sqlalchemy.engine import make_url

from tests.conftest import server_url
from tracker import transactions
from tracker.extensions import db

SEQUENCES = "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public'"


class Kept:
    """The database as it stood when this was made: a copy of SQLite's file, or every table's rows in memory."""

    def __init__(self, app: Flask, name: str = "kept") -> None:
        self.path = make_url(app.config["SQLALCHEMY_DATABASE_URI"]).database or ""
        self.copy = Path(f"{self.path}.{name}")
        let_go()
        if not server_url():
            shutil.copy(self.path, self.copy)
            return
        with db.engine.begin() as connection:
            self.sequences = list(connection.execute(text(SEQUENCES)))
            cursor = connection.connection.cursor()
            self.rows = {table: copied_out(cursor, table) for table in db.metadata.tables}

    def lay_back(self) -> None:
        let_go()
        if not server_url():
            shutil.copy(self.copy, self.path)
            return
        with db.engine.begin() as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            cursor = connection.connection.cursor()
            for table, rows in self.rows.items():
                cursor.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
                with cursor.copy(sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))) as copy:
                    copy.write(rows)
            setval = text("SELECT setval(CAST(:name AS regclass), :last, :used)")
            for name, last in self.sequences:
                connection.execute(setval, {"name": name, "last": last or 1, "used": last is not None})

    def drop(self) -> None:
        let_go()
        self.copy.unlink(missing_ok=True)


def copied_out(cursor: Cursor, table: str) -> bytes:
    with cursor.copy(sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))) as copy:
        return b"".join(bytes(part) for part in copy)


def let_go() -> None:
    transactions.rollback()
    db.session.remove()
    db.engine.dispose()

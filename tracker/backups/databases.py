"""Copying a database while it is in use, and restoring it, on SQLite and on PostgreSQL.

A copied file of a live SQLite database may be damaged, so SQLite's own backup is used (docs/integrity.md, Backups).
"""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from psycopg.conninfo import make_conninfo
from sqlalchemy import func, inspect, select

from tracker.errors import Refused
from tracker.extensions import db
from tracker.ledger import events
from tracker.models import Event
from tracker.storage.file_references import select_permanent_files

SQLITE_FILE, POSTGRESQL_FILE = "database.sqlite", "database.dump"
LAST_EVENT = "SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1"


@dataclass(frozen=True)
class DatabaseCopy:
    """A copy of the database, and what was read from the same state of it."""

    path: Path
    size: int
    """The number of events in the ledger."""
    head: str
    """The hash of the last event."""
    files: frozenset[str]
    """The hashes of the stored files that it needs; those of job runs can be made again."""


def copy_database(folder: Path) -> DatabaseCopy:
    """Copy the database in one consistent state, while others may write to it."""
    if db.engine.dialect.name == "sqlite":
        return _copy_sqlite(folder / SQLITE_FILE)
    return _dump_postgresql(folder / POSTGRESQL_FILE)


def restore_database(path: Path) -> None:
    """Replace the installation's database by the copy. Raises `Refused` for a copy of another kind of database."""
    expected = SQLITE_FILE if db.engine.dialect.name == "sqlite" else POSTGRESQL_FILE
    if path.name != expected:
        raise Refused(
            f"The backup contains {path.name}, but the database in DATABASE_URL needs {expected}. "
            "Nothing was restored."
        )
    db.session.remove()
    db.engine.dispose()
    if path.name == SQLITE_FILE:
        _restore_sqlite(path)
    else:
        _restore_postgresql(path)


def has_records() -> bool:
    """Return whether the installation's database has any event."""
    if not inspect(db.engine).has_table(Event.__tablename__):
        return False
    return bool(db.session.scalar(select(func.count()).select_from(Event)))


def _copy_sqlite(target: Path) -> DatabaseCopy:
    with (
        closing(sqlite3.connect(f"file:{_get_sqlite_path()}?mode=ro", uri=True, timeout=30)) as source,
        closing(sqlite3.connect(target)) as copy,
    ):
        source.backup(copy)
        last = copy.execute(LAST_EVENT).fetchone()
        files = frozenset(row[0] for row in copy.execute(str(select_permanent_files())))
    _fsync(target)
    size, head = last or (0, events.GENESIS)
    return DatabaseCopy(target, size, head, files)


def _restore_sqlite(path: Path) -> None:
    target = _get_sqlite_path()
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.restoring")
    shutil.copyfile(path, partial)
    _fsync(partial)
    for ending in ("-journal", "-wal", "-shm"):
        target.with_name(target.name + ending).unlink(missing_ok=True)
    partial.replace(target)
    _fsync(target.parent)


def _dump_postgresql(target: Path) -> DatabaseCopy:
    """Run pg_dump and read the ledger's last event and the files in one PostgreSQL snapshot, so that they agree."""
    with db.engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        snapshot = connection.scalar(select(func.pg_export_snapshot()))
        last = connection.execute(select(Event.seq, Event.hash).order_by(Event.seq.desc()).limit(1)).first()
        files = frozenset(connection.scalars(select_permanent_files()))
        _run("pg_dump", ["--format=custom", f"--snapshot={snapshot}", f"--file={target}"])
    _fsync(target)
    size, head = last or (0, events.GENESIS)
    return DatabaseCopy(target, size, head, files)


def _restore_postgresql(path: Path) -> None:
    """Run pg_restore without grants, whose roles may not exist here; `flask confine` grants them again."""
    options = ["--clean", "--if-exists", "--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error"]
    _run("pg_restore", [*options, str(path)])


def _run(program: str, arguments: Sequence[str]) -> None:
    """Run one of PostgreSQL's programs with the connection of `DATABASE_URL`, its TLS options included.

    The password is in the environment: command-line arguments can be read by every user of the machine.
    """
    executable = shutil.which(program)
    if executable is None:
        raise Refused(f"{program} is not installed. Nothing was changed. Install PostgreSQL’s client programs.")
    url = db.engine.url
    options = {**url.translate_connect_args(username="user", database="dbname"), **url.query}
    options.pop("password", None)
    environment = os.environ | ({"PGPASSWORD": str(url.password)} if url.password else {})
    database = f"--dbname={make_conninfo(**options)}"
    process = subprocess.run(  # noqa: S603 - found on the path, with our own arguments
        [executable, database, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if process.returncode:
        messages = process.stderr.strip().splitlines()
        raise Refused(f"{program} failed: {messages[-1] if messages else process.returncode}.")


def _get_sqlite_path() -> Path:
    return Path(db.engine.url.database or "")


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Comparison of the file store with the database, in both directions."""

from collections.abc import Iterator
from pathlib import Path

from flask import current_app
from sqlalchemy import select

from tracker.clock import now
from tracker.extensions import db
from tracker.storage import file_store
from tracker.storage.file_references import FILE_COLUMNS, find_file_fault, is_orphan, list_erased_rows


def list_missing_files() -> Iterator[str]:
    """Yield a sentence for each row whose file is gone, unreadable or changed; erased rows need no file."""
    erased = list_erased_rows()
    for table, column in FILE_COLUMNS:
        rows = db.metadata.tables[table]
        for key, sha256 in db.session.execute(select(rows.c.id, rows.c[column]).where(rows.c[column].is_not(None))):
            if key not in erased.get(table, ()) and (fault := find_file_fault(sha256)):
                yield f"{table.replace('_', ' ')} {key}: its file {fault}"
    db.session.rollback()


def list_orphan_files() -> Iterator[Path]:
    """Yield the files that no row refers to and that are too old to belong to a request in progress."""
    referenced: set[str] = set()
    for table, column in FILE_COLUMNS:
        referenced |= set(db.session.scalars(select(db.metadata.tables[table].c[column])))
    db.session.rollback()
    for path in file_store.list_files():
        if is_orphan(path, referenced):
            yield path


def move_orphan(path: Path) -> Path:
    """Move a file out of the store, into a folder where the operator can inspect it, and return its new path."""
    folder = current_app.config["SETTINGS"].instance_path / "orphans" / f"{now():%Y-%m-%d}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path.replace(folder / path.name)

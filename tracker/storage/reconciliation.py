"""Comparison of the file store with the database, in both directions."""

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from flask import current_app
from sqlalchemy import select

from tracker.clock import now
from tracker.extensions import db
from tracker.storage import file_store
from tracker.storage.file_references import (
    FILE_COLUMNS,
    TEMPORARY_TABLES,
    find_file_fault,
    is_orphan,
    list_erased_rows,
)
from tracker.storage.stores import StoreEntry


def list_missing_files() -> Iterator[str]:
    """Yield a sentence for each row whose file is gone, unreadable or changed; erased rows need no file.

    Nor do job runs, whose files can be made again and are in no backup.
    """
    erased = list_erased_rows()
    for table, column in FILE_COLUMNS:
        if table in TEMPORARY_TABLES:
            continue
        rows = db.metadata.tables[table]
        for key, sha256 in db.session.execute(select(rows.c.id, rows.c[column]).where(rows.c[column].is_not(None))):
            if key not in erased.get(table, ()) and (fault := find_file_fault(sha256)):
                yield f"{table.replace('_', ' ')} {key}: its file {fault}"
    db.session.rollback()


def list_orphan_files() -> Iterator[StoreEntry]:
    """Yield the files that no row refers to and that are too old to belong to a request in progress."""
    referenced: set[str] = set()
    for table, column in FILE_COLUMNS:
        referenced |= set(db.session.scalars(select(db.metadata.tables[table].c[column])))
    db.session.rollback()
    for entry in file_store.list_files():
        if is_orphan(entry, referenced):
            yield entry


def move_orphan(entry: StoreEntry) -> Path:
    """Move a file out of the store, into a folder where the operator can inspect it, and return its new path."""
    store = file_store.get_store()
    folder = current_app.config["SETTINGS"].instance_path / "orphans" / f"{now():%Y-%m-%d}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    target: Path = folder / entry.name
    with closing(store.open(entry.key)) as stream, target.open("wb") as copy:
        shutil.copyfileobj(stream, copy)
        copy.flush()
        os.fsync(copy.fileno())
    store.remove(entry.key)
    return target


def describe_orphan(entry: StoreEntry) -> str:
    """Return where a file is, for the operator."""
    return file_store.get_store().describe(entry.key)

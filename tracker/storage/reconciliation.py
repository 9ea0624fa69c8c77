"""Rows and files compared both ways."""

import time
from collections.abc import Iterator
from pathlib import Path

from flask import current_app
from sqlalchemy import select

from tracker.clock import now
from tracker.extensions import db
from tracker.integrity.files import NAMING, TEMPORARY_FOR, UNREFERENCED_FOR, erased_rows, fault_of, is_of
from tracker.storage import file_store


def find_lost() -> Iterator[str]:
    """What is wrong with the file of each row, a sentence each."""
    erased = erased_rows()
    for table, column in NAMING:
        rows = db.metadata.tables[table]
        for key, sha256 in db.session.execute(select(rows.c.id, rows.c[column]).where(rows.c[column].is_not(None))):
            if key not in erased.get(table, ()) and (fault := fault_of(sha256)):
                yield f"{table.replace('_', ' ')} {key}: its file {fault}"
    db.session.rollback()


def find_unnamed() -> Iterator[Path]:
    """Files that no row names, and that are too old to be on their way."""
    named = set()
    for table, column in NAMING:
        named |= set(db.session.scalars(select(db.metadata.tables[table].c[column])))
    db.session.rollback()
    moment = time.time()
    for path in file_store.list_files():
        allowed = TEMPORARY_FOR if path.name.endswith(".tmp") else UNREFERENCED_FOR
        if not is_of(path, named) and moment - path.stat().st_mtime > allowed:
            yield path


def put_aside(path: Path) -> Path:
    """Move a file out of the way, to where it can be looked at."""
    folder = current_app.config["SETTINGS"].instance_path / "put-aside" / f"{now():%Y-%m-%d}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path.replace(folder / path.name)

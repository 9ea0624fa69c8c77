"""Rules about stored files: which rows refer to a file, which files are orphans, and which an erasure removes."""

import hashlib
import json
import re
import time
from collections.abc import Collection, Iterable
from pathlib import Path

from sqlalchemy import ColumnElement, delete, select

from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Attachment, DerivedFile, Erasure, Event, FileDetail, IssuedForm, UnitAttempt
from tracker.storage import file_store

FILE_COLUMNS = (
    ("attachment", "sha256"),
    ("issued_form", "sha256"),
    ("unit_draft", "source_sha256"),
    ("import_run", "sha256"),
)
"""The tables and columns that refer to stored files by their SHA-256."""
ERASED_TEXT = "Erased"
"""What an erasure writes in place of an attachment's name and of other erased text."""
STORED_NAME = re.compile(r"([0-9a-f]{64})(?:\.pages|\.details|\.preview\.(?:jpg|txt|pdf)|\.page-[1-9][0-9]?\.jpg)?")
"""The name of a stored file, or of a file made from it: its details (once a page count), a preview, a page."""
MAX_TEMPORARY_AGE = 3600
"""Seconds after which an unfinished temporary file is an orphan."""
MAX_UNREFERENCED_AGE = 24 * 3600
"""Seconds after which a stored file that no row refers to is an orphan."""


def is_orphan(path: Path, referenced: Collection[str]) -> bool:
    """Return whether a file is unfinished or not referred to, and too old to belong to a running request."""
    is_temporary = path.name.endswith(".tmp")
    if not is_temporary and is_derived_from(path, referenced):
        return False
    return time.time() - path.stat().st_mtime > (MAX_TEMPORARY_AGE if is_temporary else MAX_UNREFERENCED_AGE)


def is_derived_from(path: Path, hashes: Collection[str]) -> bool:
    """Return whether a file has one of the hashes or is derived from such a file, and is in its folder."""
    match = STORED_NAME.fullmatch(path.name)
    return bool(match and match[1] in hashes and path.parent == file_store.get_path(match[1]).parent)


def find_file_fault(sha256: str) -> str | None:
    """Return what is wrong with a stored file (`is gone`, `was changed`, `cannot be read`), or None."""
    try:
        with file_store.get_path(sha256).open("rb") as stream:
            is_intact = hashlib.file_digest(stream, "sha256").hexdigest() == sha256
    except FileNotFoundError:
        return "is gone"
    except OSError:
        return "cannot be read"
    return None if is_intact else "was changed"


def list_erased_rows() -> dict[str, set[int]]:
    """Return the ids of the rows whose files were erased according to the ledger, by table."""
    rows: dict[str, set[int]] = {"attachment": set(), "issued_form": set()}
    for body in db.session.scalars(select(Event.body).where(Event.act == "portfolio_erased")):
        erased = json.loads(body)["data"]
        rows["attachment"].update(erased["attachments"])
        rows["issued_form"].update(erased["forms"])
    return rows


def is_referenced(sha256: str) -> bool:
    """Return whether a row that was not erased refers to this file."""
    wholly_erased = (
        select(UnitAttempt.id)
        .join(Erasure, Erasure.registration_id == UnitAttempt.registration_id)
        .where(Erasure.is_full)
    )
    not_erased: dict[str, ColumnElement[bool]] = {
        "attachment": Attachment.name != ERASED_TEXT,
        "issued_form": IssuedForm.attempt_id.not_in(wholly_erased),
    }
    for name, column in FILE_COLUMNS:
        table = db.metadata.tables[name]
        query = select(table.c.id).where(table.c[column] == sha256)
        if name in not_erased:
            query = query.where(not_erased[name])
        if db.session.scalar(query.limit(1)) is not None:
            return True
    return False


def remove_files(hashes: Iterable[str]) -> None:
    """Delete files from the store with what was made from them, unless a row that was not erased needs them."""
    removed = [sha256 for sha256 in hashes if not is_referenced(sha256)]
    with transaction():
        for sha256 in removed:
            db.session.execute(delete(FileDetail).where(FileDetail.sha256 == sha256))
            db.session.execute(delete(DerivedFile).where(DerivedFile.source_sha256 == sha256))
    for sha256 in removed:
        for stored in file_store.get_path(sha256).parent.glob(f"{sha256}*"):
            stored.unlink(missing_ok=True)


def remove_erased_files() -> None:
    """Delete files of earlier erasures that are still in the store, for instance after a power cut."""
    bodies = db.session.scalars(select(Event.body).where(Event.act == "portfolio_erased")).all()
    remove_files(sorted({sha256 for body in bodies for sha256 in json.loads(body)["data"]["files"]}))
    db.session.rollback()

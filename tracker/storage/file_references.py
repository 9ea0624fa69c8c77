"""Rules about stored files: which rows refer to a file, which files are orphans, and which an erasure removes."""

import hashlib
import json
import re
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing

from sqlalchemy import ColumnElement, CompoundSelect, delete, select, union

from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Attachment, DerivedFile, Erasure, Event, FileDetail, IssuedForm, UnitAttempt
from tracker.storage import file_store
from tracker.storage.stores import DamagedFile, StoreEntry, get_key
from tracker.vocabulary import ERASED_TEXT

FILE_COLUMNS = (
    ("attachment", "sha256"),
    ("issued_form", "sha256"),
    ("unit_draft", "source_sha256"),
    ("import_run", "sha256"),
    ("job_run", "result_sha256"),
    ("job_step", "sha256"),
    ("upload_part", "sha256"),
)
"""The tables and columns that refer to stored files by their SHA-256."""
TEMPORARY_TABLES = frozenset({"job_run", "job_step", "upload_part"})
"""Those whose files are deleted within days, and made or sent again: a backup holds none, and none is missed."""
STORED_NAME = re.compile(
    r"([0-9a-f]{64})(?:\.pages|\.details|(?:\.preview\.(?:jpg|txt|pdf)|\.page-[1-9][0-9]?\.jpg)(?:\.[0-9a-f]{64})?)?"
)
"""The name of a stored file, or of a file made from it: its details (once a page count), a preview, a page.

In a bucket the hash of a preview or page follows.
"""
CHUNK_SIZE = 400
"""Hashes in one SQL statement."""
MAX_TEMPORARY_AGE = 3600
"""Seconds after which an unfinished temporary file is an orphan."""
MAX_UNREFERENCED_AGE = 24 * 3600
"""Seconds after which a stored file that no row refers to is an orphan."""


def is_orphan(entry: StoreEntry, referenced: Collection[str]) -> bool:
    """Return whether a file is unfinished or not referred to, and too old to belong to a running request."""
    is_temporary = entry.name.endswith(".tmp")
    if not is_temporary and is_derived_from(entry, referenced):
        return False
    return time.time() - entry.modified_at > (MAX_TEMPORARY_AGE if is_temporary else MAX_UNREFERENCED_AGE)


def is_derived_from(entry: StoreEntry, hashes: Collection[str]) -> bool:
    """Return whether a file has one of the hashes or is derived from such a file, and is in its folder."""
    match = STORED_NAME.fullmatch(entry.name)
    return bool(match and match[1] in hashes and entry.key == get_key(entry.name))


def find_file_fault(sha256: str) -> str | None:
    """Return what is wrong with a stored file (`is gone`, `was changed`, `cannot be read`), or None."""
    try:
        with closing(file_store.open_file(sha256)) as stream:
            is_intact = hashlib.file_digest(stream, "sha256").hexdigest() == sha256  # type: ignore[arg-type]
    except OSError as error:
        return name_fault(error)
    return None if is_intact else name_fault(DamagedFile())


def name_fault(error: OSError) -> str:
    """Return what the error of reading a stored file says about it."""
    match error:
        case FileNotFoundError():
            return "is gone"
        case DamagedFile():
            return "was changed"
        case _:
            return "cannot be read"


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


def select_permanent_files() -> CompoundSelect[str]:
    """Return the statement for the hashes of the files that rows refer to, without those of `TEMPORARY_TABLES`."""
    columns = [db.metadata.tables[name].c[column] for name, column in FILE_COLUMNS if name not in TEMPORARY_TABLES]
    return union(*(select(column).where(column.is_not(None)) for column in columns))


def batched(hashes: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield hashes in parts that one SQL statement can name."""
    return (hashes[start : start + CHUNK_SIZE] for start in range(0, len(hashes), CHUNK_SIZE))


def remove_files(hashes: Iterable[str]) -> None:
    """Delete files from the store with what was made from them, unless a row that was not erased needs them."""
    removed = [sha256 for sha256 in hashes if not is_referenced(sha256)]
    with transaction():
        for sha256 in removed:
            db.session.execute(delete(FileDetail).where(FileDetail.sha256 == sha256))
            db.session.execute(delete(DerivedFile).where(DerivedFile.source_sha256 == sha256))
    for sha256 in removed:
        file_store.remove(sha256)


def remove_erased_files() -> None:
    """Delete files of earlier erasures that are still in the store, for instance after a power cut."""
    bodies = db.session.scalars(select(Event.body).where(Event.act == "portfolio_erased")).all()
    remove_files(sorted({sha256 for body in bodies for sha256 in json.loads(body)["data"]["files"]}))
    db.session.rollback()

"""The files beside the database."""

import hashlib
import json
import re
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from sqlalchemy import select

from tracker.extensions import db
from tracker.integrity.checking import invariant
from tracker.integrity.record import Record
from tracker.models import Event
from tracker.storage import file_store

NAMING = (
    ("attachment", "sha256"),
    ("issued_form", "sha256"),
    ("unit_draft", "source_sha256"),
    ("import_run", "sha256"),
)
"""Which columns name files."""
MADE_OF = re.compile(r"([0-9a-f]{64})(?:\.pages|\.preview\.jpg|\.page-[1-9][0-9]?\.jpg)?")
"""A file by its hash, and what is made of it: a PDF's number of pages, a smaller photo, a page as a picture."""
CHUNK = 1024 * 1024
UNREFERENCED_FOR = 24 * 3600
TEMPORARY_FOR = 3600
"""Seconds after which a file that nobody names, or one half written, is left over."""


@invariant(16, "every attachment has its file", {"attachment": ("size", "sha256")})
def attachments_have_their_files(record: Record) -> Iterator[str]:
    checked: dict[str, str | None] = {}
    erased = record.erased("attachments")
    for key, row in record.rows("attachment").items():
        if key in erased:
            continue
        sha256 = row["sha256"]
        if sha256 not in checked:
            checked[sha256] = fault_of(sha256)
        path = file_store.path_of(sha256)
        if fault := checked[sha256]:
            yield f"attachment {key}: its file {fault}"
        elif path.stat().st_size != row["size"]:
            yield f"attachment {key}: its file is not {row['size']} bytes long"


@invariant(17, "no file is left over")
def no_file_is_left_over(record: Record) -> Iterator[str]:
    moment = time.time()
    named = {row[column] for table, column in NAMING for row in record.rows(table).values()}
    for path in file_store.list_files():
        age = moment - path.stat().st_mtime
        if path.name.endswith(".tmp"):
            if age > TEMPORARY_FOR:
                yield f"{path.name} was never finished"
        elif not is_of(path, named) and age > UNREFERENCED_FOR:
            yield f"{path.name} is named by nothing"


def is_of(path: Path, named: Collection[str]) -> bool:
    """Whether a stored file is one of these, or was made of one, and lies where that is kept."""
    found = MADE_OF.fullmatch(path.name)
    return bool(found and found[1] in named and path.parent == file_store.path_of(found[1]).parent)


def erased_rows() -> dict[str, set[int]]:
    """By table, the rows whose files were erased, as the ledger tells it."""
    found: dict[str, set[int]] = {"attachment": set(), "issued_form": set()}
    for body in db.session.scalars(select(Event.body).where(Event.act == "portfolio_erased")):
        told = json.loads(body)["data"]
        found["attachment"].update(told["attachments"])
        found["issued_form"].update(told["forms"])
    return found


def fault_of(sha256: str) -> str | None:
    """What is wrong with a stored file, or None."""
    path = file_store.path_of(sha256)
    try:
        return None if _hash(path) == sha256 else "was changed"
    except FileNotFoundError:
        return "is gone"
    except OSError:
        return "cannot be read"


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()

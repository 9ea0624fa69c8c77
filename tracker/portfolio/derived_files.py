"""Files made from stored ones, for pages to show: a picture, a page, the pages as PDF, the text.

Each is recorded with its own hash and its source's when it is made. Only the recorded bytes are used: one that
differs is made anew from the source, which the log and the ledger report (docs/integrity.md, Derived files).
"""

import hashlib
import math
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from logging import getLogger
from pathlib import Path

from sqlalchemy import bindparam, select
from sqlalchemy.exc import SQLAlchemyError

from tracker.clock import now
from tracker.errors import NotFound
from tracker.extensions import db
from tracker.ledger import read_only
from tracker.ledger.events import OPERATOR, record
from tracker.ledger.transactions import reading, transaction
from tracker.models import Attachment, DerivedFile
from tracker.sandbox.slots import hold_file_lock
from tracker.statements import fetch_rows
from tracker.storage import file_store
from tracker.storage.file_references import name_fault
from tracker.web.fair_shares import Turn

REPLACED = "derived_file_replaced"
"""The event by which the installation says that a derived file was changed outside the product and made anew."""
SOURCE_FAULT = (
    "This file {} in the file store, so it is not shown. The record of it is kept. Tell your centre’s administrator."
)
RECORDED_HASH = select(DerivedFile.sha256).where(
    DerivedFile.source_sha256 == bindparam("source_sha256"), DerivedFile.name == bindparam("name")
)
logger = getLogger(__name__)


Make = Callable[[Path, Path], object]
"""Makes a file: reads the stored file at the first path, and writes to the second."""


def load_derived(sha256: str, name: str, make: Make, turn: Turn = nullcontext) -> bytes:
    """Return a derived file, made where there is none or where it was changed since it was made.

    Call it with no transaction open, since making it can take long.

    Args:
        sha256: the stored file that it is made from.
        name: what follows the hash in its name, without the full stop: `preview.jpg`.
        make: makes it. Whatever it raises is raised again, and nothing is stored.
        turn: returns what to hold while it is made.

    Raises:
        NotFound: it has to be made, and the stored file is missing or was changed.
    """
    with reading():
        content = find_derived(sha256, name)
    if content is not None:
        return content
    with turn():
        return make_derived(sha256, name, make)


def find_derived(sha256: str, name: str) -> bytes | None:
    """Return a derived file; None where there is none, or it is not as it was made."""
    return read_recorded(sha256, name, find_recorded_hash(sha256, name))


def read_recorded(sha256: str, name: str, recorded: str | None) -> bytes | None:
    """Return a derived file that has the hash that was recorded; None where none was, or it is not as it was made."""
    if recorded is None:
        return None
    try:
        content = file_store.read_derived(sha256, name, recorded)
    except OSError:
        return None
    return content if hashlib.sha256(content).hexdigest() == recorded else None


def find_recorded_hash(sha256: str, name: str) -> str | None:
    """Return the hash that a derived file had when it was made; None where none is recorded."""
    rows = fetch_rows(RECORDED_HASH, source_sha256=sha256, name=name)
    return rows[0].sha256 if rows else None


def has_derived(sha256: str, name: str) -> bool:
    """Return whether a derived file was recorded and is there; whether it is unchanged is checked when it is used."""
    recorded = find_recorded_hash(sha256, name)
    return recorded is not None and file_store.find_derived(sha256, name, recorded) is not None


def make_derived(sha256: str, name: str, make: Make) -> bytes:
    """Make, store, record and return a derived file; of several callers at once one makes it. See `load_derived`."""
    with _open_source(sha256) as source, _locked(sha256):
        with reading():
            if (content := find_derived(sha256, name)) is not None:
                return content
            recorded = find_recorded_hash(sha256, name)
            was_replaced = recorded is not None and file_store.find_derived(sha256, name, recorded) is not None
        with tempfile.TemporaryDirectory(prefix="tracker-") as folder:
            target = Path(folder) / name
            make(source, target)
            content = target.read_bytes()
        file_store.write_derived(sha256, name, content)
        _record(sha256, name, content, was_replaced=was_replaced)
    return content


def _record(sha256: str, name: str, content: bytes, *, was_replaced: bool) -> None:
    """Record a derived file in a transaction of its own; it is shown even if that fails, and made anew later."""
    if was_replaced:
        logger.error("The file %s.%s was changed outside the product, and was made anew", sha256, name)
    if read_only.is_read_only():
        return
    try:
        with transaction():
            row = DerivedFile(source_sha256=sha256, name=name, made_at=now())
            row.sha256 = hashlib.sha256(content).hexdigest()
            db.session.merge(row)
            attachments = select(Attachment).where(Attachment.sha256 == sha256).order_by(Attachment.id)
            if was_replaced and (attachment := db.session.scalars(attachments.limit(1)).first()):
                record(REPLACED, attachment, OPERATOR, name=name)
    except SQLAlchemyError:
        logger.exception("The file %s.%s could not be recorded", sha256, name)


@contextmanager
def _open_source(sha256: str) -> Iterator[Path]:
    """Yield the path of a stored file. Raises `NotFound` with what is wrong with it."""
    with ExitStack() as stack:
        try:
            source = stack.enter_context(file_store.local(sha256))
        except OSError as error:
            raise NotFound(SOURCE_FAULT.format(name_fault(error))) from error
        yield source


@contextmanager
def _locked(sha256: str) -> Iterator[None]:
    """Hold the lock of a stored file, so that one process at a time makes files from it; some files share a lock."""
    with hold_file_lock(f"deriving-{sha256[:2]}", 1, math.inf):
        yield

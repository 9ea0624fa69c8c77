"""Uploads of recordings in parts, which continue after a cut: started, received, put together, deleted.

A part is a file in the file store until its upload ends. Random bytes precede it there, so that no other row can
refer to the same file, and it can be deleted at once.
"""

import secrets
import tempfile
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from logging import getLogger
from typing import IO

from sqlalchemy import ColumnElement, delete, func, select

from tracker.clock import now
from tracker.config import MEGABYTE
from tracker.errors import Invalid, NotFound
from tracker.extensions import db
from tracker.ledger import transactions
from tracker.ledger.transactions import lock_rows
from tracker.models import Evidence, PartialUpload, UploadPart
from tracker.storage import file_store
from tracker.storage.file_store import StoredFile
from tracker.storage.stores import CHUNK

MAX_PART = 4 * MEGABYTE
MAX_PARTS = 2_000
MAX_RECORDING = 500 * MEGABYTE
MAX_OPEN = 10
"""The most uploads of a record that have not ended."""
LIFETIME = timedelta(days=7)
"""How long after its last part an upload that has not ended is deleted."""
MAX_AT_ONCE = 50
SALT_SIZE = 16
TOO_LARGE = (
    f"The recording is larger than {MAX_RECORDING // MEGABYTE} MB, which is the most for one recording. What was "
    "received before is kept. Shorten or split it."
)
logger = getLogger(__name__)


@dataclass(frozen=True)
class ReceivedParts:
    """An upload that is to be put together: its parts in order, by hash and size."""

    parts: tuple[tuple[str, int], ...]

    @property
    def size(self) -> int:
        """Return the bytes of the whole."""
        return sum(size for _, size in self.parts)


def start_upload(evidence: Evidence, person_id: int, resume_key: str) -> PartialUpload:
    """Start an upload, or return the one that was started with this key and has not ended.

    Raises `Invalid` where too many have not ended.
    """
    lock_rows(Evidence, [evidence.id])
    is_open = (PartialUpload.evidence_id == evidence.id, PartialUpload.ended_at.is_(None))
    known = select(PartialUpload).where(
        *is_open, PartialUpload.started_by_id == person_id, PartialUpload.resume_key == resume_key
    )
    if upload := db.session.scalars(known).one_or_none():
        return upload
    if (db.session.scalar(select(func.count(PartialUpload.id)).where(*is_open)) or 0) >= MAX_OPEN:
        raise Invalid(
            f"{MAX_OPEN} uploads of this record have not ended, which is the most. Nothing new was started. Continue "
            f"or stop one of them; after {LIFETIME.days} days without a new part they are deleted.",
            "files",
        )
    upload = PartialUpload(
        evidence_id=evidence.id,
        started_by_id=person_id,
        resume_key=resume_key,
        part_count=0,
        size=0,
        touched_at=now(),
    )
    db.session.add(upload)
    db.session.flush()
    return upload


def find_upload(evidence: Evidence, upload_id: int, person_id: int) -> PartialUpload:
    """Return an upload that a person started for an item. Raises `NotFound` for any other."""
    query = select(PartialUpload).where(
        PartialUpload.id == upload_id,
        PartialUpload.evidence_id == evidence.id,
        PartialUpload.started_by_id == person_id,
    )
    upload = db.session.scalars(query).one_or_none()
    if upload is None:
        raise NotFound
    return upload


def is_next_part(upload: PartialUpload, number: int, size: int) -> bool:
    """Return whether a part is the next one. Raises `Invalid` where it, or the whole with it, would be too large."""
    if upload.ended_at or number != upload.part_count:
        return False
    if not 0 < size <= MAX_PART:
        raise Invalid(f"A part of an upload has 1 byte to {MAX_PART // MEGABYTE} MB. Load the page again.", "files")
    if upload.size + size > MAX_RECORDING or number >= MAX_PARTS:
        raise Invalid(TOO_LARGE, "files")
    return True


def save_part(content: bytes) -> StoredFile:
    """Store the bytes of a part, with no transaction open."""
    stored = file_store.save(BytesIO(secrets.token_bytes(SALT_SIZE) + content))
    return StoredFile(stored.sha256, len(content))


def add_part(upload: PartialUpload, number: int, stored: StoredFile) -> None:
    """Add a stored part to its upload; where another request has added this part meanwhile, delete the file."""
    lock_rows(PartialUpload, [upload.id])
    if not is_next_part(upload, number, stored.size):
        transactions.after_commit(lambda: file_store.remove(stored.sha256))
        return
    db.session.add(UploadPart(upload_id=upload.id, number=number, size=stored.size, sha256=stored.sha256))
    upload.part_count, upload.size, upload.touched_at = number + 1, upload.size + stored.size, now()
    db.session.flush()


def list_parts(upload: PartialUpload) -> ReceivedParts:
    """Return the parts of an upload that has not ended. Raises `Invalid` where there are none."""
    query = select(UploadPart.sha256, UploadPart.size).where(UploadPart.upload_id == upload.id)
    parts = [(row[0], row[1]) for row in db.session.execute(query.order_by(UploadPart.number))]
    if upload.ended_at or not parts:
        raise Invalid("Nothing was received of this recording. Record or choose it again.", "files")
    return ReceivedParts(tuple(parts))


@contextmanager
def put_together(received: ReceivedParts) -> Iterator[IO[bytes]]:
    """Yield the whole recording as a temporary file, with no transaction open.

    Raises `Invalid` where a part is missing from the file store or was changed there.
    """
    with tempfile.TemporaryFile() as whole:
        with suppress(FileNotFoundError):
            for sha256, _ in received.parts:
                with closing(file_store.open_file(sha256)) as part:
                    part.read(SALT_SIZE)
                    while chunk := part.read(CHUNK):
                        whole.write(chunk)
        if whole.tell() != received.size:
            raise Invalid(
                "A part of this recording is no longer on the server, so it could not be added. Everything else is "
                "kept. Stop this upload, then upload the recording again.",
                "files",
            )
        yield whole


def end_upload(upload: PartialUpload) -> None:
    """End an upload that becomes an attachment, or is discarded. Its parts are deleted after the commit."""
    lock_rows(PartialUpload, [upload.id])
    upload.ended_at = upload.ended_at or now()
    db.session.flush()
    upload_id = upload.id
    transactions.after_commit(lambda: _delete_now([upload_id]))


def end_uploads_of(candidate_id: int, centre_id: int) -> None:
    """End the uploads for a candidate's records at a centre, for an erasure. Parts are deleted after the commit."""
    items = select(Evidence.id).where(Evidence.candidate_id == candidate_id, Evidence.centre_id == centre_id)
    _end_uploads(PartialUpload.evidence_id.in_(items))


def end_uploads_to(evidence: Evidence) -> None:
    """End the uploads of a draft that was discarded. Parts are deleted after the commit."""
    _end_uploads(PartialUpload.evidence_id == evidence.id)


def _end_uploads(condition: ColumnElement[bool]) -> None:
    query = select(PartialUpload).where(condition, PartialUpload.ended_at.is_(None))
    uploads = list(db.session.scalars(query.order_by(PartialUpload.id).with_for_update(of=PartialUpload)))
    for upload in uploads:
        upload.ended_at = now()
    upload_ids = [upload.id for upload in uploads]
    transactions.after_commit(lambda: _delete_now(upload_ids))


def delete_abandoned_uploads() -> None:
    """Delete uploads without a new part for `LIFETIME`, and parts of ended ones. A job of every minute."""
    since = now() - LIFETIME
    is_left = PartialUpload.ended_at.is_not(None) & (PartialUpload.part_count > 0)
    query = select(PartialUpload.id).where((PartialUpload.touched_at < since) | is_left)
    with transactions.reading():
        upload_ids = list(db.session.scalars(query.order_by(PartialUpload.id).limit(MAX_AT_ONCE)))
    for upload_id in upload_ids:
        _delete_parts(upload_id)
    with transactions.transaction():
        expired = PartialUpload.touched_at < since
        db.session.execute(delete(PartialUpload).where(expired, PartialUpload.part_count == 0))


def _delete_now(upload_ids: Collection[int]) -> None:
    """Delete the parts. The act is committed, so an error is only logged: the worker tries again every minute."""
    try:
        for upload_id in upload_ids:
            _delete_parts(upload_id)
    except Exception:
        transactions.rollback()
        logger.exception("Parts of an upload could not be deleted. The worker will delete them")


def _delete_parts(upload_id: int) -> None:
    """End an upload, delete the files of its parts, and then their rows."""
    with transactions.transaction():
        lock_rows(PartialUpload, [upload_id])
        upload = db.session.get(PartialUpload, upload_id)
        if upload is None:
            return
        upload.ended_at = upload.ended_at or now()
        hashes = list(db.session.scalars(select(UploadPart.sha256).where(UploadPart.upload_id == upload_id)))
    for sha256 in hashes:
        file_store.remove(sha256)
    with transactions.transaction():
        lock_rows(PartialUpload, [upload_id])
        db.session.execute(delete(UploadPart).where(UploadPart.upload_id == upload_id))
        if upload := db.session.get(PartialUpload, upload_id):
            upload.part_count, upload.size = 0, 0

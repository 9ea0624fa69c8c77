"""Files of a draft: stored, attached and removed. A file is stored before its row is written."""

from dataclasses import dataclass
from io import SEEK_END
from typing import IO

from sqlalchemy import func, select, update

from tracker.clock import now
from tracker.config import MEGABYTE
from tracker.errors import Invalid
from tracker.extensions import db
from tracker.ledger.transactions import lock_rows
from tracker.models import Attachment, Evidence
from tracker.portfolio.document_previews import make_document_previews
from tracker.portfolio.file_details import save_details
from tracker.portfolio.file_types import correct_extension, identify_file, shorten_name
from tracker.portfolio.storage_quotas import check_room, lock_files
from tracker.storage import file_store, virus_scan
from tracker.storage.file_store import StoredFile

MAX_FILES = 50


@dataclass(frozen=True)
class CheckedFile:
    """A file that was checked and stored, and is not yet part of any item."""

    name: str
    media_type: str
    stored: StoredFile


def store_file(stream: IO[bytes], name: str, max_size: int | None = None) -> CheckedFile:
    """Check a file and store it. The caller has no transaction open, since this can take long.

    Args:
        stream: its content.
        name: its name on the device.
        max_size: the most bytes that it may have; None for the limit of files that are sent whole.

    Raises `Invalid` with a sentence naming the file when it is empty, too large, of no accepted type, or (where a
    virus scanner is configured) not known to be clean.
    """
    max_size = max_size or file_store.get_max_size()
    name = clean_file_name(name)
    if stream.seek(0, SEEK_END) > max_size:
        raise Invalid(
            f"“{shorten_name(name)}” is larger than {max_size // MEGABYTE} MB and was not added. Shorten or split "
            "it, or keep it at work and say where.",
            "files",
        )
    identified = identify_file(stream, name)
    virus_scan.check_clean(stream, shorten_name(name))
    stored = file_store.save(stream)
    save_details(stored.sha256, identified)
    make_document_previews(stored.sha256, identified.media_type)
    return CheckedFile(clean_file_name(correct_extension(name, identified.media_type)), identified.media_type, stored)


def attach_file(evidence: Evidence, file: CheckedFile) -> Attachment:
    """Attach a stored file to the draft; the same file attached twice, even at once, is one attachment."""
    lock_files(evidence.centre_id)
    attachments = select(Attachment).where(Attachment.evidence_id == evidence.id, Attachment.removed_at.is_(None))
    existing = db.session.scalars(
        attachments.where(Attachment.sha256 == file.stored.sha256, Attachment.name == file.name)
    ).first()
    if existing:
        return existing
    files = attachments.subquery()
    count, last = db.session.execute(select(func.count(), func.max(files.c.position)).select_from(files)).one()
    if count >= MAX_FILES:
        raise Invalid(
            f"An item can have at most {MAX_FILES} files. “{shorten_name(file.name)}” was not added.", "files"
        )
    check_room(
        evidence.candidate_id, evidence.centre_id, shorten_name(file.name), file.stored.size, file.stored.sha256
    )
    attachment = Attachment(
        evidence_id=evidence.id,
        name=file.name,
        media_type=file.media_type,
        size=file.stored.size,
        sha256=file.stored.sha256,
        uploaded_at=now(),
        position=(last or 0) + 1,
    )
    db.session.add(attachment)
    db.session.flush()
    _set_updated_at(evidence)
    return attachment


def move_file(evidence: Evidence, attachment: Attachment, *, is_up: bool) -> None:
    """Exchange a file of the draft with the one before or after it; the first and the last stay where they are."""
    lock_rows(Evidence, [evidence.id])
    files = list(evidence.attachments)
    place = files.index(attachment)
    other = place - 1 if is_up else place + 1
    if not 0 <= other < len(files):
        return
    files[place], files[other] = files[other], files[place]
    for position, each in enumerate(files, 1):
        each.position = position
    db.session.flush()
    _set_updated_at(evidence)


def remove_file(evidence: Evidence, attachment: Attachment) -> None:
    """Remove a file from the draft; versions that were submitted with it keep it."""
    attachment.removed_at = now()
    db.session.flush()
    _set_updated_at(evidence)


def clean_file_name(name: str) -> str:
    """Return a file name to show: no folders, no control characters, at most 200 characters with its extension."""
    base = name.replace("\\", "/").rpartition("/")[2]
    base = "".join(character for character in base if character.isprintable()).strip() or "file"
    stem, dot, extension = base.rpartition(".")
    return base if len(base) <= 200 else f"{stem[: 199 - len(extension)]}{dot}{extension}"


def _set_updated_at(evidence: Evidence) -> None:
    """Set the time of the last change without a new draft version: the candidate may be typing meanwhile."""
    table = db.metadata.tables[Evidence.__tablename__]
    db.session.execute(update(table).where(table.c.id == evidence.id).values(updated_at=now()))
    db.session.expire(evidence, ["updated_at", "attachments"])

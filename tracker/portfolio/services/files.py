"""Files of a draft: added and taken out. The bytes are stored before the row is written."""

from dataclasses import dataclass
from io import SEEK_END
from typing import IO

from sqlalchemy import func, select, update

from tracker.clock import now
from tracker.config import MEGABYTE
from tracker.errors import Invalid
from tracker.extensions import db
from tracker.models import Attachment, Evidence
from tracker.portfolio.file_types import recognise, shown
from tracker.portfolio.pages import count_pages
from tracker.storage import file_store, virus_scan
from tracker.storage.file_store import StoredFile

MAX_FILES = 50


@dataclass(frozen=True)
class KeptFile:
    """A file checked and safe on disk, not yet part of any item."""

    name: str
    media_type: str
    kept: StoredFile


def keep_file(stream: IO[bytes], name: str) -> KeptFile:
    """Check what a file is and store it. Call it with no transaction open: it may take long.

    Raises `Invalid` with a sentence naming the file when it is empty, too large, of no kind we take, or not known to
    be free of viruses where a scanner is configured.
    """
    limit = file_store.get_max_size()
    name = clean_name(name)
    if stream.seek(0, SEEK_END) > limit:
        raise Invalid(
            f"“{shown(name)}” is larger than {limit // MEGABYTE} MB and was not added. Shorten it or split it, "
            "or keep it at work and say where.",
            "files",
        )
    kind = recognise(stream, name)
    virus_scan.check_clean(stream, shown(name))
    kept = file_store.save(stream)
    if kind.shown_as == "pages":
        count_pages(kept.sha256)
    return KeptFile(name, kind.media_type, kept)


def attach_file(evidence: Evidence, file: KeptFile) -> Attachment:
    """Make a stored file part of the draft; the same bytes twice are one attachment."""
    live = select(Attachment).where(Attachment.evidence_id == evidence.id, Attachment.removed_at.is_(None))
    same = db.session.scalars(live.where(Attachment.sha256 == file.kept.sha256, Attachment.name == file.name)).first()
    if same:
        return same
    count = db.session.scalar(select(func.count()).select_from(live.subquery())) or 0
    if count >= MAX_FILES:
        raise Invalid(f"An item holds at most {MAX_FILES} files. “{shown(file.name)}” was not added.", "files")
    attachment = Attachment(
        evidence_id=evidence.id,
        name=file.name,
        media_type=file.media_type,
        size=file.kept.size,
        sha256=file.kept.sha256,
        uploaded_at=now(),
    )
    db.session.add(attachment)
    db.session.flush()
    _note_activity(evidence)
    return attachment


def remove_file(evidence: Evidence, attachment: Attachment) -> None:
    """Take a file out of the draft; versions that hold it keep it."""
    attachment.removed_at = now()
    db.session.flush()
    _note_activity(evidence)


def clean_name(name: str) -> str:
    """A name to show: no folders, no control characters, at most 200 characters with its ending."""
    bare = name.replace("\\", "/").rpartition("/")[2]
    bare = "".join(character for character in bare if character.isprintable()).strip() or "file"
    stem, dot, ending = bare.rpartition(".")
    return bare if len(bare) <= 200 else f"{stem[: 199 - len(ending)]}{dot}{ending}"


def _note_activity(evidence: Evidence) -> None:
    """The item was worked on. Its version counts what was typed only: files are sent while somebody types."""
    row = db.metadata.tables[Evidence.__tablename__]
    db.session.execute(update(row).where(row.c.id == evidence.id).values(updated_at=now()))
    db.session.expire(evidence, ["updated_at", "attachments"])

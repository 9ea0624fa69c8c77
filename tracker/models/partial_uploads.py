"""Uploads of recordings in parts, until each is a file of its record."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from tracker.models.base import Base, PrimaryKey, Sha256, refers_to


class PartialUpload(Base):
    """A recording that is uploaded in parts: what was received, and the attachment that it became."""

    __tablename__ = "partial_upload"
    __table_args__ = (
        Index(
            "uq_partial_upload_open",
            "evidence_id",
            "started_by_id",
            "resume_key",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[PrimaryKey]
    evidence_id: Mapped[int] = refers_to("evidence.id", index=False)
    started_by_id: Mapped[int] = refers_to("person.id")
    resume_key: Mapped[str] = mapped_column(String(64))
    """By which the browser finds it again after a cut: a file's size and time, or a random one of what it records."""
    part_count: Mapped[int]
    """The parts received, which is also the number of the next one."""
    size: Mapped[int] = mapped_column(BigInteger)
    """The bytes received."""
    touched_at: Mapped[datetime] = mapped_column(index=True)
    """When it was started or the last part was received."""
    ended_at: Mapped[datetime | None]
    """When it became an attachment or was discarded. Its parts are deleted then."""
    attachment_id: Mapped[int | None] = refers_to("attachment.id")


class UploadPart(Base):
    """A part of an upload, in the file store until the upload ends."""

    __tablename__ = "upload_part"
    __table_args__ = (UniqueConstraint("upload_id", "number"),)

    id: Mapped[PrimaryKey]
    upload_id: Mapped[int] = refers_to("partial_upload.id", index=False)
    number: Mapped[int]
    """Its place, from 0."""
    size: Mapped[int]
    sha256: Mapped[Sha256]
    """The hash of its file, in which random bytes precede the part: no other row refers to a file like it."""

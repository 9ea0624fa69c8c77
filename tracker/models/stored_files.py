"""What is known of stored files and of the files made from them, and how many bytes candidates and centres store."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from tracker.models.base import Base, Sha256, refers_to

TEXT_NAME = "preview.txt"
"""The name of the derived file with a document's text."""


class FileDetail(Base):
    """What the check of a file at upload found beside its type."""

    __tablename__ = "file_detail"
    __table_args__ = (CheckConstraint("pages >= 0", name="pages"),)

    sha256: Mapped[Sha256] = mapped_column(primary_key=True)
    """The stored file, by its hash."""
    pages: Mapped[int]
    """The page count of a PDF, or of the PDF that a document was converted to; 0 where there is none."""
    remark: Mapped[str] = mapped_column(String(20))
    """A key of `REMARKS` in `tracker.portfolio.file_details`, or empty."""


class DerivedFile(Base):
    """A file made from a stored one and kept beside it: a picture, a page, the pages as PDF, or the text."""

    __tablename__ = "derived_file"

    source_sha256: Mapped[Sha256] = mapped_column(primary_key=True)
    """The stored file that it was made from, by its hash."""
    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    """What follows the hash in its name: `preview.jpg`, `page-3.jpg`, `preview.pdf` or `preview.txt`."""
    sha256: Mapped[Sha256]
    """The hash of its own bytes."""
    made_at: Mapped[datetime]


class CandidateStorage(Base):
    """The bytes of a candidate's files at a centre, each file once. Triggers on `attachment` count them."""

    __tablename__ = "candidate_storage"
    __table_args__ = (Index("ix_candidate_storage_centre_id_size", "centre_id", "size"),)

    candidate_id: Mapped[int] = refers_to("person.id", index=False, primary_key=True)
    centre_id: Mapped[int] = refers_to("centre.id", index=False, primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger)


class CentreStorage(Base):
    """The bytes of the files of a centre's candidates, each file once. Triggers on `attachment` count them."""

    __tablename__ = "centre_storage"

    centre_id: Mapped[int] = refers_to("centre.id", index=False, primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger)

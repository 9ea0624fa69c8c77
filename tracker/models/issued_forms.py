"""Issued recording forms: sealed PDFs, stored under their hash and printed again only from those bytes."""

from datetime import datetime

from sqlalchemy import Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.models.base import Base, PrimaryKey, Sha256, refers_to
from tracker.models.people import Person
from tracker.models.registration import UnitAttempt


class IssuedForm(Base):
    """One issue of the recording form of a verified round; it is superseded when the round ends; the file stays."""

    __tablename__ = "issued_form"
    __table_args__ = (
        Index(
            "uq_issued_form_live",
            "attempt_id",
            unique=True,
            sqlite_where=text("superseded_at IS NULL"),
            postgresql_where=text("superseded_at IS NULL"),
        ),
    )

    id: Mapped[PrimaryKey]
    number: Mapped[str] = mapped_column(String(32), unique=True)
    """The random number printed on the form, which cannot be guessed."""
    attempt_id: Mapped[int] = refers_to("unit_attempt.id")
    round: Mapped[int]
    issued_at: Mapped[datetime]
    issued_by_id: Mapped[int] = refers_to("person.id", index=False)
    sha256: Mapped[Sha256]
    """The hash of the sealed file, under which it is stored."""
    size: Mapped[int]
    snapshot_hash: Mapped[Sha256]
    ledger_size: Mapped[int]
    ledger_head: Mapped[Sha256]
    """The last hash of the ledger when the form was issued; the code on the form holds it too."""
    key: Mapped[str] = mapped_column(String(16))
    """The name of the key that signed the code and whose certificate seals the file."""
    superseded_at: Mapped[datetime | None]

    attempt: Mapped[UnitAttempt] = relationship()
    issued_by: Mapped[Person] = relationship()

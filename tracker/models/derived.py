"""Rows that triggers of the database derive from others, so that lists find what would have to be worked out.

Nothing else writes them. docs/architecture.md, Derived rows.
"""

from datetime import datetime

from sqlalchemy import Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from tracker.models.base import Base, refers_to
from tracker.vocabulary import Role


class UnallocatedAttempt(Base):
    """A role in which an open attempt has no allocation: internal verifier, or assessor while it is in progress."""

    __tablename__ = "unallocated_attempt"
    __table_args__ = (Index("ix_unallocated_attempt_centre_id", "centre_id", "attempt_id"),)

    attempt_id: Mapped[int] = refers_to("unit_attempt.id", index=False, primary_key=True)
    role: Mapped[Role] = mapped_column(primary_key=True)
    centre_id: Mapped[int] = refers_to("centre.id", index=False)


class RegistrationRetention(Base):
    """When a registration ended, whether it is on retention hold, and what of it has been erased."""

    __tablename__ = "registration_retention"
    __table_args__ = (
        Index(
            "ix_registration_retention_listed",
            "centre_id",
            "ended_at",
            "registration_id",
            sqlite_where=text("ended_at IS NOT NULL OR is_on_hold = 1"),
            postgresql_where=text("ended_at IS NOT NULL OR is_on_hold"),
        ),
        Index(
            "ix_registration_retention_erased",
            "centre_id",
            "is_fully_erased",
            "is_evidence_erased",
            "ended_at",
            sqlite_where=text("ended_at IS NOT NULL"),
            postgresql_where=text("ended_at IS NOT NULL"),
        ),
        Index(
            "ix_registration_retention_qualification",
            "centre_id",
            "ended_at",
            sqlite_where=text("ends_with_qualification = 1"),
            postgresql_where=text("ends_with_qualification"),
        ),
    )

    registration_id: Mapped[int] = refers_to("registration.id", index=False, primary_key=True)
    centre_id: Mapped[int] = refers_to("centre.id", index=False)
    ended_at: Mapped[datetime | None]
    """When it was withdrawn, or its last unit verified while none is open."""
    is_on_hold: Mapped[bool]
    is_evidence_erased: Mapped[bool]
    is_fully_erased: Mapped[bool]
    ends_with_qualification: Mapped[bool]
    """Whether it is for a qualification and was not withdrawn: it has ended only if the qualification is complete."""


Word = String(254).with_variant(String(254, collation="C"), "postgresql")
"""A word in lower case, in the order of its bytes on both databases: an index finds the words with a beginning."""


class PersonWord(Base):
    """A word by which a person is searched for: of their name, or their email address."""

    __tablename__ = "person_word"
    __table_args__ = (Index("ix_person_word_word", "word", "person_id"),)

    person_id: Mapped[int] = refers_to("person.id", index=False, primary_key=True)
    word: Mapped[str] = mapped_column(Word, primary_key=True)


class RegistrationWord(Base):
    """A word by which a registration is searched for: of the candidate's number at the centre or awarding body."""

    __tablename__ = "registration_word"
    __table_args__ = (Index("ix_registration_word_centre_id_word", "centre_id", "word", "registration_id"),)

    registration_id: Mapped[int] = refers_to("registration.id", index=False, primary_key=True)
    word: Mapped[str] = mapped_column(Word, primary_key=True)
    centre_id: Mapped[int] = refers_to("centre.id", index=False)

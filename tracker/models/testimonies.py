"""Testimonies of witnesses: what was asked of whom, and what they signed."""

from datetime import date, datetime

from sqlalchemy import JSON, CheckConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.models.base import Base, Line, PrimaryKey, Sha256, refers_to
from tracker.models.people import Person
from tracker.models.portfolio import Evidence
from tracker.models.registration import UnitAttempt


class WitnessTestimony(Base):
    """What a witness without an account is asked to confirm about a candidate, and the testimony once it is signed.

    Nothing that a witness types is stored before they sign. A signed testimony becomes evidence when an assessor
    authenticates it (docs/rules.md, Witness testimonies).
    """

    __tablename__ = "witness_testimony"
    __table_args__ = (
        CheckConstraint("(signed_at IS NULL) = (content IS NULL)", name="content_when_signed"),
        CheckConstraint("(answered_at IS NULL) = (answered_by_id IS NULL)", name="answered_by_somebody"),
        CheckConstraint("answered_at IS NULL OR signed_at IS NOT NULL", name="answered_when_signed"),
        Index("ix_witness_testimony_asked_at", "asked_at"),
        CheckConstraint("signed_at IS NULL OR (withdrawn_at IS NULL AND declined_at IS NULL)", name="one_end"),
    )

    id: Mapped[PrimaryKey]
    attempt_id: Mapped[int] = refers_to("unit_attempt.id")
    asked_by_id: Mapped[int] = refers_to("person.id")
    asked_at: Mapped[datetime]
    witness_name: Mapped[Line]
    """The witness's name as the asker typed it; what they sign with is in `content`."""
    is_in_person: Mapped[bool]
    """Whether the asker handed over their device instead of sending an email."""
    email: Mapped[str] = mapped_column(String(254))
    """The address for the link and the code, in lower case; in person the one that the witness gave, if any."""
    title: Mapped[Line]
    """What is to be confirmed."""
    happened_on: Mapped[date]
    place: Mapped[Line]
    criterion_ids: Mapped[list[int]] = mapped_column(JSON)
    """The criteria that the asker proposes."""
    token_hash: Mapped[Sha256] = mapped_column(unique=True)
    expires_at: Mapped[datetime]
    code: Mapped[str | None]
    """The last code that was sent, encrypted under a key derived from `SECRET_KEY`; empty once it is signed."""
    code_sent_at: Mapped[datetime | None]
    reminded_at: Mapped[datetime | None]
    """When the witness was sent a new link, since they had not answered."""
    asker_told_at: Mapped[datetime | None]
    """When the asker was told that the witness has not answered, or that an email did not reach them."""
    withdrawn_at: Mapped[datetime | None]
    declined_at: Mapped[datetime | None]
    decline_reason: Mapped[str]
    signed_at: Mapped[datetime | None]
    narrative: Mapped[str]
    """What the witness saw, in their words; empty until they sign."""
    content: Mapped[str | None]
    """The rest of what was signed: canonical JSON of `tracker.portfolio.record_content.WitnessTestimonyContent`."""
    witness_id: Mapped[int | None] = refers_to("person.id")
    """The person who had an account with the witness's address when it was signed with a code; in person none."""
    answered_at: Mapped[datetime | None]
    """When an assessor authenticated the testimony or refused it."""
    answered_by_id: Mapped[int | None] = refers_to("person.id", index=False)
    refusal_reason: Mapped[str | None]
    """Why an assessor refused it."""
    evidence_id: Mapped[int | None] = refers_to("evidence.id")
    """The evidence that it became when it was authenticated."""

    attempt: Mapped[UnitAttempt] = relationship()
    asked_by: Mapped[Person] = relationship(foreign_keys=[asked_by_id])
    answered_by: Mapped[Person | None] = relationship(foreign_keys=[answered_by_id])
    evidence: Mapped[Evidence | None] = relationship()

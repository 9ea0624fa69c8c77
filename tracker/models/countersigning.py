"""Countersigning: who countersigns an assessor without an award, and what was asked and answered."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.models.assessment import Assessment, Signature
from tracker.models.base import Base, PrimaryKey, refers_to
from tracker.models.people import Person
from tracker.models.registration import UnitAttempt
from tracker.vocabulary import CountersignatureEnd

OPEN = text("answered_at IS NULL AND ended_at IS NULL")
RUNNING = text("ends_at IS NULL")


class Countersigner(Base):
    """The naming of a qualified assessor as another's countersigner, between two moments; a change adds a row."""

    __tablename__ = "countersigner"
    __table_args__ = (
        Index(
            "uq_countersigner_live",
            "centre_id",
            "assessor_id",
            unique=True,
            sqlite_where=RUNNING,
            postgresql_where=RUNNING,
        ),
        CheckConstraint("person_id <> assessor_id", name="of_another"),
    )

    id: Mapped[PrimaryKey]
    centre_id: Mapped[int] = refers_to("centre.id", index=False)
    assessor_id: Mapped[int] = refers_to("person.id")
    """Whose decisions are countersigned."""
    person_id: Mapped[int] = refers_to("person.id")
    """Who countersigns them."""
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]
    named_by_id: Mapped[int] = refers_to("person.id", index=False)

    person: Mapped[Person] = relationship(foreign_keys=[person_id])
    assessor: Mapped[Person] = relationship(foreign_keys=[assessor_id])


class Countersignature(Base):
    """What a countersigner is asked to agree to, an assessment or an assessor's signature, and their answer."""

    __tablename__ = "countersignature"
    __table_args__ = (
        Index(
            "uq_countersignature_open_assessment",
            "assessment_id",
            unique=True,
            sqlite_where=OPEN,
            postgresql_where=OPEN,
        ),
        Index(
            "uq_countersignature_open_signature",
            "signature_id",
            unique=True,
            sqlite_where=OPEN,
            postgresql_where=OPEN,
        ),
        Index("ix_countersignature_open", "person_id", "asked_at", sqlite_where=OPEN, postgresql_where=OPEN),
        CheckConstraint("(assessment_id IS NULL) <> (signature_id IS NULL)", name="of_one_thing"),
        CheckConstraint("(answered_at IS NULL) = (agrees IS NULL)", name="answered_when"),
        CheckConstraint("agrees IS NULL OR agrees OR reason <> ''", name="disagrees_why"),
        CheckConstraint("(ended_at IS NULL) = (ended_because IS NULL)", name="ended_why"),
        CheckConstraint("answered_at IS NULL OR ended_at IS NULL", name="answered_or_ended"),
    )

    id: Mapped[PrimaryKey]
    attempt_id: Mapped[int] = refers_to("unit_attempt.id")
    assessment_id: Mapped[int | None] = refers_to("assessment.id")
    signature_id: Mapped[int | None] = refers_to("signature.id")
    """Set instead of the assessment for a sign-off: the assessor's signature, which needs a countersigner."""
    person_id: Mapped[int] = refers_to("person.id")
    """Who was asked."""
    asked_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    agrees: Mapped[bool | None]
    reason: Mapped[str] = mapped_column(default="")
    """Why the countersigner disagrees."""
    ended_at: Mapped[datetime | None]
    """When it ended without an answer."""
    ended_because: Mapped[CountersignatureEnd | None]

    attempt: Mapped[UnitAttempt] = relationship()
    assessment: Mapped[Assessment | None] = relationship()
    signature: Mapped[Signature | None] = relationship()
    person: Mapped[Person] = relationship()

    @property
    def is_open(self) -> bool:
        """Whether it waits for an answer."""
        return self.answered_at is None and self.ended_at is None

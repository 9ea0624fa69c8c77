"""Questions that assessors ask or set: a centre's own, and those of the installation that all centres read."""

from datetime import date, datetime

from sqlalchemy import JSON, CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.models.base import Base, PrimaryKey, refers_to
from tracker.models.people import Person
from tracker.models.portfolio import Evidence
from tracker.models.registration import UnitAttempt
from tracker.models.units import Unit


class BankQuestion(Base):
    """One version of a question in a bank. A changed question is a new row; what was written never changes."""

    __tablename__ = "bank_question"
    __table_args__ = (
        UniqueConstraint("replaces_id"),
        CheckConstraint("(number = 1) = (replaces_id IS NULL)", name="later_replaces"),
        CheckConstraint("ended_by_id IS NULL OR ended_at IS NOT NULL", name="ended_when"),
    )

    id: Mapped[PrimaryKey]
    centre_id: Mapped[int | None] = refers_to("centre.id")
    """Empty for the shared questions, which the installation's operator keeps."""
    unit_id: Mapped[int] = refers_to("unit.id")
    number: Mapped[int]
    """Of the version: 1 for the first."""
    replaces_id: Mapped[int | None] = refers_to("bank_question.id", index=False)
    """The version before."""
    text: Mapped[str]
    marks: Mapped[list[str]] = mapped_column(JSON)
    """The criteria that it covers, by their marks: `g`, or `K 5` where the unit has a performance criterion 5 too."""
    guidance: Mapped[str]
    """What a good answer has, for the assessor alone; may be empty."""
    written_at: Mapped[datetime]
    written_by_id: Mapped[int | None] = refers_to("person.id", index=False)
    """Empty for the installation's operator."""
    ended_at: Mapped[datetime | None]
    """When a newer version replaced it, or it was retired."""
    ended_by_id: Mapped[int | None] = refers_to("person.id", index=False)

    unit: Mapped[Unit] = relationship()
    written_by: Mapped[Person | None] = relationship(foreign_keys=[written_by_id])
    ended_by: Mapped[Person | None] = relationship(foreign_keys=[ended_by_id])

    @property
    def is_shared(self) -> bool:
        """Whether all centres read it."""
        return self.centre_id is None


class QuestionSet(Base):
    """Questions that an assessor set for a candidate to answer on their own, in one unit.

    The answers are the candidate's evidence of the kind `answers`, whose draft is theirs alone until they submit it.
    """

    __tablename__ = "question_set"
    __table_args__ = (
        CheckConstraint("(taken_back_at IS NULL) = (taken_back_by_id IS NULL)", name="taken_back_by_whom"),
        CheckConstraint("(taken_back_at IS NULL) = (taken_back_reason IS NULL)", name="taken_back_why"),
    )

    id: Mapped[PrimaryKey]
    attempt_id: Mapped[int] = refers_to("unit_attempt.id")
    evidence_id: Mapped[int] = mapped_column(ForeignKey("evidence.id"), unique=True)
    content: Mapped[str]
    """The questions as they were set: canonical JSON of `tracker.portfolio.set_questions.SetQuestion`s."""
    note: Mapped[str]
    """What the assessor tells the candidate; may be empty."""
    due_on: Mapped[date | None]
    set_at: Mapped[datetime]
    set_by_id: Mapped[int] = refers_to("person.id", index=False)
    taken_back_at: Mapped[datetime | None]
    taken_back_by_id: Mapped[int | None] = refers_to("person.id", index=False)
    taken_back_reason: Mapped[str | None]
    """The candidate can read it."""

    attempt: Mapped[UnitAttempt] = relationship()
    evidence: Mapped[Evidence] = relationship()
    set_by: Mapped[Person] = relationship(foreign_keys=[set_by_id])
    taken_back_by: Mapped[Person | None] = relationship(foreign_keys=[taken_back_by_id])

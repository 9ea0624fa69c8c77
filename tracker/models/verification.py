"""Samples, action points, and visits of external verifiers."""

from datetime import date, datetime, timedelta

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped, relationship

from tracker.clock import day_of
from tracker.models.base import Base, PrimaryKey, refers_to
from tracker.models.people import Person
from tracker.models.registration import UnitAttempt


class Sample(Base):
    """An internal verifier's sample of one attempt."""

    __tablename__ = "sample"

    id: Mapped[PrimaryKey]
    attempt_id: Mapped[int] = refers_to("unit_attempt.id")
    round: Mapped[int]
    verifier_id: Mapped[int] = refers_to("person.id", index=False)
    sampled_at: Mapped[datetime]
    is_interim: Mapped[bool]
    """True if the candidate had not yet confirmed the unit."""
    comment: Mapped[str]

    items: Mapped[list["SampleItem"]] = relationship(back_populates="sample", order_by="SampleItem.id")


class SampleItem(Base):
    """One sampled decision: an evidence version, a criterion, and whether the verifier agrees."""

    __tablename__ = "sample_item"
    __table_args__ = (UniqueConstraint("sample_id", "evidence_version_id", "criterion_id"),)

    id: Mapped[PrimaryKey]
    sample_id: Mapped[int] = refers_to("sample.id", index=False)
    evidence_version_id: Mapped[int] = refers_to("evidence_version.id")
    criterion_id: Mapped[int] = refers_to("criterion.id", index=False)
    agrees: Mapped[bool]
    comment: Mapped[str]

    sample: Mapped[Sample] = relationship(back_populates="items")


class ActionPoint(Base):
    """An action point: the action required, its due date, and the assessor's response."""

    __tablename__ = "action_point"
    __table_args__ = (
        CheckConstraint("(response IS NULL) = (responded_at IS NULL)", name="response_when"),
        UniqueConstraint("sample_item_id"),
        UniqueConstraint("follows_id"),
    )

    id: Mapped[PrimaryKey]
    attempt_id: Mapped[int] = refers_to("unit_attempt.id")
    round: Mapped[int]
    """The round in which it was raised."""
    raised_by_id: Mapped[int] = refers_to("person.id", index=False)
    raised_at: Mapped[datetime]
    sample_item_id: Mapped[int | None] = refers_to("sample_item.id", index=False)
    """The sampled decision that the verifier disagreed with, if that raised it."""
    follows_id: Mapped[int | None] = refers_to("action_point.id", index=False)
    """The action point whose response did not satisfy the verifier, if this one asks again."""
    action: Mapped[str]
    due_on: Mapped[date]
    response: Mapped[str | None]
    responded_by_id: Mapped[int | None] = refers_to("person.id", index=False)
    responded_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    closed_by_id: Mapped[int | None] = refers_to("person.id", index=False)


class ActionPointCriterion(Base):
    """A criterion that an action point names."""

    __tablename__ = "action_point_criterion"

    action_point_id: Mapped[int] = refers_to("action_point.id", index=False, primary_key=True)
    criterion_id: Mapped[int] = refers_to("criterion.id", index=False, primary_key=True)


class Visit(Base):
    """A visit of an external verifier: who may read which attempts, between which moments."""

    __tablename__ = "visit"
    __table_args__ = (CheckConstraint("starts_at < ends_at", name="from_before_until"),)

    id: Mapped[PrimaryKey]
    centre_id: Mapped[int] = refers_to("centre.id")
    person_id: Mapped[int] = refers_to("person.id")
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    opened_by_id: Mapped[int] = refers_to("person.id", index=False)
    opened_at: Mapped[datetime]

    person: Mapped[Person] = relationship(foreign_keys=[person_id])
    attempts: Mapped[list["VisitAttempt"]] = relationship()

    @property
    def last_day(self) -> date:
        """The last day of the visit in London. One that ends at midnight ends on the day before."""
        return day_of(self.ends_at - timedelta(microseconds=1))


class VisitAttempt(Base):
    """An attempt in a visit's scope, with the external verifier's own `seen` mark."""

    __tablename__ = "visit_attempt"

    visit_id: Mapped[int] = refers_to("visit.id", index=False, primary_key=True)
    attempt_id: Mapped[int] = refers_to("unit_attempt.id", primary_key=True)
    seen_at: Mapped[datetime | None]

    attempt: Mapped[UnitAttempt] = relationship()

"""The staff register of a centre: awards, occupational competence, CPD, declared interests, and erasures of it."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.models.base import Base, Line, PrimaryKey, refers_to
from tracker.models.people import Person
from tracker.vocabulary import ERASED_TEXT, AwardKind

REMOVED_WITH_REASON = "(removed_at IS NULL) = (removed_reason IS NULL)"


class StaffAward(Base):
    """An assessor's or verifier's award that a person holds or works towards, as a centre has recorded it.

    It is held once an administrator has confirmed it: then it has the day of the award and the certificate's number.
    """

    __tablename__ = "staff_award"
    __table_args__ = (
        CheckConstraint("(awarded_on IS NULL) = (confirmed_at IS NULL)", name="held_once_confirmed"),
        CheckConstraint("(confirmed_at IS NULL) = (confirmed_by_id IS NULL)", name="confirmed_by_whom"),
        CheckConstraint(
            "awarded_on IS NULL OR (awarding_body IS NOT NULL AND certificate_number IS NOT NULL)",
            name="held_with_certificate",
        ),
        CheckConstraint("awarded_on IS NOT NULL OR target_on IS NOT NULL", name="held_or_target"),
        CheckConstraint("ends_on IS NULL OR ends_on >= awarded_on", name="ends_later"),
        CheckConstraint("(removed_at IS NULL) = (removed_by_id IS NULL)", name="removed_by_whom"),
        CheckConstraint(REMOVED_WITH_REASON, name="removed_why"),
        CheckConstraint("recorded_by_id <> person_id", name="recorded_by_another"),
        CheckConstraint("confirmed_by_id <> person_id", name="confirmed_by_another"),
    )

    id: Mapped[PrimaryKey]
    person_id: Mapped[int] = refers_to("person.id")
    centre_id: Mapped[int] = refers_to("centre.id", index=False)
    kind: Mapped[AwardKind]
    title: Mapped[Line]
    """What it is called, if its kind is another award than those named; empty otherwise."""
    target_on: Mapped[date | None]
    """By when it is to be achieved, if it was first recorded as worked towards."""
    awarding_body: Mapped[Line | None]
    certificate_number: Mapped[str | None] = mapped_column(String(80))
    awarded_on: Mapped[date | None]
    ends_on: Mapped[date | None]
    """The last day on which it is valid; empty if it has no end."""
    recorded_at: Mapped[datetime]
    recorded_by_id: Mapped[int] = refers_to("person.id", index=False)
    confirmed_at: Mapped[datetime | None]
    """When an administrator said that they had seen the certificate."""
    confirmed_by_id: Mapped[int | None] = refers_to("person.id", index=False)
    removed_at: Mapped[datetime | None]
    removed_by_id: Mapped[int | None] = refers_to("person.id", index=False)
    removed_reason: Mapped[str | None]

    recorded_by: Mapped[Person] = relationship(foreign_keys=[recorded_by_id])
    confirmed_by: Mapped[Person | None] = relationship(foreign_keys=[confirmed_by_id])

    @property
    def name(self) -> str:
        """What the award is called."""
        return self.title or self.kind.label

    @property
    def is_held(self) -> bool:
        """Whether it is recorded as held, whether or not it has ended."""
        return self.awarded_on is not None


class StaffCompetence(Base):
    """Occupational competence of a person in one unit or sector, as a centre has recorded it."""

    __tablename__ = "staff_competence"
    __table_args__ = (
        CheckConstraint("(unit_code = '') <> (sector = '')", name="unit_or_sector"),
        CheckConstraint("(removed_at IS NULL) = (removed_by_id IS NULL)", name="removed_by_whom"),
        CheckConstraint(REMOVED_WITH_REASON, name="removed_why"),
        CheckConstraint("recorded_by_id <> person_id", name="recorded_by_another"),
    )

    id: Mapped[PrimaryKey]
    person_id: Mapped[int] = refers_to("person.id")
    centre_id: Mapped[int] = refers_to("centre.id", index=False)
    unit_code: Mapped[str] = mapped_column(String(40))
    """The unit, whatever its version; empty for a sector."""
    sector: Mapped[Line]
    basis: Mapped[str]
    """What the competence rests on, such as posts held and qualifications."""
    recorded_at: Mapped[datetime]
    recorded_by_id: Mapped[int] = refers_to("person.id", index=False)
    removed_at: Mapped[datetime | None]
    removed_by_id: Mapped[int | None] = refers_to("person.id", index=False)
    removed_reason: Mapped[str | None]

    recorded_by: Mapped[Person] = relationship(foreign_keys=[recorded_by_id])

    @property
    def area(self) -> str:
        """The unit's code, or the sector."""
        return self.unit_code or self.sector


class CpdEntry(Base):
    """An entry of a person's log of continuing professional development (CPD) at a centre, with its hours."""

    __tablename__ = "cpd_entry"
    __table_args__ = (
        CheckConstraint("minutes BETWEEN 1 AND 60000", name="minutes"),
        CheckConstraint(REMOVED_WITH_REASON, name="removed_why"),
    )

    id: Mapped[PrimaryKey]
    person_id: Mapped[int] = refers_to("person.id")
    centre_id: Mapped[int] = refers_to("centre.id", index=False)
    happened_on: Mapped[date]
    minutes: Mapped[int]
    title: Mapped[Line]
    learning: Mapped[str]
    """What was learned and how it is used."""
    evidence: Mapped[str]
    """What shows it and where that is kept; may be empty."""
    recorded_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]
    removed_reason: Mapped[str | None]

    @property
    def hours(self) -> float:
        """The hours, to two decimal places."""
        return round(self.minutes / 60, 2)


class InterestDeclaration(Base):
    """A person's declaration to a centre of a conflict of interest, or that there is none."""

    __tablename__ = "interest_declaration"
    __table_args__ = (
        CheckConstraint("(answer IS NULL) = (answered_at IS NULL)", name="answered_when"),
        CheckConstraint("(answered_at IS NULL) = (answered_by_id IS NULL)", name="answered_by_whom"),
        CheckConstraint("(ended_at IS NULL) = (ended_reason IS NULL)", name="ended_why"),
        CheckConstraint("answered_by_id <> person_id", name="answered_by_another"),
        CheckConstraint("interest <> '' OR (answer IS NULL AND ended_at IS NULL)", name="none_has_no_answer_or_end"),
    )

    id: Mapped[PrimaryKey]
    person_id: Mapped[int] = refers_to("person.id")
    centre_id: Mapped[int] = refers_to("centre.id", index=False)
    interest: Mapped[str]
    """Whom or what it concerns; empty if the person declared that they have no conflict of interest."""
    declared_at: Mapped[datetime]
    answer: Mapped[str | None]
    """What the centre does about it."""
    answered_at: Mapped[datetime | None]
    answered_by_id: Mapped[int | None] = refers_to("person.id", index=False)
    ended_at: Mapped[datetime | None]
    ended_reason: Mapped[str | None]

    answered_by: Mapped[Person | None] = relationship(foreign_keys=[answered_by_id])

    @property
    def is_open(self) -> bool:
        """Whether it declares an interest that has not ended and was not erased."""
        return self.interest not in {"", ERASED_TEXT} and self.ended_at is None


class StaffErasure(Base):
    """An erasure of what people wrote in a person's staff record at a centre."""

    __tablename__ = "staff_erasure"

    id: Mapped[PrimaryKey]
    person_id: Mapped[int] = refers_to("person.id")
    centre_id: Mapped[int] = refers_to("centre.id", index=False)
    erased_at: Mapped[datetime]
    erased_by_id: Mapped[int] = refers_to("person.id", index=False)

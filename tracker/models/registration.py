"""Registrations, the unit attempts within them, allocations, and moves to another version of a unit."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, CheckConstraint, Index, String, UniqueConstraint, select, text
from sqlalchemy.orm import Mapped, column_property, mapped_column, relationship

from tracker.models.base import Base, PrimaryKey, refers_to
from tracker.models.people import Centre, Person
from tracker.models.units import Qualification, Unit
from tracker.vocabulary import AttemptState, Role

NOT_REGISTERED = text("awarding_body_number IS NULL AND withdrawn_at IS NULL")


class Registration(Base):
    """A candidate's entry at a centre for a qualification or for single units."""

    __tablename__ = "registration"
    __table_args__ = (
        UniqueConstraint("centre_id", "candidate_number"),
        Index("ix_registration_centre_id_registered_at", "centre_id", "registered_at"),
        Index(
            "ix_registration_withdrawn",
            "centre_id",
            "registered_at",
            sqlite_where=text("withdrawn_at IS NOT NULL"),
            postgresql_where=text("withdrawn_at IS NOT NULL"),
        ),
        Index(
            "ix_registration_not_registered",
            "centre_id",
            "registered_at",
            sqlite_where=NOT_REGISTERED,
            postgresql_where=NOT_REGISTERED,
        ),
        CheckConstraint("(awarding_body_number IS NULL) = (awarding_body_date IS NULL)", name="number_with_date"),
    )

    id: Mapped[PrimaryKey]
    centre_id: Mapped[int] = refers_to("centre.id", index=False)
    candidate_id: Mapped[int] = refers_to("person.id")
    candidate_number: Mapped[str] = mapped_column(String(40))
    """The centre's own number for the candidate."""
    awarding_body_number: Mapped[str | None] = mapped_column(String(40))
    """Empty, as the date is, until the awarding body has registered the candidate."""
    awarding_body_date: Mapped[date | None]
    registered_at: Mapped[datetime]
    registered_by_id: Mapped[int] = refers_to("person.id", index=False)
    withdrawn_at: Mapped[datetime | None]
    withdrawn_reason: Mapped[str | None]
    qualification_id: Mapped[int | None] = refers_to("qualification.id", index=False)
    """Empty for single units."""

    qualification: Mapped[Qualification | None] = relationship()
    centre: Mapped[Centre] = relationship()
    candidate: Mapped[Person] = relationship(foreign_keys=[candidate_id])
    attempts: Mapped[list["UnitAttempt"]] = relationship(back_populates="registration", order_by="UnitAttempt.id")


class RegistrationChange(Base):
    """A change of a registration's numbers or date: the values before it, when it was made and by whom."""

    __tablename__ = "registration_change"

    id: Mapped[PrimaryKey]
    registration_id: Mapped[int] = refers_to("registration.id")
    candidate_number: Mapped[str] = mapped_column(String(40))
    awarding_body_number: Mapped[str | None] = mapped_column(String(40))
    awarding_body_date: Mapped[date | None]
    changed_at: Mapped[datetime]
    changed_by_id: Mapped[int] = refers_to("person.id", index=False)

    changed_by: Mapped[Person] = relationship()


class UnitAttempt(Base):
    """One unit within a registration, pinned to a unit version; a state and a round (1…)."""

    __tablename__ = "unit_attempt"
    __table_args__ = (
        Index(
            "uq_unit_attempt_live",
            "registration_id",
            "unit_id",
            unique=True,
            sqlite_where=text("state <> 'void'"),
            postgresql_where=text("state <> 'void'"),
        ),
        CheckConstraint("round >= 1", name="round_from_one"),
        Index("ix_unit_attempt_centre_id_id", "centre_id", "id"),
        Index("ix_unit_attempt_centre_id_state_id", "centre_id", "state", "id"),
    )

    id: Mapped[PrimaryKey]
    registration_id: Mapped[int] = refers_to("registration.id")
    centre_id: Mapped[int] = refers_to("centre.id", index=False)
    candidate_id: Mapped[int] = refers_to("person.id")
    unit_id: Mapped[int] = refers_to("unit.id")
    state: Mapped[AttemptState]
    round: Mapped[int]
    version: Mapped[int] = mapped_column()
    """Counts changes, so that nobody acts on an attempt that changed since they read it."""
    started_at: Mapped[datetime]
    assessed_at: Mapped[datetime | None]
    """When the assessor signed this round; evidence submitted later does not count in it."""
    closing_comment: Mapped[str] = mapped_column(default="")
    """The assessor's drafted comment; the signature holds the signed one."""
    warnings_reason: Mapped[str | None]
    """The assessor's drafted reason to sign over warnings; the signature holds the signed one."""
    simulation_reason: Mapped[str | None]
    """The assessor's drafted reason for simulated evidence; the signed comment ends with it."""
    void_reason: Mapped[str | None]

    registration: Mapped[Registration] = relationship(back_populates="attempts")
    candidate: Mapped[Person] = relationship(foreign_keys=[candidate_id])
    centre: Mapped[Centre] = relationship()
    unit: Mapped[Unit] = relationship()

    if TYPE_CHECKING:
        is_moved: Mapped[bool]
        """Whether it was moved from another version of its unit; loaded only with `undefer`."""

    __mapper_args__ = {"version_id_col": version}


class Allocation(Base):
    """The allocation of an attempt to an assessor or internal verifier, between two moments; a change adds a row."""

    __tablename__ = "allocation"
    __table_args__ = (
        Index(
            "uq_allocation_live",
            "attempt_id",
            "role",
            unique=True,
            sqlite_where=text("ends_at IS NULL"),
            postgresql_where=text("ends_at IS NULL"),
        ),
        CheckConstraint("role IN ('assessor', 'internal_verifier')", name="holds_an_attempt"),
    )

    id: Mapped[PrimaryKey]
    attempt_id: Mapped[int] = refers_to("unit_attempt.id")
    person_id: Mapped[int] = refers_to("person.id")
    role: Mapped[Role]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]
    reason: Mapped[str]
    allocated_by_id: Mapped[int] = refers_to("person.id", index=False)

    person: Mapped[Person] = relationship(foreign_keys=[person_id])


class VersionMove(Base):
    """A move of an attempt to another version of its unit, with the claims that could not be carried over."""

    __tablename__ = "version_move"

    id: Mapped[PrimaryKey]
    attempt_id: Mapped[int] = refers_to("unit_attempt.id")
    from_unit_id: Mapped[int] = refers_to("unit.id", index=False)
    to_unit_id: Mapped[int] = refers_to("unit.id", index=False)
    reason: Mapped[str]
    not_carried_over: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    """The claims whose criterion had no link: evidence, criterion and what was decided."""
    moved_at: Mapped[datetime]
    moved_by_id: Mapped[int] = refers_to("person.id", index=False)

    from_unit: Mapped[Unit] = relationship(foreign_keys=[from_unit_id])
    to_unit: Mapped[Unit] = relationship(foreign_keys=[to_unit_id])
    moved_by: Mapped[Person] = relationship()


UnitAttempt.is_moved = column_property(
    select(VersionMove.id).where(VersionMove.attempt_id == UnitAttempt.id).correlate_except(VersionMove).exists(),
    deferred=True,
)

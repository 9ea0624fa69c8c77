"""Who opened whose portfolio; how long it is kept, what is held, and what was erased."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.models.base import Base, Line, PrimaryKey, refers_to
from tracker.models.people import Person
from tracker.vocabulary import PortfolioPart, Role


class PortfolioAccess(Base):
    """That somebody read another person's portfolio at a centre: one row a reader, a part and a day."""

    __tablename__ = "portfolio_access"

    candidate_id: Mapped[int] = refers_to("person.id", index=False, primary_key=True)
    centre_id: Mapped[int] = refers_to("centre.id", index=False, primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    """In London."""
    person_id: Mapped[int] = refers_to("person.id", index=False, primary_key=True)
    part: Mapped[PortfolioPart] = mapped_column(primary_key=True)
    role: Mapped[Role]
    """In which they last read it that day."""
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    """To within the hour."""

    person: Mapped[Person] = relationship(foreign_keys=[person_id])


class RetentionRule(Base):
    """How long a centre keeps what belongs to an awarding body’s awards, counted from the end of a registration."""

    __tablename__ = "retention_rule"
    __table_args__ = (
        UniqueConstraint("centre_id", "awarding_body"),
        CheckConstraint("evidence_months BETWEEN 1 AND 600", name="evidence_months"),
        CheckConstraint("record_months BETWEEN evidence_months AND 600", name="record_months"),
    )

    id: Mapped[PrimaryKey]
    centre_id: Mapped[int] = refers_to("centre.id", index=False)
    awarding_body: Mapped[Line]
    """As its qualifications name it; empty for every other, and for single units."""
    evidence_months: Mapped[int]
    record_months: Mapped[int]
    """Decisions, signatures and forms: never shorter than the evidence they rest on."""
    set_at: Mapped[datetime]
    set_by_id: Mapped[int] = refers_to("person.id", index=False)


class RetentionHold(Base):
    """Why nothing of a registration may be erased, as long as it is not lifted."""

    __tablename__ = "retention_hold"
    __table_args__ = (
        Index(
            "uq_retention_hold_live",
            "registration_id",
            unique=True,
            sqlite_where=text("lifted_at IS NULL"),
            postgresql_where=text("lifted_at IS NULL"),
        ),
        CheckConstraint("(lifted_at IS NULL) = (lifted_reason IS NULL)", name="lifted_why"),
    )

    id: Mapped[PrimaryKey]
    registration_id: Mapped[int] = refers_to("registration.id")
    reason: Mapped[str]
    set_at: Mapped[datetime]
    set_by_id: Mapped[int] = refers_to("person.id", index=False)
    lifted_at: Mapped[datetime | None]
    lifted_reason: Mapped[str | None]
    lifted_by_id: Mapped[int | None] = refers_to("person.id", index=False)


class Erasure(Base):
    """That what belonged to a registration was erased: its evidence, or everything that tells whose it was."""

    __tablename__ = "erasure"
    __table_args__ = (UniqueConstraint("registration_id", "is_whole"),)

    id: Mapped[PrimaryKey]
    registration_id: Mapped[int] = refers_to("registration.id", index=False)
    is_whole: Mapped[bool]
    """Decisions' words, forms, numbers and name too; else evidence alone."""
    erased_at: Mapped[datetime]
    erased_by_id: Mapped[int] = refers_to("person.id", index=False)
    is_open: Mapped[bool]
    """Within its own transaction only: while it is, sealed text may give way to the word “Erased”."""

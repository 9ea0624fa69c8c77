"""The portfolio access log, retention rules, retention holds and erasures."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.models.base import Base, Line, PrimaryKey, refers_to
from tracker.models.people import Person
from tracker.vocabulary import PortfolioPart, Role


class PortfolioAccess(Base):
    """An entry of the portfolio access log: one row for each reader, part of the portfolio and day."""

    __tablename__ = "portfolio_access"

    candidate_id: Mapped[int] = refers_to("person.id", index=False, primary_key=True)
    centre_id: Mapped[int] = refers_to("centre.id", index=False, primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    """The day in London."""
    person_id: Mapped[int] = refers_to("person.id", index=False, primary_key=True)
    part: Mapped[PortfolioPart] = mapped_column(primary_key=True)
    role: Mapped[Role]
    """The role in which they last read it that day."""
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    """Updated at most once an hour."""

    person: Mapped[Person] = relationship(foreign_keys=[person_id])


class RetentionRule(Base):
    """How long a centre keeps evidence and records of an awarding body’s awards after a registration has ended."""

    __tablename__ = "retention_rule"
    __table_args__ = (
        UniqueConstraint("centre_id", "awarding_body"),
        CheckConstraint("evidence_months BETWEEN 1 AND 600", name="evidence_months"),
        CheckConstraint("record_months BETWEEN evidence_months AND 600", name="record_months"),
    )

    id: Mapped[PrimaryKey]
    centre_id: Mapped[int] = refers_to("centre.id", index=False)
    awarding_body: Mapped[Line]
    """As its qualifications name it; empty for all other awarding bodies and for single units."""
    evidence_months: Mapped[int]
    record_months: Mapped[int]
    """For decisions, signatures and forms; never shorter than for evidence."""
    set_at: Mapped[datetime]
    set_by_id: Mapped[int] = refers_to("person.id", index=False)


class RetentionHold(Base):
    """A retention hold: nothing of the registration may be erased until it is lifted."""

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
    """An erasure of a registration: of its evidence, or of everything that identifies the candidate."""

    __tablename__ = "erasure"
    __table_args__ = (UniqueConstraint("registration_id", "is_full"),)

    id: Mapped[PrimaryKey]
    registration_id: Mapped[int] = refers_to("registration.id", index=False)
    is_full: Mapped[bool]
    """True if texts of decisions, forms, numbers and the name were erased too; False for evidence alone."""
    erased_at: Mapped[datetime]
    erased_by_id: Mapped[int] = refers_to("person.id", index=False)
    is_open: Mapped[bool]
    """True only during the erasure's own transaction, in which the triggers let sealed text become “Erased”."""

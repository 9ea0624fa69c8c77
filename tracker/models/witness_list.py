"""The witness list of a centre."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.orm import relationship as orm_relationship

from tracker.models.base import Base, Line, PrimaryKey, refers_to
from tracker.models.people import Centre, Person
from tracker.vocabulary import ListedStatus


class ListedWitness(Base):
    """A witness on a centre's list, with their status and its dates. A wrong entry is not changed but removed.

    An expert witness has a note of their CV and the day of their induction (docs/rules.md, Witness list).
    """

    __tablename__ = "listed_witness"
    __table_args__ = (
        CheckConstraint("ends_on IS NULL OR ends_on >= starts_on", name="ends_later"),
        CheckConstraint(
            "status <> 'expert' OR (cv <> '' AND inducted_on IS NOT NULL AND inducted_on <= starts_on)",
            name="expert_with_induction",
        ),
        CheckConstraint("(removed_at IS NULL) = (removed_by_id IS NULL)", name="removed_by_whom"),
        CheckConstraint("(removed_at IS NULL) = (removed_reason IS NULL)", name="removed_why"),
        CheckConstraint("(erased_at IS NULL) = (erased_by_id IS NULL)", name="erased_by_whom"),
        Index("ix_listed_witness_centre_id_email", "centre_id", "email"),
    )

    id: Mapped[PrimaryKey]
    centre_id: Mapped[int] = refers_to("centre.id", index=False)
    name: Mapped[Line]
    email: Mapped[str] = mapped_column(String(254))
    """In lower case; testimonies that are signed with a code sent to this mailbox get the status."""
    relationship: Mapped[Line]
    """The witness's job, or relationship to the candidates."""
    status: Mapped[ListedStatus]
    starts_on: Mapped[date]
    """The first day on which the witness has the status."""
    ends_on: Mapped[date | None]
    """The last day; empty if there is none."""
    inducted_on: Mapped[date | None]
    """The day on which the centre told the witness what the standards ask for."""
    cv: Mapped[str]
    """What the CV shows, and where it is kept; empty for a witness who is no expert."""
    recorded_at: Mapped[datetime]
    recorded_by_id: Mapped[int] = refers_to("person.id", index=False)
    removed_at: Mapped[datetime | None]
    removed_by_id: Mapped[int | None] = refers_to("person.id", index=False)
    removed_reason: Mapped[str | None]
    erased_at: Mapped[datetime | None]
    erased_by_id: Mapped[int | None] = refers_to("person.id", index=False)

    centre: Mapped[Centre] = orm_relationship()
    recorded_by: Mapped[Person] = orm_relationship(foreign_keys=[recorded_by_id])

"""Rules of evidence guidance that centres set for units, beside the unit's own rules."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.models.base import Base, PrimaryKey, refers_to
from tracker.models.people import Person


class CentreEvidenceRule(Base):
    """One version of a centre's rule. A changed rule is a new row; what was written never changes."""

    __tablename__ = "centre_evidence_rule"
    __table_args__ = (
        UniqueConstraint("replaces_id"),
        CheckConstraint("(number = 1) = (replaces_id IS NULL)", name="later_replaces"),
        CheckConstraint("(ended_at IS NULL) = (ended_by_id IS NULL)", name="ended_by_whom"),
        Index("ix_centre_evidence_rule_centre_id_unit_id", "centre_id", "unit_id"),
    )

    id: Mapped[PrimaryKey]
    centre_id: Mapped[int] = refers_to("centre.id", index=False)
    unit_id: Mapped[int] = refers_to("unit.id", index=False)
    number: Mapped[int]
    """Of the version: 1 for the first."""
    replaces_id: Mapped[int | None] = refers_to("centre_evidence_rule.id", index=False)
    """The version before."""
    content: Mapped[dict[str, Any]] = mapped_column(JSON)
    """The rule, as `tracker.units.evidence_rules` writes it, with the version of its format."""
    written_at: Mapped[datetime]
    written_by_id: Mapped[int] = refers_to("person.id", index=False)
    ended_at: Mapped[datetime | None]
    """When a newer version replaced it, or it was ended."""
    ended_by_id: Mapped[int | None] = refers_to("person.id", index=False)

    written_by: Mapped[Person] = relationship(foreign_keys=[written_by_id])
    ended_by: Mapped[Person | None] = relationship(foreign_keys=[ended_by_id])

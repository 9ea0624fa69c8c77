"""Published units, their criteria and evidence requirements, and guidance attached to them."""

from datetime import datetime

from sqlalchemy import JSON, CheckConstraint, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.models.base import Base, Line, PrimaryKey, Sha256, refers_to
from tracker.vocabulary import CriterionKind, DocumentType, LabelOrigin, Simulation


class Unit(Base):
    """One published version of a unit (owner, code, version, revision). Unchanging once attempts rest on it."""

    __tablename__ = "unit"
    __table_args__ = (
        UniqueConstraint("owner_centre_id", "code", "version", "revision"),
        # NULLs never clash in the constraint above
        Index(
            "uq_unit_installation",
            "code",
            "version",
            "revision",
            unique=True,
            sqlite_where=text("owner_centre_id IS NULL"),
            postgresql_where=text("owner_centre_id IS NULL"),
        ),
    )

    id: Mapped[PrimaryKey]
    owner_centre_id: Mapped[int | None] = refers_to("centre.id", index=False)
    """Empty for the installation's own units."""
    code: Mapped[str] = mapped_column(String(60))
    version: Mapped[str] = mapped_column(String(20))
    revision: Mapped[int]
    slug: Mapped[str] = mapped_column(String(100), unique=True)
    title: Mapped[Line]
    full_code: Mapped[str] = mapped_column(String(120))
    """As forms print it: `H128 04 (CFACC15)`."""
    document_type: Mapped[DocumentType]
    simulation: Mapped[Simulation]
    document: Mapped[str]
    """The whole unit as `standards show --json` prints it."""
    content_hash: Mapped[Sha256]
    loaded_at: Mapped[datetime]

    criteria: Mapped[list["Criterion"]] = relationship(back_populates="unit", order_by="Criterion.position")
    requirements: Mapped[list["EvidenceRequirement"]] = relationship(order_by="EvidenceRequirement.position")


class Criterion(Base):
    """One statement of a unit. `parent` is the position of the statement it is nested in."""

    __tablename__ = "criterion"
    __table_args__ = (
        UniqueConstraint("unit_id", "position"),
        CheckConstraint("parent IS NULL OR parent < position", name="parent_before"),
    )

    id: Mapped[PrimaryKey]
    unit_id: Mapped[int] = refers_to("unit.id", index=False)
    position: Mapped[int]
    kind: Mapped[CriterionKind]
    label: Mapped[str] = mapped_column(String(20))
    label_origin: Mapped[LabelOrigin]
    heading: Mapped[str | None]
    parent: Mapped[int | None]
    text: Mapped[str]
    assessable: Mapped[bool]
    simulation_allowed: Mapped[bool | None]

    unit: Mapped[Unit] = relationship(back_populates="criteria")


class EvidenceRequirement(Base):
    """One of a unit's evidence requirements, confirmed by the assessor at sign-off; never a criterion."""

    __tablename__ = "evidence_requirement"
    __table_args__ = (UniqueConstraint("unit_id", "position"),)

    id: Mapped[PrimaryKey]
    unit_id: Mapped[int] = refers_to("unit.id", index=False)
    position: Mapped[int]
    label: Mapped[str] = mapped_column(String(20))
    text: Mapped[str]
    points: Mapped[list[str]] = mapped_column(JSON)


class Guidance(Base):
    """Tips, misconceptions and marking prompts; never criteria."""

    __tablename__ = "guidance"

    id: Mapped[PrimaryKey]
    slug: Mapped[str] = mapped_column(String(100), unique=True)
    title: Mapped[Line]
    document: Mapped[str]
    content_hash: Mapped[Sha256]
    loaded_at: Mapped[datetime]

    units: Mapped[list["GuidanceUnit"]] = relationship(cascade="all, delete-orphan")


class GuidanceUnit(Base):
    """Guidance attached to every version of a unit's code, with what contradicts that unit's own rules."""

    __tablename__ = "guidance_unit"

    guidance_id: Mapped[int] = refers_to("guidance.id", index=False, primary_key=True)
    unit_code: Mapped[str] = mapped_column(String(60), primary_key=True)
    warning: Mapped[str | None]

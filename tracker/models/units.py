"""Published units, their criteria and evidence requirements, the links between them, qualifications and guidance."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.models.base import Base, Line, PrimaryKey, Sha256, refers_to
from tracker.models.people import Person
from tracker.vocabulary import CriterionKind, DocumentType, LabelOrigin, LinkKind, Simulation


class Unit(Base):
    """One published version of a unit (owner, code, version, revision); it never changes once it has attempts."""

    __tablename__ = "unit"
    __table_args__ = (
        UniqueConstraint("owner_centre_id", "code", "version", "revision"),
        # The constraint above treats NULLs as different.
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
    search_text: Mapped[str] = mapped_column(default="", server_default="")
    """Title, suites, keywords and criteria, case folded, for the search."""
    suites: Mapped[str] = mapped_column(default="", server_default="")
    """The suites as printed, for the filter."""
    content_hash: Mapped[Sha256]
    evidence_guidance: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list, server_default="[]")
    """The rules of evidence guidance in the unit's file, as `tracker.units.evidence_rules` writes them."""

    criteria: Mapped[list["Criterion"]] = relationship(back_populates="unit", order_by="Criterion.position")
    requirements: Mapped[list["EvidenceRequirement"]] = relationship(order_by="EvidenceRequirement.position")


class UnitCode(Base):
    """A code that finds a unit: its own, its slug, or an identifier it is published under."""

    __tablename__ = "unit_code"
    __table_args__ = (UniqueConstraint("unit_id", "scheme", "value"),)

    id: Mapped[PrimaryKey]
    unit_id: Mapped[int] = refers_to("unit.id", index=False)
    scheme: Mapped[str] = mapped_column(String(50))
    """`code` or `slug` for the unit's own; otherwise as published, such as `URN` or `SQA`."""
    value: Mapped[str] = mapped_column(String(100))
    normalised: Mapped[str] = mapped_column(String(100), index=True)
    """The value without case, spaces, slashes and hyphens, for comparing."""


class Criterion(Base):
    """One statement of a unit; `parent` is the position of the statement it is nested in."""

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
    """An evidence requirement of a unit, which the assessor confirms at sign-off; it is no criterion."""

    __tablename__ = "evidence_requirement"
    __table_args__ = (UniqueConstraint("unit_id", "position"),)

    id: Mapped[PrimaryKey]
    unit_id: Mapped[int] = refers_to("unit.id", index=False)
    position: Mapped[int]
    label: Mapped[str] = mapped_column(String(20))
    text: Mapped[str]
    points: Mapped[list[str]] = mapped_column(JSON)


class CriterionLink(Base):
    """A confirmed or refused link between two criteria. Proposed links are computed each time and not stored.

    `same` links two units, the one with the smaller id first. `replaced_by` links two versions of one unit, the older
    first. Criteria are named by their positions, since loading a unit again makes new rows.
    """

    __tablename__ = "criterion_link"
    __table_args__ = (
        UniqueConstraint(
            "centre_id",
            "kind",
            "unit_id",
            "position",
            "other_unit_id",
            "other_position",
            name="uq_criterion_link_centre",  # the conventional name is too long for PostgreSQL
        ),
        # The constraint above treats NULLs as different.
        Index(
            "uq_criterion_link_installation",
            "kind",
            "unit_id",
            "position",
            "other_unit_id",
            "other_position",
            unique=True,
            sqlite_where=text("centre_id IS NULL"),
            postgresql_where=text("centre_id IS NULL"),
        ),
        CheckConstraint("unit_id <> other_unit_id", name="two_units"),
        CheckConstraint("similarity BETWEEN 0 AND 100", name="per_cent"),
    )

    id: Mapped[PrimaryKey]
    centre_id: Mapped[int | None] = refers_to("centre.id", index=False)
    """Empty for the links of the installation's standards folder."""
    kind: Mapped[LinkKind]
    unit_id: Mapped[int] = refers_to("unit.id")
    position: Mapped[int]
    other_unit_id: Mapped[int] = refers_to("unit.id")
    other_position: Mapped[int]
    similarity: Mapped[int]
    is_confirmed: Mapped[bool]
    """False if a person decided that the two are not linked."""
    decided_by_id: Mapped[int | None] = refers_to("person.id", index=False)
    decided_at: Mapped[datetime]

    decided_by: Mapped[Person | None] = relationship()


class Qualification(Base):
    """One version of a qualification: its units, groups and rules of combination."""

    __tablename__ = "qualification"
    __table_args__ = (
        UniqueConstraint("owner_centre_id", "code", "version", "revision"),
        Index(
            "uq_qualification_installation",
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
    """Empty for the installation's own."""
    code: Mapped[str] = mapped_column(String(60))
    version: Mapped[str] = mapped_column(String(20))
    revision: Mapped[int]
    slug: Mapped[str] = mapped_column(String(100), unique=True)
    title: Mapped[Line]
    document: Mapped[str]
    content_hash: Mapped[Sha256]


class Guidance(Base):
    """A page of guidance: tips, misconceptions and marking prompts; never criteria."""

    __tablename__ = "guidance"

    id: Mapped[PrimaryKey]
    owner_centre_id: Mapped[int | None] = refers_to("centre.id", index=False)
    """Empty for the installation's own."""
    slug: Mapped[str] = mapped_column(String(100), unique=True)
    title: Mapped[Line]
    document: Mapped[str]
    content_hash: Mapped[Sha256]

    units: Mapped[list["GuidanceUnit"]] = relationship(back_populates="guidance", cascade="all, delete-orphan")


class GuidanceUnit(Base):
    """The attachment of guidance to a unit's code, all versions, with a warning where it contradicts the unit."""

    __tablename__ = "guidance_unit"
    __table_args__ = (
        UniqueConstraint("guidance_id", "unit_code", "centre_id"),
        Index(
            "uq_guidance_unit_installation",
            "guidance_id",
            "unit_code",
            unique=True,
            sqlite_where=text("centre_id IS NULL"),
            postgresql_where=text("centre_id IS NULL"),
        ),
    )

    id: Mapped[PrimaryKey]
    guidance_id: Mapped[int] = refers_to("guidance.id", index=False)
    unit_code: Mapped[str] = mapped_column(String(60), index=True)
    centre_id: Mapped[int | None] = refers_to("centre.id", index=False)
    """The centre that attached it on screen and alone sees it; empty for the installation's own."""
    warning: Mapped[str | None]
    """What contradicts the unit's own rules, as written by the person who attached it."""
    attached_by_id: Mapped[int | None] = refers_to("person.id", index=False)
    attached_at: Mapped[datetime]

    guidance: Mapped[Guidance] = relationship(back_populates="units")
    attached_by: Mapped[Person | None] = relationship()

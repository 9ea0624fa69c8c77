"""Units being drafted from a document on screen, and imports of files of units."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.models.base import Base, Line, PrimaryKey, Sha256, refers_to
from tracker.models.people import Person
from tracker.models.units import Unit
from tracker.vocabulary import DraftState, ImportState


class UnitDraft(Base):
    """A unit between its document and its published version; the source and the reader's output never change."""

    __tablename__ = "unit_draft"
    __table_args__ = (CheckConstraint("(state = 'published') = (unit_id IS NOT NULL)", name="published_as"),)

    id: Mapped[PrimaryKey]
    centre_id: Mapped[int] = refers_to("centre.id")
    state: Mapped[DraftState]
    title: Mapped[Line]
    """The title of the working copy, for lists."""
    source_name: Mapped[Line]
    source_kind: Mapped[str] = mapped_column(String(20))
    source_sha256: Mapped[Sha256 | None]
    """The document's bytes, kept in storage; empty for a unit that was not read from one."""
    source_lines: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    reading: Mapped[str]
    """What the unit reader made of the document, as JSON; statements can be restored from it."""
    document: Mapped[str]
    """The working copy, as JSON."""
    replaces_unit_id: Mapped[int | None] = refers_to("unit.id", index=False)
    """The version that this one corrects or follows, if any."""
    unit_id: Mapped[int | None] = refers_to("unit.id", index=False)
    """The version that it was published as."""
    made_by_id: Mapped[int] = refers_to("person.id", index=False)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    """When it was published or discarded."""
    version: Mapped[int] = mapped_column()
    """Counts changes, so that two people cannot overwrite each other's."""

    made_by: Mapped[Person] = relationship()
    unit: Mapped[Unit | None] = relationship(foreign_keys=[unit_id])

    __mapper_args__ = {"version_id_col": version}


class ImportRun(Base):
    """An import of a file of units: previewed first, then run by a job, a few units at a time."""

    __tablename__ = "import_run"

    id: Mapped[PrimaryKey]
    centre_id: Mapped[int] = refers_to("centre.id")
    format: Mapped[str] = mapped_column(String(20))
    file_name: Mapped[Line]
    sha256: Mapped[Sha256]
    """The file's bytes, kept in storage until the run has ended."""
    state: Mapped[ImportState]
    total: Mapped[int]
    done: Mapped[int]
    outcome: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    """The outcome for each unit."""
    message: Mapped[str]
    """What went wrong, and how to put it right."""
    started_by_id: Mapped[int] = refers_to("person.id", index=False)
    grant_id: Mapped[int | None] = refers_to("grant.id", index=False)
    session_ref: Mapped[str | None] = mapped_column(String(40))
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column()

    started_by: Mapped[Person] = relationship()

    __mapper_args__ = {"version_id_col": version}

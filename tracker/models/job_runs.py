"""Long jobs that people start and follow: their progress, and what each step did for a candidate."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.models.base import Base, Line, PrimaryKey, Sha256, refers_to
from tracker.models.people import Person
from tracker.vocabulary import JobState


class JobRun(Base):
    """A long job that a person started: what it is about, how far it is, and its result."""

    __tablename__ = "job_run"
    __table_args__ = (
        CheckConstraint("done >= 0 AND done <= total", name="done"),
        Index("ix_job_run_state", "state", "id"),
        Index("ix_job_run_kind_subject_id", "kind", "subject_id"),
        Index("ix_job_run_expires_at", "expires_at"),
        Index(
            "ix_job_run_files_to_delete",
            "id",
            sqlite_where=text("files_to_delete IS NOT NULL"),
            postgresql_where=text("files_to_delete IS NOT NULL"),
        ),
    )

    id: Mapped[PrimaryKey]
    kind: Mapped[str] = mapped_column(String(40))
    """The name of a `JobKind` in `tracker.job_runs.kinds`."""
    centre_id: Mapped[int] = refers_to("centre.id")
    subject_id: Mapped[int | None]
    """The row of the kind's own table that the job is about, if it has one."""
    title: Mapped[Line]
    """What the job is, without the name of a candidate."""
    parameters: Mapped[dict[str, Any]] = mapped_column(JSON)
    """Ids and numbers only, at most `MAX_PARAMETERS` bytes as JSON."""
    state: Mapped[JobState]
    total: Mapped[int]
    done: Mapped[int]
    """How many steps are done; the next step has this number."""
    attempts: Mapped[int]
    """How often a worker has begun the step that is next."""
    message: Mapped[str]
    """Why it failed, and what to do; or a remark about its result."""
    started_by_id: Mapped[int] = refers_to("person.id")
    grant_id: Mapped[int | None] = refers_to("grant.id", index=False)
    session_ref: Mapped[str | None] = mapped_column(String(40))
    started_at: Mapped[datetime]
    progressed_at: Mapped[datetime]
    """When a worker took it up, or a step was done last."""
    ended_at: Mapped[datetime | None]
    result_name: Mapped[str] = mapped_column(String(200))
    result_sha256: Mapped[Sha256 | None]
    result_size: Mapped[int]
    expires_at: Mapped[datetime | None]
    """When its files are deleted."""
    files_to_delete: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    """Hashes of files that no row needs any more, until they are deleted from the store."""
    version: Mapped[int] = mapped_column()

    started_by: Mapped[Person] = relationship()

    __mapper_args__ = {"version_id_col": version}


class JobStep(Base):
    """What a step of a job run did for one candidate's unit: the file it made, or why it made none."""

    __tablename__ = "job_step"
    __table_args__ = (UniqueConstraint("run_id", "number"),)

    id: Mapped[PrimaryKey]
    run_id: Mapped[int] = refers_to("job_run.id", index=False)
    number: Mapped[int]
    candidate_id: Mapped[int] = refers_to("person.id")
    attempt_id: Mapped[int] = refers_to("unit_attempt.id", index=False)
    outcome: Mapped[str] = mapped_column(String(20))
    """A word of the kind: a `FormOutcome` of a printed form."""
    sha256: Mapped[Sha256 | None]
    """The file that the step made, until the result is put together."""
    file_note: Mapped[str | None] = mapped_column(String(200))
    """The hash of the file again, encrypted under a key derived from `SECRET_KEY`: the product stored the file."""
    size: Mapped[int]

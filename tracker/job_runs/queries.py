"""Job runs as they are stored now, locked or not, and the one whose turn it is."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, or_, select

from tracker.clock import now
from tracker.extensions import db
from tracker.job_runs.kinds import list_kinds
from tracker.models import JobRun
from tracker.turns import choose_next
from tracker.vocabulary import JobState

STALLED_AFTER = timedelta(minutes=2)
"""Without progress for this long, the worker of a job run is thought to have died."""
MAX_DUE = 1000
"""The most job runs of which the next one is chosen."""


@dataclass(frozen=True)
class DueRun:
    """A job run that a worker may take up."""

    number: int
    person_id: int
    asked_at: datetime


def is_due() -> ColumnElement[bool]:
    """Return the condition for job runs that a worker may take up: they wait, or their worker died."""
    stalled = (JobRun.state == JobState.RUNNING) & (JobRun.progressed_at <= now() - STALLED_AFTER)
    return or_(JobRun.state == JobState.WAITING, stalled)


def is_known() -> ColumnElement[bool]:
    """Return the condition for job runs of a kind that this release has. During an upgrade a newer one has others."""
    return JobRun.kind.in_([kind.name for kind in list_kinds()])


def find_next_run(left_out: Collection[int] = ()) -> int | None:
    """Return the id of the job run whose turn it is (`tracker/turns.py`), or None if none is to be done.

    Those that are `left_out`, by their ids, are not considered.
    """
    due = select(JobRun.id, JobRun.started_by_id, JobRun.started_at).where(is_due(), is_known())
    due = due.where(JobRun.id.not_in(left_out)).order_by(JobRun.id)
    waiting = [DueRun(*row) for row in db.session.execute(due.limit(MAX_DUE))]
    if not waiting:
        return None
    has_begun = (JobRun.done > 0) | (JobRun.state != JobState.WAITING)
    last_done = (
        select(JobRun.started_by_id, func.max(JobRun.progressed_at))
        .where(JobRun.started_by_id.in_({run.person_id for run in waiting}), has_begun)
        .where(JobRun.progressed_at >= min(run.asked_at for run in waiting))
        .group_by(JobRun.started_by_id)
    )
    in_progress = select(JobRun.started_by_id).where(JobRun.state == JobState.RUNNING, ~is_due())
    done_at = {row[0]: row[1] for row in db.session.execute(last_done)}
    return choose_next(waiting, done_at, set(db.session.scalars(in_progress))).number


def is_other_waiting(person_id: int) -> bool:
    """Return whether a job run of another person waits."""
    query = select(JobRun.id).where(JobRun.state == JobState.WAITING, JobRun.started_by_id != person_id, is_known())
    return db.session.scalar(query.limit(1)) is not None


def find_run(run_id: int, *, lock: bool = False) -> JobRun | None:
    """Return a job run, read anew, or None; `lock` locks its row until the transaction ends."""
    query = select(JobRun).where(JobRun.id == run_id).execution_options(populate_existing=True)
    return db.session.scalars(query.with_for_update(of=JobRun) if lock else query).one_or_none()


def find_run_about(kind: str, subject_id: int, *, lock: bool = False) -> JobRun | None:
    """Return the newest job run of a kind about a row of the kind's own table, or None."""
    query = (
        select(JobRun)
        .where(JobRun.kind == kind, JobRun.subject_id == subject_id)
        .order_by(JobRun.id.desc())
        .limit(1)
        .execution_options(populate_existing=True)
    )
    return db.session.scalars(query.with_for_update(of=JobRun) if lock else query).one_or_none()

"""Job runs as they are stored now, locked or not."""

from sqlalchemy import select

from tracker.extensions import db
from tracker.models import JobRun


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

"""Job runs as pages and workers read them."""

from dataclasses import dataclass

from sqlalchemy import select

from tracker.extensions import db
from tracker.models import JobRun
from tracker.vocabulary import JobState
from tracker.web.formatting import counted


@dataclass(frozen=True)
class JobProgress:
    """How far a job run is, as its page and the page's script show it."""

    state: JobState
    done: int
    total: int
    noun: str
    has_worker: bool

    @property
    def is_open(self) -> bool:
        """Return whether it waits or runs."""
        return self.state in {JobState.WAITING, JobState.RUNNING}

    @property
    def is_stuck(self) -> bool:
        """Return whether it waits because no worker is running."""
        return self.is_open and not self.has_worker

    @property
    def text(self) -> str:
        """Return the progress in words, such as `12 of 40 forms`."""
        words = f"{self.done:,} of {counted(self.total, self.noun)}"
        if self.is_stuck:
            return f"{words}, waiting for the background worker"
        if self.state is JobState.WAITING and not self.done:
            return f"{words}, waiting for other jobs"
        if self.state is JobState.RUNNING and self.done == self.total:
            return f"{words}, the file is being made"
        return words


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

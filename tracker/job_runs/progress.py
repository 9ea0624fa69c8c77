"""How far a job run is, as its page and the page's script show it."""

from dataclasses import dataclass

from tracker.background import jobs
from tracker.job_runs.kinds import get_kind
from tracker.models import JobRun
from tracker.vocabulary import JobState

OPEN_STATES = frozenset({JobState.WAITING, JobState.RUNNING})


@dataclass(frozen=True)
class JobProgress:
    """How far a job run is."""

    state: JobState
    done: int
    total: int
    words: str
    """What is done, such as `12 of 40 forms`."""
    has_worker: bool

    @property
    def is_open(self) -> bool:
        """Return whether it waits or runs."""
        return self.state in OPEN_STATES

    @property
    def is_stuck(self) -> bool:
        """Return whether it waits because no worker is running."""
        return self.is_open and not self.has_worker

    @property
    def text(self) -> str:
        """Return the progress in words, with what it waits for."""
        if self.is_stuck:
            return f"{self.words}, waiting for the background worker"
        if self.state is JobState.WAITING and not self.done:
            return f"{self.words}, waiting for other jobs"
        if self.state is JobState.RUNNING and self.done == self.total:
            return f"{self.words}, nearly finished"
        return self.words


def build_progress(run: JobRun) -> JobProgress:
    """Return the progress of a job run. Only while it is open, it is looked up whether a worker runs."""
    words = get_kind(run.kind).describe_progress(run)
    has_worker = run.state not in OPEN_STATES or jobs.get_jobs().has_worker()
    return JobProgress(run.state, run.done, run.total, words, has_worker)

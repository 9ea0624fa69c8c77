"""Starting, cancelling and retrying job runs. What a worker does with them is in `running.py`."""

from typing import Any

from sqlalchemy import func, select

from tracker.background import jobs
from tracker.clock import now
from tracker.errors import Refused
from tracker.extensions import db
from tracker.job_runs.files import drop_files
from tracker.job_runs.kinds import JobKind, check_parameters, get_kind
from tracker.job_runs.progress import OPEN_STATES
from tracker.job_runs.running import NO_LONGER_ALLOWED, may_continue, run_job
from tracker.ledger.events import Actor
from tracker.models import JobRun
from tracker.vocabulary import JobState

MAX_OPEN_RUNS = 3
"""The most job runs of a kind that wait or run for one person."""
MAX_TITLE_LENGTH = 200


def start_run(
    kind: JobKind,
    actor: Actor,
    *,
    centre_id: int,
    title: str,
    total: int,
    parameters: dict[str, Any] | None = None,
    subject_id: int | None = None,
) -> JobRun:
    """Store a job run and queue it once the transaction is committed.

    Raises:
        Invalid: the parameters are too many.
        Refused: the person has too many of the kind that wait or run.
    """
    check_parameters(parameters or {})
    open_runs = select(func.count(JobRun.id)).where(
        JobRun.started_by_id == actor.person_id, JobRun.kind == kind.name, JobRun.state.in_(OPEN_STATES)
    )
    if (db.session.scalar(open_runs) or 0) >= MAX_OPEN_RUNS:
        raise Refused(
            f"{MAX_OPEN_RUNS} jobs of this kind are waiting or running for you already. Nothing was started. "
            "Wait until one has finished, or cancel one."
        )
    run = add_run(
        kind, actor, centre_id=centre_id, title=title, total=total, parameters=parameters, subject_id=subject_id
    )
    kind.on_start(run, actor)
    jobs.enqueue(run_job, run.id)
    return run


def add_run(
    kind: JobKind,
    actor: Actor,
    *,
    centre_id: int,
    title: str,
    total: int,
    parameters: dict[str, Any] | None = None,
    subject_id: int | None = None,
) -> JobRun:
    """Store a job run that waits. It is not queued: `resume_job_runs` does that within a minute."""
    assert actor.person_id is not None  # noqa: S101 - people start them
    run = JobRun(
        kind=kind.name,
        centre_id=centre_id,
        subject_id=subject_id,
        title=title[-MAX_TITLE_LENGTH:],
        parameters=parameters or {},
        state=JobState.WAITING,
        total=total,
        done=0,
        attempts=0,
        message="",
        started_by_id=actor.person_id,
        grant_id=actor.grant_id,
        session_ref=actor.session_ref,
        started_at=now(),
        progressed_at=now(),
        result_name="",
        result_size=0,
    )
    db.session.add(run)
    db.session.flush()
    return run


def may_cancel(run: JobRun) -> bool:
    """Return whether a job run has not ended, and has work left that would not be done, or a file to delete."""
    is_done = run.total > 0 and run.done >= run.total and get_kind(run.kind).file_lifetime is None
    return run.state in {*OPEN_STATES, JobState.FAILED} and not is_done


def cancel_run(run: JobRun, actor: Actor) -> None:
    """Cancel a job run. A step that a worker is doing is not stored; the files of earlier steps are deleted."""
    if run.state not in {*OPEN_STATES, JobState.FAILED}:
        raise Refused(f"This job is {run.state.label.lower()} already. Nothing was changed.")
    if not may_cancel(run):
        raise Refused("The work of this job is done already. Nothing was changed.")
    run.state, run.ended_at, run.expires_at = JobState.CANCELLED, now(), None
    drop_files(run)
    get_kind(run.kind).on_cancel(run, actor)


def retry_run(run: JobRun, actor: Actor | None) -> None:
    """Continue a failed job run at the step at which it failed, in the name of the person who retries it.

    From then on it is their job: their role has to last, and its file is theirs alone. The actor is None for the
    operator, who has no role under which an event could be recorded; then it stays with the person who started it.

    Raises:
        Refused: it has not failed, or the operator retries it and the person who started it lost the role.
    """
    if run.state is not JobState.FAILED:
        raise Refused(f"This job is {run.state.label.lower()}. Nothing was changed.")
    if actor:
        assert actor.person_id is not None  # noqa: S101 - people retry them
        run.started_by_id, run.grant_id, run.session_ref = actor.person_id, actor.grant_id, actor.session_ref
        run.started_at = now()
    elif not may_continue(run):
        raise Refused(f"{NO_LONGER_ALLOWED} Nothing was changed.")
    run.state, run.attempts, run.message = JobState.WAITING, 0, ""
    run.ended_at, run.expires_at, run.progressed_at = None, None, now()
    get_kind(run.kind).on_retry(run, actor)
    jobs.enqueue(run_job, run.id)

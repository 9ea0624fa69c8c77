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
from tracker.job_runs.running import run_job
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
    assert actor.person_id is not None  # noqa: S101 - people start them
    parameters = parameters or {}
    check_parameters(parameters)
    open_runs = select(func.count(JobRun.id)).where(
        JobRun.started_by_id == actor.person_id, JobRun.kind == kind.name, JobRun.state.in_(OPEN_STATES)
    )
    if (db.session.scalar(open_runs) or 0) >= MAX_OPEN_RUNS:
        raise Refused(
            f"{MAX_OPEN_RUNS} jobs of this kind are waiting or running for you already. Nothing was started. "
            "Wait until one has finished, or cancel one."
        )
    run = JobRun(
        kind=kind.name,
        centre_id=centre_id,
        subject_id=subject_id,
        title=title[-MAX_TITLE_LENGTH:],
        parameters=parameters,
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
    kind.on_start(run, actor)
    jobs.enqueue(run_job, run.id)
    return run


def cancel_run(run: JobRun, actor: Actor) -> None:
    """Cancel a job run. A step that a worker is doing is not stored; the files of earlier steps are deleted."""
    if run.state not in {*OPEN_STATES, JobState.FAILED}:
        raise Refused(f"This job is {run.state.label.lower()} already. Nothing was changed.")
    run.state, run.ended_at, run.expires_at = JobState.CANCELLED, now(), None
    drop_files(run)
    get_kind(run.kind).on_cancel(run, actor)


def retry_run(run: JobRun, actor: Actor | None) -> None:
    """Continue a failed job run at the step at which it failed.

    The actor is None for the operator, who has no role under which an event could be recorded.
    """
    if run.state is not JobState.FAILED:
        raise Refused(f"This job is {run.state.label.lower()}. Nothing was changed.")
    run.state, run.attempts, run.message = JobState.WAITING, 0, ""
    run.ended_at, run.expires_at, run.progressed_at = None, None, now()
    get_kind(run.kind).on_retry(run, actor)
    jobs.enqueue(run_job, run.id)

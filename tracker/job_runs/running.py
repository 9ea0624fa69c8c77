"""How a worker does a job run: one step after the other, each stored in a transaction of its own.

The database says which step is next. So a job run that lost its worker, or its place in the queue, continues where it
was: `resume_job_runs` queues it again. The work of a step may be done twice, and is stored once.
"""

import time
from collections.abc import Callable, Collection
from contextlib import suppress
from logging import getLogger
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError

from tracker.background import jobs
from tracker.clock import now
from tracker.errors import Busy, Conflict, Refused, TrackerError
from tracker.extensions import db
from tracker.job_runs.files import delete_unstored_files, drop_files, drop_step_files, keep_result, set_expiry
from tracker.job_runs.kinds import (
    JobKind,
    RunFacts,
    StepFileLost,
    StoredResult,
    get_actor,
    get_kind,
    get_roles,
    read_facts,
)
from tracker.job_runs.queries import find_next_run, find_run, is_due, is_other_waiting
from tracker.ledger.events import Actor
from tracker.ledger.transactions import reading, transaction
from tracker.models import Grant, JobRun, JobStep, Person
from tracker.vocabulary import JobState

MAX_ATTEMPTS = 3
"""How often a step is begun before the job run is given up."""
MAX_TRIES = 3
"""How often a step is stored again after a conflict with another transaction."""
MAX_REPEATS = 10
"""How often a step is done in one turn without storing anything, before the job run is given up."""
MAX_RESUMED = 100
"""The most job runs that are queued again in one minute."""
NO_LONGER_ALLOWED = (
    "The person who started this job no longer has the role for it, or their account is closed. An administrator of "
    "the centre can continue it in their own name."
)
logger = getLogger(__name__)


def run_job(_queued_id: int) -> None:
    """Do what is left of a job run, for one turn. A queued job.

    It is the job run whose turn it is, not always the one that was queued: the queue has one such job for each.
    """
    run = _take_up_next()
    if run is None:
        return
    run_id = run.id
    try:
        _take_turn(run, get_kind(run.kind))
    except (Conflict, Busy) as error:
        _hand_back(run_id, str(error))
    except StepFileLost as error:
        mark_failed(run_id, str(error), starts_over=True)
    except TrackerError as error:
        mark_failed(run_id, str(error))
    except Exception as error:
        logger.exception("Job run %s stopped by an error", run_id)
        _hand_back(run_id, f"Something went wrong on the server ({type(error).__name__}).")


def resume_job_runs() -> None:
    """Queue the job runs that wait without being queued, and those whose worker died. A job of every minute."""
    due = select(JobRun.id).where(is_due()).order_by(JobRun.id)
    with reading():
        run_ids = list(db.session.scalars(due.limit(MAX_RESUMED)))
    queue = jobs.get_jobs()
    for run_id in run_ids:
        if not queue.has_waiting(run_job, run_id):
            queue.put(run_job, run_id)


def renew_progress(run_id: int) -> None:
    """Note that the worker of a job run is alive, while it makes the result."""
    with transaction():
        run = find_run(run_id, lock=True)
        if run and run.state is JobState.RUNNING:
            run.progressed_at = now()


def mark_failed(run_id: int, reason: str, *, starts_over: bool = False) -> None:
    """Mark a job run as failed, with a sentence that says why and what to do.

    A retry continues at the step that is next, or begins at the first one if the job run `starts_over`.
    """
    with reading():
        run = find_run(run_id)
        facts = read_facts(run) if run else None
    if facts is None:
        return
    kind = get_kind(facts.kind)
    with transaction():
        kind.lock(facts)
        run = find_run(run_id, lock=True)
        if run and run.state in {JobState.WAITING, JobState.RUNNING}:
            run.state, run.ended_at = JobState.FAILED, now()
            run.message = kind.describe_failure(read_facts(run), reason)
            if starts_over:
                drop_files(run)
                run.done = 0
            set_expiry(run)
            kind.on_fail(run, get_actor(run) if may_continue(run) else None)


def _take_up_next() -> RunFacts | None:
    """Take up the job run whose turn it is; return its facts, or None if there is none to do.

    One that cannot be taken up, because of an error, does not keep the others from being done.
    """
    left_out: set[int] = set()
    while (run_id := _find_next(left_out)) is not None:
        try:
            facts = _take_up(run_id)
        except Exception:
            logger.exception("Job run %s could not be taken up. The next one is done first", run_id)
            left_out.add(run_id)
            continue
        if facts:
            return facts
    return None


def _find_next(left_out: Collection[int]) -> int | None:
    with reading():
        return find_next_run(left_out)


def _take_up(run_id: int) -> RunFacts | None:
    """Mark a job run as running and return its facts; None if it failed, or another worker took it up."""
    with transaction():
        run = find_run(run_id, lock=True)
        if run is None or db.session.scalar(select(JobRun.id).where(JobRun.id == run_id, is_due())) is None:
            return None
        if run.attempts < MAX_ATTEMPTS and may_continue(run):
            run.state, run.progressed_at = JobState.RUNNING, now()
            run.attempts += 1
            return read_facts(run)
        reason = describe_dead_run(run) if run.attempts >= MAX_ATTEMPTS else NO_LONGER_ALLOWED
    mark_failed(run_id, reason)
    return None


def describe_dead_run(run: JobRun) -> str:
    """Return the sentence about a job run whose worker died at one step again and again."""
    place = f"at step {run.done + 1:,}" if run.done < run.total else "after the last step"
    return f"The worker stopped {run.attempts} times {place}. Tell your system operator."


def may_continue(run: JobRun) -> bool:
    """Return whether the person who started it still has a role at its centre for it, and an open account.

    It must be the role in which they started it. So a row that names another one lets the worker do nothing.
    """
    query = (
        select(Grant.id)
        .join(Person, Person.id == Grant.person_id)
        .where(
            Grant.id == run.grant_id,
            Grant.person_id == run.started_by_id,
            Grant.centre_id == run.centre_id,
            Grant.role.in_(get_roles(get_kind(run.kind))),
            Grant.starts_at <= now(),
            or_(Grant.ends_at.is_(None), Grant.ends_at > now()),
            Person.deactivated_at.is_(None),
        )
    )
    return db.session.scalar(query) is not None


def _check_may_continue(run: JobRun) -> None:
    if not may_continue(run):
        raise Refused(NO_LONGER_ALLOWED)


def _take_turn(run: RunFacts, kind: JobKind) -> None:
    """Take steps until the job run has ended, the worker is stopping or the turn is over."""
    queue = jobs.get_jobs()
    end = time.monotonic() + kind.turn_seconds
    prepared = kind.prepare(run)
    done, repeats = run.done, 0
    while _take_next_step(run.id, kind, prepared):
        stored = _read_done(run.id)
        done, repeats = stored, 0 if stored > done else repeats + 1
        if repeats >= MAX_REPEATS:
            raise TrackerError(
                f"Step {done + 1:,} was done {repeats} times without storing anything. Tell your system operator."
            )
        if queue.stopping.is_set():
            _hand_back(run.id)
            return
        if repeats or done >= run.total:
            continue  # repeats are counted in one turn, and after the last step only the result is to be made
        if time.monotonic() > end or (kind.ends_turn_for_others and _is_other_waiting(run.actor)):
            _hand_back(run.id)
            queue.put(run_job, run.id)
            return


def _is_other_waiting(actor: Actor) -> bool:
    assert actor.person_id is not None  # noqa: S101 - people start job runs
    with reading():
        return is_other_waiting(actor.person_id)


def _read_done(run_id: int) -> int:
    with reading():
        run = find_run(run_id)
        return run.done if run else 0


def _take_next_step(run_id: int, kind: JobKind, prepared: Any) -> bool:
    """Take the next step, or finish after the last one. Return whether there is more to do."""
    with reading():
        run = find_run(run_id)
        facts = read_facts(run) if run and run.state is JobState.RUNNING else None
    if facts is None:
        return False
    try:
        if facts.done >= facts.total:
            return not _finish(facts, kind)
        store = kind.take_step(facts, prepared)
        _store_with_retries(facts, kind, store)
    finally:
        delete_unstored_files(facts)
    return True


def _store_with_retries(facts: RunFacts, kind: JobKind, store: Callable[[JobRun], int]) -> None:
    """Store a step, and again after a conflict with another writer."""
    for _ in range(MAX_TRIES - 1):
        with suppress(Conflict, IntegrityError, StaleDataError):
            store_step(facts, kind, store)
            return
        logger.info("Step %s of job run %s is stored again", facts.done, facts.id)
    store_step(facts, kind, store)


def store_step(facts: RunFacts, kind: JobKind, store: Callable[[JobRun], int]) -> None:
    """Store a step and count it, unless the job run was cancelled or another worker stored it first."""
    with transaction():
        kind.lock(facts)
        run = find_run(facts.id, lock=True)
        if run and run.state is JobState.RUNNING and run.done == facts.done:
            _check_may_continue(run)
            run.done += store(run)
            run.progressed_at, run.attempts = now(), 1  # this worker begins the next one


def _finish(facts: RunFacts, kind: JobKind) -> bool:
    """Make and store the result. Return False if the steps changed meanwhile: it is made again."""
    result = kind.make_result(facts)
    with transaction():
        kind.lock(facts)
        run = find_run(facts.id, lock=True)
        if run is None or run.state is not JobState.RUNNING:
            return True
        if result and result.step_ids != set(db.session.scalars(select(JobStep.id).where(JobStep.run_id == run.id))):
            return False  # somebody's records were erased while the file was made
        _check_may_continue(run)
        _store_result(run, result)
        run.state, run.ended_at, run.progressed_at, run.attempts = JobState.FINISHED, now(), now(), 0
        set_expiry(run)
        kind.on_finish(run, facts.actor)
    return True


def _store_result(run: JobRun, result: StoredResult | None) -> None:
    if result:
        keep_result(run, result)
        drop_step_files(run)


def _hand_back(run_id: int, reason: str = "") -> None:
    """Let the next worker take a job run up; after an error only if the step was not begun too often."""
    with transaction():
        run = find_run(run_id, lock=True)
        if run is None or run.state is not JobState.RUNNING:
            return
        if not reason:
            run.attempts = 0
        if run.attempts < MAX_ATTEMPTS:
            run.state, run.progressed_at = JobState.WAITING, now()
            return
    mark_failed(run_id, reason)

"""The files of job runs: those of their steps and the result, kept for some hours and deleted when one is erased.

What is to be deleted is stored with the job run in the transaction that drops it. So a process that is killed before
it deleted the files leaves them to the next minute of the worker. A new file is named there before it is saved, until
a row refers to it. So it is deleted too where its step is not stored.
"""

import hashlib
import json
from collections.abc import Collection, Iterable
from logging import getLogger
from typing import IO

from sqlalchemy import delete, func, select

from tracker.clock import now
from tracker.extensions import db
from tracker.job_runs.kinds import RunFacts, StepFileLost, StoredResult, get_kind
from tracker.job_runs.queries import find_run
from tracker.ledger import transactions
from tracker.models import JobRun, JobStep
from tracker.storage import file_store
from tracker.storage.file_references import is_referenced
from tracker.vocabulary import JobState
from tracker.web.encryption import decrypt, encrypt

MAX_AT_ONCE = 50
"""The most job runs whose files are deleted in one minute."""
BATCH = 20
"""Files that are deleted in one transaction."""
STEP_FILE_LOST = (
    "A file of a step of this job is missing, damaged or not the one that was made, so there is no result. "
    "Retry this job to make all of them again."
)
ADVISORY_LOCK = 0x6A6F6266
"""The id of PostgreSQL's advisory lock of `_lock_names`."""
logger = getLogger(__name__)


def save_file(facts: RunFacts, stream: IO[bytes]) -> file_store.StoredFile:
    """Save a file of a step or the result, with no transaction open. It is deleted unless `keep_file` keeps it."""
    stream.seek(0)
    sha256 = hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]
    with transactions.transaction():
        _lock_names()
        run = find_run(facts.id, lock=True)
        if run:
            run.files_to_delete = sorted({*(run.files_to_delete or ()), sha256})
    facts.saved.append(sha256)
    return file_store.save(stream)


def keep_file(run: JobRun, sha256: str) -> None:
    """Keep a saved file, in the transaction in which a row of the job run begins to refer to it."""
    run.files_to_delete = [each for each in run.files_to_delete or () if each != sha256] or None


def keep_result(run: JobRun, result: StoredResult) -> None:
    """Keep the file of a result, and note that the product stored it for this job run.

    The note is encrypted, so that nobody can let a page send another stored file by a row in the database.
    """
    run.result_name, run.result_sha256, run.result_size = result.name, result.sha256, result.size
    run.parameters = {**run.parameters, "result": encrypt(result.sha256, _name_purpose(run))}
    keep_file(run, result.sha256)


def keep_step_file(run: JobRun, step: JobStep, sha256: str) -> None:
    """Keep the file of a step, and note that the product stored it for this step, as `keep_result` does."""
    step.sha256, step.file_note = sha256, encrypt(sha256, _name_step_purpose(step))
    keep_file(run, sha256)


def get_step_file(step: JobStep) -> str | None:
    """Return the hash of the file that the product stored for a step, or None for a step that made no file.

    Raises `StepFileLost` if the step names a file that the product did not store for it.
    """
    if step.sha256 and (not step.file_note or decrypt(step.file_note, _name_step_purpose(step)) != step.sha256):
        raise StepFileLost(STEP_FILE_LOST)
    return step.sha256


def find_result(run: JobRun) -> str | None:
    """Return the hash of the file that the product stored for a job run, or None if it has none."""
    note = run.parameters.get("result")
    if run.result_sha256 is None or not isinstance(note, str):
        return None
    return run.result_sha256 if decrypt(note, _name_purpose(run)) == run.result_sha256 else None


def _name_purpose(run: JobRun) -> str:
    """Return the purpose of a note's key, which names what the job run is and what it was made of."""
    facts = {name: value for name, value in run.parameters.items() if name != "result"}
    about = [run.id, run.kind, run.centre_id, run.subject_id, facts]
    return f"result of job run {json.dumps(about, sort_keys=True)}"


def _name_step_purpose(step: JobStep) -> str:
    """Return the purpose of a step's note's key, which names the step and what it says was made."""
    about = [step.run_id, step.number, step.candidate_id, step.attempt_id, step.outcome, step.size]
    return f"file of job step {json.dumps(about)}"


def delete_unstored_files(facts: RunFacts) -> None:
    """Delete what was saved for a step or the result, unless it was stored in a row."""
    if facts.saved:
        _delete_now(facts.id, facts.saved)


def list_step_files(run_id: int) -> list[JobStep]:
    """List the steps of a job run that made a file, in their order."""
    query = select(JobStep).where(JobStep.run_id == run_id, JobStep.sha256.is_not(None)).order_by(JobStep.number)
    return list(db.session.scalars(query))


def drop_step_files(run: JobRun) -> None:
    """Delete the files of the steps that the result replaces; the steps still say whose forms are in it."""
    hashes = []
    for step in list_step_files(run.id):
        hashes.append(step.sha256)
        step.sha256 = None
    _delete_after_commit(run, (sha256 for sha256 in hashes if sha256 != run.result_sha256))


def drop_files(run: JobRun) -> None:
    """Delete the result, the steps and their files. The caller has locked the job run, and commits."""
    hashes = [run.result_sha256, *(step.sha256 for step in list_step_files(run.id))]
    db.session.execute(delete(JobStep).where(JobStep.run_id == run.id))
    run.result_sha256, run.result_size, run.expires_at = None, 0, None
    _delete_after_commit(run, hashes)


def drop_files_of(candidate_id: int, centre_id: int) -> None:
    """Delete every file that a job run at a centre made from a candidate's records; for an erasure, which commits.

    A run that is not finished continues without the candidate. The caller has locked the candidate's attempts, so no
    step about them is stored meanwhile.
    """
    about = select(JobStep.run_id).where(JobStep.candidate_id == candidate_id)
    query = (
        select(JobRun)
        .where(JobRun.id.in_(about), JobRun.centre_id == centre_id)
        .order_by(JobRun.id)
        .with_for_update(of=JobRun)
        .execution_options(populate_existing=True)
    )
    for run in db.session.scalars(query).all():
        steps = select(JobStep).where(JobStep.run_id == run.id, JobStep.candidate_id == candidate_id)
        hashes = [step.sha256 for step in db.session.scalars(steps)]
        db.session.execute(delete(JobStep).where(JobStep.run_id == run.id, JobStep.candidate_id == candidate_id))
        if run.result_sha256:
            hashes.append(run.result_sha256)
            run.result_sha256, run.result_size, run.message = None, 0, get_kind(run.kind).erased_message
        _delete_after_commit(run, hashes)


def delete_expired_job_files() -> None:
    """Delete the files of job runs that ended long enough ago, and what was left to delete. A job of every minute.

    Those of a running job run wait: a worker may have saved a file that it is about to store.
    """
    is_left = JobRun.files_to_delete.is_not(None) & (JobRun.state != JobState.RUNNING)
    left = select(JobRun.id).where(is_left).order_by(JobRun.id).limit(MAX_AT_ONCE)
    expired = select(JobRun.id).where(JobRun.expires_at <= now()).order_by(JobRun.id).limit(MAX_AT_ONCE)
    with transactions.reading():
        runs = [
            (run.id, run.files_to_delete) for run in db.session.scalars(select(JobRun).where(JobRun.id.in_(left)))
        ]
        is_due = db.session.scalar(expired.limit(1)) is not None
    for run_id, hashes in runs:
        delete_dropped_files(run_id, hashes or ())
    if is_due:
        with transactions.transaction():
            query = select(JobRun).where(JobRun.id.in_(expired)).order_by(JobRun.id).with_for_update(of=JobRun)
            for run in db.session.scalars(query).all():
                drop_files(run)
                if run.state is JobState.FAILED:
                    run.done = 0  # without its files, a retry has to begin again


def delete_dropped_files(run_id: int, hashes: Collection[str]) -> None:
    """Delete files of a job run from the store, unless other rows need them, and then forget them.

    A file with the same content that another job run has named too stays: that one is about to refer to it, or
    deletes it later.
    """
    ordered = sorted(hashes)
    for start in range(0, len(ordered), BATCH):
        batch = ordered[start : start + BATCH]
        with transactions.transaction():
            _lock_names()
            run, named = find_run(run_id, lock=True), _list_named_by_others(run_id)
            for sha256 in batch:
                if sha256 not in named and not is_referenced(sha256):
                    file_store.remove(sha256)
            if run and run.files_to_delete:
                run.files_to_delete = [each for each in run.files_to_delete if each not in batch] or None


def _list_named_by_others(run_id: int) -> set[str]:
    """List the files that other job runs have named and no row of theirs refers to."""
    query = select(JobRun.files_to_delete).where(JobRun.files_to_delete.is_not(None), JobRun.id != run_id)
    return {sha256 for hashes in db.session.scalars(query) for sha256 in hashes or ()}


def _lock_names() -> None:
    """Let one transaction at a time name new files of job runs, or delete files, until it ends.

    SQLite allows one writing transaction at a time anyway. So a file is either named before it is looked up whether
    another job run needs it, or saved after it was deleted.
    """
    if db.session.get_bind().dialect.name == "postgresql":
        db.session.execute(select(func.pg_advisory_xact_lock(ADVISORY_LOCK)))


def set_expiry(run: JobRun) -> None:
    """Set when the files of a job run that has ended are deleted."""
    lifetime = get_kind(run.kind).file_lifetime
    run.expires_at = now() + lifetime if lifetime else None


def _delete_after_commit(run: JobRun, hashes: Iterable[str | None]) -> None:
    found = {sha256 for sha256 in hashes if sha256}
    if found:
        run.files_to_delete = sorted({*(run.files_to_delete or ()), *found})
        run_id = run.id
        transactions.after_commit(lambda: _delete_now(run_id, found))


def _delete_now(run_id: int, hashes: Collection[str]) -> None:
    """Delete the files. The act is committed, so an error is only logged: the worker tries again every minute."""
    try:
        delete_dropped_files(run_id, hashes)
    except Exception:
        transactions.rollback()
        logger.exception("Files of job run %s could not be deleted. The worker will delete them", run_id)

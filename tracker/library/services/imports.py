"""Imports on screen: preview, start, resume and cancel."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from io import BytesIO

from sqlalchemy import and_, or_, select

from tracker.clock import now
from tracker.errors import Conflict, Invalid, Refused
from tracker.extensions import db
from tracker.job_runs.progress import OPEN_STATES as OPEN_JOB_STATES
from tracker.job_runs.queries import find_run_about
from tracker.job_runs.services import add_run, cancel_run, retry_run, start_run
from tracker.ledger.events import Actor, record
from tracker.ledger.transactions import reading, transaction
from tracker.library.queries.import_links import add_link_counts
from tracker.library.queries.imports import ImportEntry, find_import, list_import_entries
from tracker.library.services.import_job import OPEN_STATES, UNIT_IMPORT, end_import
from tracker.library.services.unit_files import parse_file
from tracker.models import ImportRun, JobRun
from tracker.storage import file_store
from tracker.vocabulary import ImportOutcome, ImportState, JobState
from tracker.web.formatting import counted

MAX_NAME_LENGTH = 200
IMPORTABLE = frozenset({ImportOutcome.NEW, ImportOutcome.CHANGED})


@dataclass(frozen=True)
class UnitImportPreview:
    """A parsed file compared with the library: the file is in the file store, and no row refers to it yet."""

    format: str
    file_name: str
    sha256: str
    entries: tuple[ImportEntry, ...]
    links: int
    """The number of links in the file, new or not."""
    remarks: tuple[str, ...]

    @property
    def is_open(self) -> bool:
        """Return whether anything in the file can be imported."""
        return any(entry.outcome in IMPORTABLE or entry.links for entry in self.entries)


def preview_file(format_name: str, file_name: str, body: bytes, centre_id: int) -> UnitImportPreview:
    """Parse a file and compare it with the centre's library. Call it inside `reading`: it may take seconds."""
    contents = parse_file(format_name, body)
    entries = tuple(list_import_entries(contents.units, format_name, centre_id))
    if contents.links:
        entries = add_link_counts(entries, contents.units, contents.links, format_name, centre_id)
    stored = file_store.save(BytesIO(body))
    remarks = (*contents.remarks, *_describe_links(entries))
    return UnitImportPreview(
        format_name, file_name[-MAX_NAME_LENGTH:], stored.sha256, entries, len(contents.links), remarks
    )


def _describe_links(entries: Collection[ImportEntry]) -> Iterator[str]:
    new = sum(entry.links for entry in entries)
    waiting = sum(entry.links for entry in entries if entry.outcome is ImportOutcome.CHANGED)
    if new:
        which = "which is" if new == 1 else "which are"
        sentence = f"It has {counted(new, 'new link')} between criteria, {which} confirmed in your name"
        yield (
            f"{sentence}, {waiting:,} of them only with a changed unit that you tick." if waiting else f"{sentence}."
        )


def start_preview(result: UnitImportPreview, centre_id: int, actor: Actor) -> ImportRun:
    """Store a preview so that it can be confirmed later; it is finished at once if there is nothing to import."""
    assert actor.person_id is not None  # noqa: S101 - an administrator imports, never the operator
    run = ImportRun(
        centre_id=centre_id,
        format=result.format,
        file_name=result.file_name,
        sha256=result.sha256,
        state=ImportState.PREVIEWED if result.is_open else ImportState.DONE,
        finished_at=None if result.is_open else now(),
        total=len(result.entries) + result.links,
        done=0,
        outcome=[entry.as_row() for entry in result.entries],
        message="\n".join(result.remarks),
        started_by_id=actor.person_id,
        grant_id=actor.grant_id,
        session_ref=actor.session_ref,
        started_at=now(),
    )
    db.session.add(run)
    db.session.flush()
    return run


def start_import(run: ImportRun, changes: Collection[int], actor: Actor, *, all_changes: bool = False) -> None:
    """Start the import of new units and links and of the selected changed units, by their places in the file.

    Raises:
        Conflict: The import was started or cancelled before.
        Invalid: Nothing in the file is new, and no changed unit is selected.
    """
    assert actor.person_id is not None  # noqa: S101 - an administrator imports, never the operator
    check_can_start(run)
    entries = [ImportEntry.from_row(row) for row in run.outcome]
    rows = list(run.outcome)
    for place, entry in enumerate(entries):
        if entry.outcome is ImportOutcome.CHANGED and (all_changes or place in changes):
            rows[place] = {**rows[place], "is_selected": True}
    if not any(row.get("is_selected") or ImportEntry.from_row(row).importable_links for row in rows):
        raise Invalid(
            "The file contains nothing new, and no changed unit is ticked. Nothing was started. Tick a unit first.",
            "changes",
        )
    run.outcome, run.state, run.started_at = rows, ImportState.RUNNING, now()
    run.started_by_id, run.grant_id, run.session_ref = actor.person_id, actor.grant_id, actor.session_ref
    record("import_started", run, actor, centre=run.centre_id, file=run.sha256, units=len(rows))
    start_run(
        UNIT_IMPORT,
        actor,
        centre_id=run.centre_id,
        title=f"Import of {run.file_name}",
        total=run.total,
        parameters={"units": len(rows)},
        subject_id=run.id,
    )


def check_can_start(run: ImportRun) -> None:
    """Raise `Conflict` unless the import is waiting to be confirmed."""
    if run.state is not ImportState.PREVIEWED:
        raise Conflict(f"This import is already {run.state.label.lower()}. It was not started again.")


def resume_import(run: ImportRun, actor: Actor) -> None:
    """Continue a failed import from the unit at which it stopped."""
    if run.state is not ImportState.FAILED:
        raise Conflict(f"This import is {run.state.label.lower()}. Nothing was changed.")
    job = find_job(run, lock=True)
    if job is None:
        raise Conflict("This import cannot be continued. Nothing was changed. Import the file again.")
    retry_run(job, actor)


def cancel_import(run: ImportRun, actor: Actor) -> None:
    """Stop an import. What is imported stays, because candidates may be registered for it."""
    if run.state not in OPEN_STATES:
        raise Refused(f"This import is {run.state.label.lower()}. Nothing was changed.")
    job = find_job(run, lock=True)
    if job:
        cancel_run(job, actor)
    else:
        end_import(run, actor)


def add_missing_jobs() -> None:
    """Add the job runs of imports that the previous release started, continued or failed. A job of every minute.

    That release runs imports without job runs, and may do so until its last server has stopped. So this function can
    go in the release after next.
    """
    jobs = select(JobRun.id).where(JobRun.kind == UNIT_IMPORT.name, JobRun.subject_id == ImportRun.id)
    missing = or_(
        and_(ImportRun.state == ImportState.RUNNING, ~jobs.where(JobRun.state.in_(OPEN_JOB_STATES)).exists()),
        and_(ImportRun.state == ImportState.FAILED, ~jobs.exists()),
    )
    query = select(ImportRun.id).where(missing).order_by(ImportRun.id)
    with reading():
        run_ids = list(db.session.scalars(query))
    for run_id in run_ids:
        with transaction():
            run = find_import(run_id, lock=True)
            if run and db.session.scalar(query.where(ImportRun.id == run_id)):
                _add_job(run)


def _add_job(run: ImportRun) -> None:
    """Add the job run of an import at the place where the import is."""
    job = add_run(
        UNIT_IMPORT,
        Actor(run.started_by_id, run.grant_id, run.session_ref),
        centre_id=run.centre_id,
        title=f"Import of {run.file_name}",
        total=run.total,
        parameters={"units": len(run.outcome)},
        subject_id=run.id,
    )
    job.done = run.done
    if run.state is ImportState.FAILED:
        job.state, job.message, job.ended_at = JobState.FAILED, run.message, now()


def find_job(run: ImportRun, *, lock: bool = False) -> JobRun | None:
    """Return the job run of an import, or None before it was started. The caller has locked the import to lock it."""
    return find_run_about(UNIT_IMPORT.name, run.id, lock=lock)

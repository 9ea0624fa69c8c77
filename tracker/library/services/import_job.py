"""The background job of an import: slices of units, each in a short transaction of its own.

The import stores its progress. A job that was killed, stopped or run twice continues after the last slice, and
nothing is imported twice.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from logging import getLogger
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError

from tracker.background import jobs
from tracker.clock import now, today
from tracker.errors import Conflict, NotFound, TrackerError
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.ledger.transactions import reading, transaction
from tracker.library.queries.imports import (
    ImportEntry,
    LibraryVersion,
    classify_unit,
    complete_from_library,
    find_import,
    find_unit_with_same_content,
    list_library_versions,
)
from tracker.library.queries.links import list_link_decisions, order_units
from tracker.library.services.links import confirm_link
from tracker.library.services.loading import store_unit
from tracker.library.services.publishing import list_taken_slugs
from tracker.library.services.unit_files import parse_stored_file
from tracker.models import Centre, ImportRun, Unit
from tracker.units.documents import UnitDocument
from tracker.units.drafting.units import make_free_slug
from tracker.units.formats.files import ExchangedLink, FileContents
from tracker.vocabulary import ImportOutcome, ImportState
from tracker.web.formatting import counted, day

MAX_SLICE_SECONDS = 0.2
"""A slice ends after this time, because other writers wait for it."""
MAX_UNITS_IN_SLICE = 25
MAX_TURN_SECONDS = 60.0
"""The job queues itself again after this time, so that other jobs do not wait longer."""
MAX_TRIES = 3
FILE_CHANGED = "The preview is out of date, because the file is now read differently. Import the file again."

logger = getLogger(__name__)


def run_import(run_id: int) -> None:
    """Run what is left of an import. An error is stored with the import, for its page to show."""
    with reading():
        run = db.session.get(ImportRun, run_id)
        source = (run.format, run.sha256) if run and run.state is ImportState.RUNNING else None
    if source is None:
        return
    try:
        run_slices(run_id, parse_stored_file(*source))
    except Exception as error:
        logger.exception("import %s stopped", run_id)
        mark_failed(run_id, error)


def resume_imports() -> None:
    """Queue the imports that were left running when a worker was killed or the queue could not be reached."""
    with reading():
        running = list(db.session.scalars(select(ImportRun.id).where(ImportRun.state == ImportState.RUNNING)))
    queue = jobs.get_jobs()
    for run_id in running:
        if not queue.has_waiting(run_import, run_id):
            queue.put(run_import, run_id)


def run_slices(run_id: int, contents: FileContents) -> None:
    """Run slices until the import is done, the worker is stopping or the turn is over."""
    queue = jobs.get_jobs()
    end = time.monotonic() + MAX_TURN_SECONDS
    while import_slice_with_retries(run_id, contents):
        if queue.stopping.is_set():
            return
        if time.monotonic() > end:
            queue.put(run_import, run_id)
            return


def import_slice_with_retries(run_id: int, contents: FileContents) -> bool:
    """Run a slice, and again after a conflict with another writer. Return whether there is more to do."""
    for _ in range(MAX_TRIES - 1):
        try:
            return import_slice(run_id, contents)
        except (Conflict, IntegrityError, StaleDataError):
            logger.info("a slice of import %s is repeated", run_id)
    return import_slice(run_id, contents)


def import_slice(run_id: int, contents: FileContents) -> bool:
    """Import some units in one short transaction. Return whether there is more to do."""
    end = time.monotonic() + MAX_SLICE_SECONDS
    with transaction():
        run = find_import(run_id, lock=True)
        if run is None or run.state is not ImportState.RUNNING:
            return False
        # only one import of a centre assigns revisions at a time; readers of the centre are not blocked
        db.session.execute(select(Centre.id).where(Centre.id == run.centre_id).with_for_update(key_share=True))
        actor = Actor(run.started_by_id, run.grant_id, run.session_ref)
        entries = run.outcome[run.done : run.done + MAX_UNITS_IN_SLICE]
        documents = contents.units[run.done : run.done + MAX_UNITS_IN_SLICE]
        if len(contents.units) != len(run.outcome) or len(contents.units) + len(contents.links) != run.total:
            raise TrackerError(FILE_CHANGED)
        selected = [document for document, row in zip(documents, entries, strict=True) if row.get("is_selected")]
        existing = list_library_versions(selected, run.centre_id)
        for document, row in zip(documents, entries, strict=True):
            entry = ImportEntry.from_row(row)
            if entry.is_selected:
                _import_unit(run, entry, document, existing[document.code, document.version], actor)
            run.done += 1
            if time.monotonic() > end:
                break
        while run.done >= len(contents.units) and run.done < run.total and time.monotonic() <= end:
            import_link(run, contents, contents.links[run.done - len(contents.units)], actor)
            run.done += 1
        if run.done == run.total:
            _finish(run, actor)
        return run.state is ImportState.RUNNING


def mark_failed(run_id: int, error: Exception) -> None:
    """Mark the import as failed, with a message that says what is kept and what to do."""
    kind = type(error).__name__
    with transaction():
        run = find_import(run_id, lock=True)
        if run is None or run.state is not ImportState.RUNNING:
            return
        reason = str(error) if isinstance(error, TrackerError) else f"Something went wrong on the server ({kind})."
        units = len(run.outcome)
        progress = f"{counted(min(run.done, units), 'unit')} of {units:,} were processed"
        summary = f"{progress}; imported units are kept."
        run.state = ImportState.FAILED
        run.message = f"{reason} {summary} Continue from there, or stop the import."
        record("import_failed", run, _get_actor(run), centre=run.centre_id, done=run.done)


def _import_unit(
    run: ImportRun, entry: ImportEntry, document: UnitDocument, existing: Sequence[LibraryVersion], actor: Actor
) -> None:
    """Import one unit as the preview showed it: new, or as the next revision."""
    document = complete_from_library(document, existing, run.format)
    current = classify_unit(document, existing)
    if current.outcome is ImportOutcome.UNCHANGED:  # another import published it in the meantime
        return
    if entry.content_hash != current.content_hash:
        raise TrackerError(FILE_CHANGED)
    if current.outcome is not entry.outcome or current.revision != entry.revision:
        reason = (
            "Somebody published another text of this unit in the meantime. "
            "Import the file again to see the differences."
        )
        _update_entry(run, replace(entry, outcome=ImportOutcome.REFUSED, reason=reason, is_selected=False))
        return
    slug = make_free_slug(document.code, document.version, entry.revision, list_taken_slugs(document.code))
    source = f"{document.provenance.read.rstrip()} Imported from {run.file_name} on {day(today())}."
    provenance = replace(document.provenance, read=source)
    document = replace(document, revision=entry.revision, slug=slug, provenance=provenance)
    unit = Unit(code=document.code, version=document.version, revision=document.revision)
    unit.owner_centre_id = run.centre_id
    store_unit(unit, document)
    record(
        "unit_published", unit, actor, centre=run.centre_id, run=run.id, content=unit.content_hash, source=run.sha256
    )


def import_link(run: ImportRun, contents: FileContents, link: ExchangedLink, actor: Actor) -> None:
    """Import a link if both units have the file's content at the centre and nobody has decided on the link."""
    by_slug = {unit.slug: unit for unit in contents.units}
    unit, other = (
        find_unit_with_same_content(by_slug[slug], run.format, run.centre_id) for slug in (link.slug, link.other_slug)
    )
    if unit is None or other is None or unit.id == other.id:
        return
    kind, first, _ = order_units(unit, other)
    places = (link.position, link.other_position)
    ordered = places if first.id == unit.id else places[::-1]
    if kind is not link.kind or ordered in list_link_decisions(unit, other, run.centre_id):
        return
    centre = db.session.get_one(Centre, run.centre_id)
    with suppress(NotFound):  # one of them is a stem, which cannot be linked
        confirm_link(unit, other, ordered, centre, actor)


def _update_entry(run: ImportRun, entry: ImportEntry) -> None:
    """Store the outcome of a unit where it differs from the preview."""
    rows = list(run.outcome)
    rows[run.done] = entry.as_row()
    run.outcome = rows


def _finish(run: ImportRun, actor: Actor) -> None:
    run.state, run.finished_at, run.message = ImportState.DONE, now(), ""
    entries = [ImportEntry.from_row(row) for row in run.outcome]
    counts: dict[str, Any] = {
        outcome.value: sum(entry.outcome is outcome for entry in entries) for outcome in ImportOutcome
    }
    unselected = sum(entry.outcome is ImportOutcome.CHANGED and not entry.is_selected for entry in entries)
    record(
        "units_imported",
        run,
        actor,
        centre=run.centre_id,
        file=run.sha256,
        format=run.format,
        **counts,
        left=unselected,
    )


def _get_actor(run: ImportRun) -> Actor:
    return Actor(run.started_by_id, run.grant_id, run.session_ref)

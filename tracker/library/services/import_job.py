"""The job of an import: slices of units, each a step in a short transaction of its own.

The import stores its progress with the job run. A job that was killed, stopped or run twice continues after the last
slice, and nothing is imported twice.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from sqlalchemy import select

from tracker.clock import now, today
from tracker.errors import NotFound, Refused, TrackerError
from tracker.extensions import db
from tracker.job_runs.kinds import JobKind, RunFacts, read_facts
from tracker.job_runs.running import NO_LONGER_ALLOWED
from tracker.ledger.events import Actor, record
from tracker.ledger.transactions import reading
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
from tracker.models import Centre, ImportRun, JobRun, Unit
from tracker.units.documents import UnitDocument
from tracker.units.drafting.units import make_free_slug
from tracker.units.formats.files import ExchangedLink, FileContents
from tracker.vocabulary import ImportOutcome, ImportState, JobState
from tracker.web.formatting import counted, day
from tracker.web.permissions import Act

MAX_SLICE_SECONDS = 0.2
"""A slice ends after this time, because other writers wait for it."""
MAX_UNITS_IN_SLICE = 25
OPEN_STATES = frozenset({ImportState.PREVIEWED, ImportState.RUNNING, ImportState.FAILED})
"""The states in which an import can be stopped."""
FILE_CHANGED = "The preview is out of date, because the file is now read differently. Import the file again."


class UnitImport(JobKind):
    """The kind of job that imports the units of a file, some in each step, and then the links between them."""

    name = "unit_import"
    act = Act.ADMINISTER_CENTRE
    noun = "unit"
    turn_seconds = 20.0  # each turn parses the file again
    ends_turn_for_others = False
    page = ("library.show_import", "run_id")

    def prepare(self, run: RunFacts) -> FileContents:
        """Parse the stored file, once for the steps of a turn."""
        with reading():
            imported = get_import(run)
            source = imported.format, imported.sha256
        return parse_stored_file(*source)

    def lock(self, run: RunFacts) -> None:
        """Lock the import."""
        get_import(run, lock=True)

    def take_step(self, run: RunFacts, contents: FileContents) -> Callable[[JobRun], int]:
        """Return what imports some units."""

        def store(job_run: JobRun) -> int:
            imported = get_import(run, lock=True)
            if imported.state is not ImportState.RUNNING:
                return end_with_import(job_run, imported)
            import_slice(imported, contents, run.actor)
            return imported.done - job_run.done

        return store

    def describe_progress(self, run: JobRun) -> str:
        """Return the progress in units, and in links once the units are imported."""
        units = run.parameters.get("units", run.total)
        if run.done > units:
            return f"{run.done - units:,} of {run.total - units:,} links between units"
        return f"{run.done:,} of {units:,} units"

    def describe_failure(self, run: RunFacts, reason: str) -> str:
        """Return the reason, what is kept and what to do."""
        units = run.parameters.get("units", run.total)
        progress = f"{counted(min(run.done, units), 'unit')} of {units:,} were processed"
        kept = f"{reason} {progress}; imported units are kept."
        return kept if reason == NO_LONGER_ALLOWED else f"{kept} Continue from there, or stop the import."

    def on_retry(self, run: JobRun, actor: Actor | None) -> None:
        """Set the import running again, and record who continued it."""
        imported = get_import(read_facts(run), lock=True)
        if imported.state is not ImportState.FAILED:
            raise Refused(f"This import is {imported.state.label.lower()}. Nothing was changed.")
        imported.state, imported.message = ImportState.RUNNING, ""
        if actor:
            record("import_resumed", imported, actor, centre=imported.centre_id, done=imported.done)

    def on_cancel(self, run: JobRun, actor: Actor) -> None:
        """Stop the import. What is imported stays, because candidates may be registered for it."""
        imported = get_import(read_facts(run), lock=True)
        if imported.state in OPEN_STATES:
            end_import(imported, actor)

    def on_fail(self, run: JobRun, actor: Actor | None) -> None:
        """Store the reason with the import, and record that it failed."""
        imported = get_import(read_facts(run), lock=True)
        if imported.state is not ImportState.RUNNING:
            return
        imported.state, imported.message = ImportState.FAILED, run.message
        if actor:
            record("import_failed", imported, actor, centre=imported.centre_id, done=imported.done)

    def on_finish(self, run: JobRun, actor: Actor) -> None:
        """Set the import done, and record how many units it imported."""
        imported = get_import(read_facts(run), lock=True)
        if imported.state is ImportState.RUNNING:
            _finish(imported, actor)
        else:
            end_with_import(run, imported)


UNIT_IMPORT = UnitImport()


def get_import(run: RunFacts, *, lock: bool = False) -> ImportRun:
    """Return the import of its centre that a job run is about; `lock` locks its row."""
    imported = find_import(run.subject_id or 0, lock=lock)
    if imported is None or imported.centre_id != run.centre_id:
        raise NotFound
    return imported


def end_with_import(job_run: JobRun, run: ImportRun) -> int:
    """End a job run whose import was ended by other means, as the import ended. Return how many steps are left."""
    if run.state is ImportState.DONE:
        return job_run.total - job_run.done
    has_failed = run.state is ImportState.FAILED
    job_run.state, job_run.ended_at = JobState.FAILED if has_failed else JobState.CANCELLED, now()
    job_run.message = run.message if has_failed else ""
    return 0


def end_import(run: ImportRun, actor: Actor) -> None:
    """Mark an import as cancelled, and record who cancelled it."""
    run.state, run.finished_at = ImportState.CANCELLED, now()
    record("import_cancelled", run, actor, centre=run.centre_id, done=run.done)


def import_slice(run: ImportRun, contents: FileContents, actor: Actor) -> None:
    """Import some units or links in the transaction of the caller, who has locked the import."""
    end = time.monotonic() + MAX_SLICE_SECONDS
    # only one import of a centre assigns revisions at a time; readers of the centre are not blocked
    db.session.execute(select(Centre.id).where(Centre.id == run.centre_id).with_for_update(key_share=True))
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

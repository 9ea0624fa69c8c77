"""The job that takes a file of units in: a slice at a time, each a short transaction of its own.

The run says how far it came, so that a job which was killed, stopped or done twice goes on where the last slice
ended, and nothing is taken in twice.
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
from tracker.library.queries.exchange import Entry, Held, complete, find_held, find_run, find_same, judge
from tracker.library.queries.links import list_decided, put_in_order
from tracker.library.services.links import confirm_link
from tracker.library.services.loading import write_unit
from tracker.library.services.publishing import taken_slugs
from tracker.library.services.unit_files import FileContents, read_kept
from tracker.models import Centre, ImportRun, Unit
from tracker.units.documents import UnitDocument
from tracker.units.drafting.units import slug_for
from tracker.units.formats.exchanged import ExchangedLink
from tracker.vocabulary import ImportOutcome, ImportState
from tracker.web.formatting import counted, day

SLICE = 0.2
"""Seconds after which a slice is closed: others who write wait for it."""
MAX_IN_SLICE = 25
TURN = 60.0
"""Seconds after which the job queues itself again, so that others come to their turn."""
TRIES = 3
UNREADABLE = "The file reads differently now than when you looked at it. Import it again."

logger = getLogger(__name__)


def run_import(run_id: int) -> None:
    """Take in what is left of a run. What goes wrong is kept with the run, for whoever looks at it."""
    with reading():
        run = db.session.get(ImportRun, run_id)
        facts = (run.format, run.sha256) if run and run.state is ImportState.RUNNING else None
    if facts is None:
        return
    try:
        go_on(run_id, read_kept(*facts))
    except Exception as error:
        logger.exception("import %s stopped", run_id)
        stop_with(run_id, error)


def resume_imports() -> None:
    """Queue again whatever was left behind: by a worker that was killed, or a queue that could not be reached."""
    with reading():
        running = list(db.session.scalars(select(ImportRun.id).where(ImportRun.state == ImportState.RUNNING)))
    queue = jobs.of_app()
    for run_id in running:
        if not queue.has_waiting(run_import, run_id):
            queue.put(run_import, run_id)


def go_on(run_id: int, contents: FileContents) -> None:
    """One slice after another, until all is done, the worker is being stopped, or others should have their turn."""
    queue = jobs.of_app()
    end = time.monotonic() + TURN
    while take_next(run_id, contents):
        if queue.stopping.is_set():
            return
        if time.monotonic() > end:
            queue.put(run_import, run_id)
            return


def take_next(run_id: int, contents: FileContents) -> bool:
    """One slice; whether there is more. Another centre may have taken the same address at this moment: then again."""
    for _ in range(TRIES - 1):
        try:
            return take_slice(run_id, contents)
        except (Conflict, IntegrityError, StaleDataError):
            logger.info("a slice of import %s is repeated", run_id)
    return take_slice(run_id, contents)


def take_slice(run_id: int, contents: FileContents) -> bool:
    """Some units in one short transaction; whether there is more to do. Nothing, for a run that has ended."""
    end = time.monotonic() + SLICE
    with transaction():
        run = find_run(run_id, lock=True)
        if run is None or run.state is not ImportState.RUNNING:
            return False
        # one import of a centre at a time decides which revisions there are; nobody who merely refers to it waits
        db.session.execute(select(Centre.id).where(Centre.id == run.centre_id).with_for_update(key_share=True))
        actor = Actor(run.started_by_id, run.grant_id, run.session_ref)
        entries = run.outcome[run.done : run.done + MAX_IN_SLICE]
        documents = contents.units[run.done : run.done + MAX_IN_SLICE]
        if len(contents.units) != len(run.outcome) or len(contents.units) + len(contents.links) != run.total:
            raise TrackerError(UNREADABLE)
        wanted = [each for each, row in zip(documents, entries, strict=True) if row.get("taken")]
        held = find_held(wanted, run.centre_id)
        for document, row in zip(documents, entries, strict=True):
            entry = Entry.of_row(row)
            if entry.taken:
                _take(run, entry, document, held[document.code, document.version], actor)
            run.done += 1
            if time.monotonic() > end:
                break
        while run.done >= len(contents.units) and run.done < run.total and time.monotonic() <= end:
            link_statements(run, contents, contents.links[run.done - len(contents.units)], actor)
            run.done += 1
        if run.done == run.total:
            _finish(run, actor)
        return run.state is ImportState.RUNNING


def stop_with(run_id: int, error: Exception) -> None:
    """Say on the run what happened, what was kept and what to do."""
    kind = type(error).__name__
    with transaction():
        run = find_run(run_id, lock=True)
        if run is None or run.state is not ImportState.RUNNING:
            return
        what = str(error) if isinstance(error, TrackerError) else f"Something went wrong on our side ({kind})."
        units = len(run.outcome)
        gone = f"{counted(min(run.done, units), 'unit')} of {units:,} were gone through"
        kept = f"{gone}; what was taken in of them is kept."
        run.state = ImportState.FAILED
        run.message = f"{what} {kept} Go on from there, or stop here."
        record("import_stopped", run, _actor_of(run), centre=run.centre_id, done=run.done)


def _take(run: ImportRun, entry: Entry, document: UnitDocument, held: Sequence[Held], actor: Actor) -> None:
    """One unit, as it was shown: new, or the next revision of what the centre sees."""
    document = complete(document, held, run.format)
    judged = judge(document, held)
    if judged.outcome is ImportOutcome.UNCHANGED:  # another import was here first
        return
    if entry.words != judged.words:
        raise TrackerError(UNREADABLE)
    if judged.outcome is not entry.outcome or judged.revision != entry.revision:
        reason = "Somebody published another text of it meanwhile. Import the file again to see the differences."
        _note(run, replace(entry, outcome=ImportOutcome.REFUSED, reason=reason, taken=False))
        return
    slug = slug_for(document.code, document.version, entry.revision, taken_slugs(document.code))
    source = f"{document.provenance.read.rstrip()} Imported from {run.file_name} on {day(today())}."
    provenance = replace(document.provenance, read=source)
    document = replace(document, revision=entry.revision, slug=slug, provenance=provenance)
    unit = Unit(code=document.code, version=document.version, revision=document.revision)
    unit.owner_centre_id = run.centre_id
    write_unit(unit, document)
    record(
        "unit_published", unit, actor, centre=run.centre_id, run=run.id, content=unit.content_hash, source=run.sha256
    )


def link_statements(run: ImportRun, contents: FileContents, link: ExchangedLink, actor: Actor) -> None:
    """One link of the file, where both units say at the centre what they say in the file, and nobody decided yet."""
    by_slug = {each.slug: each for each in contents.units}
    one, other = (find_same(by_slug[slug], run.format, run.centre_id) for slug in (link.slug, link.other_slug))
    if one is None or other is None or one.id == other.id:
        return
    kind, first, _ = put_in_order(one, other)
    places = (link.position, link.other_position)
    ordered = places if first.id == one.id else places[::-1]
    if kind is not link.kind or ordered in list_decided(one, other, run.centre_id):
        return
    centre = db.session.get_one(Centre, run.centre_id)
    with suppress(NotFound):  # one of them is a stem, which nobody claims
        confirm_link(one, other, ordered, centre, actor)


def _note(run: ImportRun, entry: Entry) -> None:
    """What a unit came to after all, where that is not what was shown."""
    rows = list(run.outcome)
    rows[run.done] = entry.as_row()
    run.outcome = rows


def _finish(run: ImportRun, actor: Actor) -> None:
    run.state, run.finished_at, run.message = ImportState.DONE, now(), ""
    entries = [Entry.of_row(row) for row in run.outcome]
    counts: dict[str, Any] = {
        outcome.value: sum(each.outcome is outcome for each in entries) for outcome in ImportOutcome
    }
    left = sum(each.outcome is ImportOutcome.CHANGED and not each.taken for each in entries)
    record(
        "units_imported", run, actor, centre=run.centre_id, file=run.sha256, format=run.format, **counts, left=left
    )


def _actor_of(run: ImportRun) -> Actor:
    return Actor(run.started_by_id, run.grant_id, run.session_ref)

"""Files of units in and out on screen: looked at first, then confirmed, cancelled or gone on with."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from io import BytesIO

from tracker.background import jobs
from tracker.clock import now
from tracker.errors import Conflict, Invalid, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.library.queries.exchange import Entry, list_entries
from tracker.library.queries.new_links import with_new_links
from tracker.library.services.importing import run_import
from tracker.library.services.unit_files import read_file
from tracker.models import ImportRun
from tracker.storage import file_store
from tracker.vocabulary import ImportOutcome, ImportState
from tracker.web.formatting import counted

MAX_NAME_LENGTH = 200
TAKEN_IN = frozenset({ImportOutcome.NEW, ImportOutcome.CHANGED})


@dataclass(frozen=True)
class Preview:
    """A file that was read, its bytes safe in the store, beside the library; nothing is in the database yet."""

    format: str
    file_name: str
    sha256: str
    entries: tuple[Entry, ...]
    links: int
    """Between statements of these units, whether they are new or not."""
    remarks: tuple[str, ...]

    @property
    def is_open(self) -> bool:
        """Whether anything of it could be taken in."""
        return any(each.outcome in TAKEN_IN or each.links for each in self.entries)


def look_at(format_name: str, file_name: str, body: bytes, centre_id: int) -> Preview:
    """Read a file and lay it beside the centre's library. Call it inside `reading`: it may take seconds."""
    contents = read_file(format_name, body)
    entries = tuple(list_entries(contents.units, format_name, centre_id))
    if contents.links:
        entries = with_new_links(entries, contents.units, contents.links, format_name, centre_id)
    kept = file_store.save(BytesIO(body))
    remarks = (*contents.remarks, *_about_links(entries))
    return Preview(format_name, file_name[-MAX_NAME_LENGTH:], kept.sha256, entries, len(contents.links), remarks)


def _about_links(entries: Collection[Entry]) -> Iterator[str]:
    new = sum(each.links for each in entries)
    waiting = sum(each.links for each in entries if each.outcome is ImportOutcome.CHANGED)
    if new:
        which = "which is" if new == 1 else "which are"
        said = f"It holds {counted(new, 'new link')} between criteria, {which} confirmed in your name"
        yield f"{said}, {waiting:,} of them only with a changed unit that you tick." if waiting else f"{said}."


def start_preview(found: Preview, centre_id: int, actor: Actor) -> ImportRun:
    """Keep what was found, to be looked at and confirmed, or come back to; done where there is nothing to take in."""
    assert actor.person_id is not None  # noqa: S101 - an administrator imports, never the operator
    run = ImportRun(
        centre_id=centre_id,
        format=found.format,
        file_name=found.file_name,
        sha256=found.sha256,
        state=ImportState.PREVIEWED if found.is_open else ImportState.DONE,
        finished_at=None if found.is_open else now(),
        total=len(found.entries) + found.links,
        done=0,
        outcome=[each.as_row() for each in found.entries],
        message="\n".join(found.remarks),
        started_by_id=actor.person_id,
        grant_id=actor.grant_id,
        session_ref=actor.session_ref,
        started_at=now(),
    )
    db.session.add(run)
    db.session.flush()
    return run


def start_import(run: ImportRun, changes: Collection[int], actor: Actor, *, all_changes: bool = False) -> None:
    """Take in what is new, links too, and the changes ticked, each by its place in the file. The worker does it."""
    assert actor.person_id is not None  # noqa: S101 - likewise
    check_startable(run)
    entries = [Entry.of_row(row) for row in run.outcome]
    rows = list(run.outcome)
    for place, entry in enumerate(entries):
        if entry.outcome is ImportOutcome.CHANGED and (all_changes or place in changes):
            rows[place] = {**rows[place], "taken": True}
    if not any(row.get("taken") or Entry.of_row(row).links_to_come for row in rows):
        raise Invalid("Nothing of this file is new, and no change is ticked. Nothing was started.", "changes")
    run.outcome, run.state, run.started_at = rows, ImportState.RUNNING, now()
    run.started_by_id, run.grant_id, run.session_ref = actor.person_id, actor.grant_id, actor.session_ref
    record("import_started", run, actor, centre=run.centre_id, file=run.sha256, units=len(rows))
    jobs.enqueue(run_import, run.id)


def check_startable(run: ImportRun) -> None:
    """Raise `Conflict` for a run that was started or cancelled, or whose file holds nothing to take in."""
    if run.state is not ImportState.PREVIEWED:
        raise Conflict(f"This import is {run.state.label.lower()} already. Nothing was started twice.")


def resume_import(run: ImportRun, actor: Actor) -> None:
    """Go on after a fault, from the unit at which it stopped."""
    if run.state is not ImportState.FAILED:
        raise Conflict(f"This import is {run.state.label.lower()}. Nothing was changed.")
    run.state, run.message = ImportState.RUNNING, ""
    record("import_resumed", run, actor, centre=run.centre_id, done=run.done)
    jobs.enqueue(run_import, run.id)


def cancel_import(run: ImportRun, actor: Actor) -> None:
    """Take in no more. What was taken in stays: candidates may be registered on it already."""
    if run.state not in {ImportState.PREVIEWED, ImportState.RUNNING, ImportState.FAILED}:
        raise Refused(f"This import is {run.state.label.lower()}. Nothing was changed.")
    run.state, run.finished_at = ImportState.CANCELLED, now()
    record("import_cancelled", run, actor, centre=run.centre_id, done=run.done)

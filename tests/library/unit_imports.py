"""Imports of files of units for tests: previewed, started and done by the services that the pages call."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.factories import World
from tests.library.centre_units import read_unit
from tracker.background import jobs
from tracker.clock import LONDON
from tracker.extensions import db
from tracker.job_runs.running import run_job
from tracker.ledger.events import Actor
from tracker.ledger.transactions import reading, transaction
from tracker.library.queries.imports import ImportEntry
from tracker.library.services import imports as services
from tracker.library.services import unit_files
from tracker.models import ImportRun, JobRun, Person, Unit
from tracker.units import formats
from tracker.units.documents import UnitDocument
from tracker.vocabulary import ImportOutcome

Browser = Callable[[Person], FlaskClient]
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=LONDON)
NEW, CHANGED = ImportOutcome.NEW, ImportOutcome.CHANGED
UNCHANGED, REFUSED = ImportOutcome.UNCHANGED, ImportOutcome.REFUSED


@pytest.fixture(autouse=True)
def parse_files_here(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parse files in this process, which is quicker; the tests of the pages parse them in the subprocess."""
    if not request.cls or request.cls.__name__ != "TestOnScreen":
        monkeypatch.setattr(unit_files, "parse_sandboxed", formats.read)


def units(count: int, **changes: Any) -> list[UnitDocument]:
    return [read_unit(code=f"LOCAL{number}", slug=f"local{number}", **changes) for number in range(count)]


def body_of(documents: list[UnitDocument]) -> bytes:
    return unit_files.write_documents("yaml", documents).body


def preview(world: World, documents: list[UnitDocument], person: Person | None = None) -> ImportRun:
    """Return the import run that the preview of a file makes."""
    person = person or world.dan
    centre = world.southbank if person is world.heidi else world.northgate
    with reading():
        file_preview = services.preview_file("yaml", "units.yaml", body_of(documents), centre.id)
    with transaction():
        return services.start_preview(file_preview, centre.id, factories.make_actor(person))


def start(run: ImportRun, actor: Actor, *changes: int, **options: bool) -> None:
    with transaction():
        services.start_import(db.session.get_one(ImportRun, run.id), changes, actor, **options)


def import_units(
    world: World, documents: list[UnitDocument], *changes: int, person: Person | None = None
) -> ImportRun:
    run = preview(world, documents, person)
    start(run, factories.make_actor(person or world.dan), *changes)
    return reload_run(run)


def reload_run(run: ImportRun) -> ImportRun:
    db.session.rollback()
    return db.session.get_one(ImportRun, run.id, populate_existing=True)


def outcomes(run: ImportRun) -> list[ImportOutcome]:
    return [ImportEntry.from_row(row).outcome for row in run.outcome]


def own_units(code: str) -> list[Unit]:
    query = select(Unit).where(Unit.code == code, Unit.owner_centre_id.is_not(None)).order_by(Unit.id)
    return list(db.session.scalars(query))


def get_own_unit(code: str) -> Unit:
    (unit,) = own_units(code)
    return unit


def reword(document: UnitDocument, text: str = "ask what was promised last time") -> UnitDocument:
    first, *rest = document.criteria
    return replace(document, criteria=(replace(first, text=text), *rest))


def get_job(run: ImportRun) -> JobRun:
    """Return the job run of an import."""
    job = services.find_job(run)
    assert job is not None
    return job


def do_job(run: ImportRun) -> None:
    """Do what is left of an import, as a worker does."""
    db.session.rollback()
    run_job(get_job(run).id)


def import_one_slice(run: ImportRun) -> None:
    """Import one slice, as a worker does that is told to stop meanwhile."""
    stopping = jobs.get_jobs().stopping
    stopping.set()
    try:
        do_job(run)
    finally:
        stopping.clear()

"""Import of a file of units: choose, preview, confirm, follow and cancel."""

from functools import partial
from io import SEEK_END

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import FileStorage

from tracker.accounts.password_confirmation import requires_password
from tracker.config import MEGABYTE
from tracker.errors import Invalid, NotFound
from tracker.job_runs.progress import build_progress
from tracker.ledger.events import Actor
from tracker.ledger.transactions import SAFE_METHODS, reading
from tracker.library.forms.files import StartImportForm, UnitImportForm
from tracker.library.queries import imports as queries
from tracker.library.queries.import_list import IMPORTS, STATES, list_imports
from tracker.library.services import imports as services
from tracker.library.services import unit_files
from tracker.library.views import library
from tracker.models import Centre, ImportRun
from tracker.storage import virus_scan
from tracker.vocabulary import ImportOutcome, ImportState
from tracker.web.authorise import get_centre
from tracker.web.fair_shares import IMPORTING, in_turn
from tracker.web.idempotency import idempotent
from tracker.web.list_views import send_list
from tracker.web.permissions import Act
from tracker.web.route_rules import requires

MAX_LISTED = 200
"""Units of each kind that a preview lists."""


@library.get("/centres/<int:centre_id>/units/import")
@requires(Act.ADMINISTER_CENTRE)
def choose_import(centre_id: int) -> ResponseReturnValue:
    """Show the form to choose a file, with the centre's imports, the newest first."""
    centre, _ = get_centre(centre_id)
    return render_choose_import(centre, UnitImportForm(formdata=None))


@library.post("/centres/<int:centre_id>/units/import")
@requires(Act.ADMINISTER_CENTRE)
@in_turn(IMPORTING)
def preview_import(centre_id: int) -> ResponseReturnValue:
    """Parse the file and compare it with the library with no lock held; then store the preview."""
    form = UnitImportForm()
    with reading():
        get_centre(centre_id)
    result = preview_upload(form, centre_id) if form.validate() else None
    if result is None:
        with reading():
            centre, _ = get_centre(centre_id)
            return render_choose_import(centre, form)
    centre, actor = get_centre(centre_id)
    run = services.start_preview(result, centre.id, actor)
    return redirect(url_for(".show_import", run_id=run.id), 303)


@library.get("/imports/<int:run_id>")
@requires(Act.ADMINISTER_CENTRE)
def show_import(run_id: int) -> ResponseReturnValue:
    """Show the preview, the progress or the result of an import."""
    run, _ = get_import(run_id)
    return render_import(run, StartImportForm(formdata=None))


@library.post("/imports/<int:run_id>/start")
@requires(Act.ADMINISTER_CENTRE)
@requires_password
@idempotent
def start_import(run_id: int) -> ResponseReturnValue:
    """Start an import."""
    run, actor = get_import(run_id)
    services.check_can_start(run)
    form = StartImportForm()
    try:
        if not form.validate():
            return render_import(run, form), 422
        services.start_import(run, form.changes.data or [], actor, all_changes=form.all_changes.data)
    except Invalid as refusal:
        form.form_errors.append(str(refusal))
        return render_import(run, form), 422
    return redirect(url_for(".show_import", run_id=run.id), 303)


@library.post("/imports/<int:run_id>/resume")
@requires(Act.ADMINISTER_CENTRE)
@idempotent
def resume_import(run_id: int) -> ResponseReturnValue:
    """Continue a failed import."""
    run, actor = get_import(run_id)
    services.resume_import(run, actor)
    return redirect(url_for(".show_import", run_id=run.id), 303)


@library.post("/imports/<int:run_id>/cancel")
@requires(Act.ADMINISTER_CENTRE)
@idempotent
def cancel_import(run_id: int) -> ResponseReturnValue:
    """Cancel an import."""
    run, actor = get_import(run_id)
    services.cancel_import(run, actor)
    flash(
        "The import is stopped. Nothing more is imported."
        if run.done
        else "The import is cancelled. Nothing was imported."
    )
    return redirect(url_for(".show_import", run_id=run.id), 303)


def get_import(run_id: int) -> tuple[ImportRun, Actor]:
    """Return an import and the actor, if the person administers its centre; 404 otherwise."""
    run = queries.find_import(run_id, lock=request.method not in SAFE_METHODS)
    if run is None:
        raise NotFound
    _, actor = get_centre(run.centre_id)
    return run, actor


def preview_upload(form: UnitImportForm, centre_id: int) -> services.UnitImportPreview | None:
    """Return the preview of the uploaded file; None if it was refused, with the reasons beside the field."""
    try:
        chosen = get_upload(form)
        virus_scan.check_clean(chosen[2], chosen[1], "file")
        with reading():
            return services.preview_file(*chosen, centre_id)
    except Invalid as refusal:
        form.file.errors = str(refusal).splitlines()
        return None


def get_upload(form: UnitImportForm) -> tuple[str, str, bytes]:
    """Return format, name and bytes of the upload. Raises `Invalid` if it is too large."""
    upload: FileStorage = form.file.data
    if upload.stream.seek(0, SEEK_END) > unit_files.MAX_SIZE:
        raise Invalid(f"The file is larger than {unit_files.MAX_SIZE // MEGABYTE} MB. Split it.", "file")
    upload.stream.seek(0)
    body = upload.stream.read()
    name = "".join(filter(str.isprintable, (upload.filename or "").replace("\\", "/").rpartition("/")[2])) or "file"
    chosen = str(form.format.data)
    return (unit_files.detect_format(name, body) if chosen == unit_files.DETECT else chosen), name, body


def render_choose_import(centre: Centre, form: UnitImportForm) -> ResponseReturnValue:
    """Render the form to choose a file, with the centre's imports; 422 after a refused file."""
    return send_list(
        IMPORTS, partial(list_imports, centre.id), "library/choose_import.html", [STATES], form=form, centre=centre
    )


def render_import(run: ImportRun, form: StartImportForm) -> str:
    """Render the page of an import. A preview lists some of the units and counts all of them."""
    job = services.find_job(run) if run.state in {ImportState.RUNNING, ImportState.FAILED} else None
    entries = list(enumerate(queries.ImportEntry.from_row(row) for row in run.outcome))
    by_outcome = {
        outcome: [(place, entry) for place, entry in entries if entry.outcome is outcome] for outcome in ImportOutcome
    }
    return render_template(
        "library/show_import.html",
        run=run,
        form=form,
        by_outcome=by_outcome,
        outcomes=ImportOutcome,
        job=job,
        progress=build_progress(job) if job else None,
        imported=[entry for place, entry in entries if entry.is_selected and place < run.done],
        new_links=sum(entry.links for _, entry in entries),
        importable_links=sum(entry.importable_links for _, entry in entries),
        remarks=run.message.splitlines(),
        format=unit_files.FORMATS.get(run.format, run.format),
        max_listed=MAX_LISTED,
    )

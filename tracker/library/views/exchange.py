"""Files of units in and out: looked at, confirmed, followed while the worker takes them in; chosen and downloaded."""

from io import SEEK_END, BytesIO

from flask import flash, jsonify, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import FileStorage

from tracker.accounts.password_confirmation import requires_password
from tracker.background import jobs
from tracker.config import MEGABYTE
from tracker.errors import Invalid, NotFound
from tracker.ledger.events import Actor
from tracker.ledger.transactions import SAFE_METHODS, reading
from tracker.library.forms.exchange import ExportForm, ImportForm, StartForm
from tracker.library.queries import exchange as queries
from tracker.library.services import exchange as services
from tracker.library.services import unit_files
from tracker.library.views import library
from tracker.models import Centre, ImportRun
from tracker.storage import virus_scan
from tracker.vocabulary import ImportOutcome, ImportState
from tracker.web.authorise import get_centre
from tracker.web.formatting import counted
from tracker.web.idempotency import once
from tracker.web.permissions import Act
from tracker.web.route_rules import requires

SHOWN = 200
"""Units of each kind that a preview lists."""


@library.get("/centres/<int:centre_id>/units/import")
@requires(Act.ADMINISTER_CENTRE)
def choose_import(centre_id: int) -> ResponseReturnValue:
    centre, _ = get_centre(centre_id)
    return show_choosing(centre, ImportForm(formdata=None))


@library.post("/centres/<int:centre_id>/units/import")
@requires(Act.ADMINISTER_CENTRE)
def preview_import(centre_id: int) -> ResponseReturnValue:
    """Read the file and lay it beside the library, with no lock held; then keep what was found."""
    form = ImportForm()
    with reading():
        get_centre(centre_id)
    found = look_at_upload(form, centre_id) if form.validate() else None
    if found is None:
        with reading():
            centre, _ = get_centre(centre_id)
            return show_choosing(centre, form), 422
    centre, actor = get_centre(centre_id)
    run = services.start_preview(found, centre.id, actor)
    return redirect(url_for(".show_import", run_id=run.id), 303)


@library.get("/imports/<int:run_id>")
@requires(Act.ADMINISTER_CENTRE)
def show_import(run_id: int) -> ResponseReturnValue:
    """What would happen, how far it has come, or what came of it."""
    run, _ = get_run(run_id)
    return show_run(run, StartForm(formdata=None))


@library.post("/imports/<int:run_id>/start")
@requires(Act.ADMINISTER_CENTRE)
@requires_password
@once
def start_import(run_id: int) -> ResponseReturnValue:
    run, actor = get_run(run_id)
    services.check_startable(run)
    form = StartForm()
    try:
        if not form.validate():
            return show_run(run, form), 422
        services.start_import(run, form.changes.data or [], actor, all_changes=form.all_changes.data)
    except Invalid as refusal:
        form.form_errors.append(str(refusal))
        return show_run(run, form), 422
    return redirect(url_for(".show_import", run_id=run.id), 303)


@library.post("/imports/<int:run_id>/resume")
@requires(Act.ADMINISTER_CENTRE)
@once
def resume_import(run_id: int) -> ResponseReturnValue:
    run, actor = get_run(run_id)
    services.resume_import(run, actor)
    return redirect(url_for(".show_import", run_id=run.id), 303)


@library.post("/imports/<int:run_id>/cancel")
@requires(Act.ADMINISTER_CENTRE)
@once
def cancel_import(run_id: int) -> ResponseReturnValue:
    run, actor = get_run(run_id)
    services.cancel_import(run, actor)
    flash("Stopped. Nothing more is taken in." if run.done else "Cancelled. Nothing was taken in.")
    return redirect(url_for(".show_import", run_id=run.id), 303)


@library.get("/imports/<int:run_id>/progress")
@requires(Act.ADMINISTER_CENTRE)
def follow_import(run_id: int) -> ResponseReturnValue:
    """For the script of the page: how far the run has come."""
    run, _ = get_run(run_id)
    progress = progress_of(run)
    return jsonify(
        state=progress.state.value, done=progress.done, total=progress.total, words=progress.words,
        waiting=progress.is_waiting,
    )  # fmt: skip


@library.get("/centres/<int:centre_id>/units/export")
@requires(Act.ADMINISTER_CENTRE)
def choose_export(centre_id: int) -> ResponseReturnValue:
    centre, _ = get_centre(centre_id)
    return show_exporting(centre, ExportForm(formdata=None))


@library.post("/centres/<int:centre_id>/units/export")
@requires(Act.ADMINISTER_CENTRE)
def export_units(centre_id: int) -> ResponseReturnValue:
    """First what the format leaves behind, then the file; it only reads, so that nobody waits for it."""
    form = ExportForm()
    with reading():
        centre, _ = get_centre(centre_id)
        try:
            if not form.validate():
                return show_exporting(centre, form), 422
            chosen = chosen_units(form, centre)
            found = unit_files.write_file(form.format.data, chosen, centre.id)
        except Invalid as refusal:
            form.units.errors = [str(refusal)]
            return show_exporting(centre, form), 422
        if request.form.get("act") != "download":
            return show_exporting(centre, form, chosen, found)
    return send_file(
        BytesIO(found.body), mimetype="application/octet-stream", as_attachment=True, download_name=found.name
    )


def get_run(run_id: int) -> tuple[ImportRun, Actor]:
    """An import and the actor, for who administers its centre; 404 otherwise."""
    run = queries.find_run(run_id, lock=request.method not in SAFE_METHODS)
    if run is None:
        raise NotFound
    _, actor = get_centre(run.centre_id)
    return run, actor


def progress_of(run: ImportRun) -> queries.Progress:
    is_waiting = run.state is ImportState.RUNNING and not jobs.of_app().has_worker()
    return queries.Progress(run.state, run.done, run.total, len(run.outcome), is_waiting)


def look_at_upload(form: ImportForm, centre_id: int) -> services.Preview | None:
    """What a file holds; None where it was refused, with the reasons beside the field."""
    try:
        chosen = given(form)
        virus_scan.check_clean(chosen[2], chosen[1], "file")
        with reading():
            return services.look_at(*chosen, centre_id)
    except Invalid as refusal:
        form.file.errors = str(refusal).splitlines()
        return None


def given(form: ImportForm) -> tuple[str, str, bytes]:
    """The format, the name and the bytes of what was chosen. Raises `Invalid` for what is too large."""
    upload: FileStorage = form.file.data
    if upload.stream.seek(0, SEEK_END) > unit_files.MAX_SIZE:
        raise Invalid(f"The file is larger than {unit_files.MAX_SIZE // MEGABYTE} MB. Split it.", "file")
    upload.stream.seek(0)
    body = upload.stream.read()
    name = "".join(filter(str.isprintable, (upload.filename or "").replace("\\", "/").rpartition("/")[2])) or "file"
    chosen = str(form.format.data)
    return (unit_files.guess_format(name, body) if chosen == unit_files.GUESSED else chosen), name, body


def chosen_units(form: ExportForm, centre: Centre) -> list[int]:
    """The ids of the units to write. Raises `Invalid` where none is ticked."""
    choices = [unit.id for unit in queries.list_unit_choices(centre.id)]
    ticked = set(form.units.data or [])
    chosen = choices if form.everything.data else [each for each in choices if each in ticked]
    if not chosen:
        raise Invalid("Tick the units, or choose all of them.", "units")
    if len(chosen) > unit_files.MAX_UNITS:
        raise Invalid(f"At most {counted(unit_files.MAX_UNITS, 'unit')} go into one file.", "units")
    return chosen


def show_choosing(centre: Centre, form: ImportForm) -> str:
    return render_template(
        "library/choose_import.html",
        centre=centre,
        form=form,
        runs=queries.list_runs(centre.id),
        formats=unit_files.FORMATS,
    )


def show_run(run: ImportRun, form: StartForm) -> str:
    """One page for a run's whole life; a preview lists a part of what is in the file, and counts all of it."""
    entries = list(enumerate(queries.Entry.of_row(row) for row in run.outcome))
    by_outcome = {
        outcome: [(place, entry) for place, entry in entries if entry.outcome is outcome] for outcome in ImportOutcome
    }
    return render_template(
        "library/show_import.html",
        run=run,
        form=form,
        by_outcome=by_outcome,
        outcomes=ImportOutcome,
        progress=progress_of(run),
        taken=[entry for place, entry in entries if entry.taken and place < run.done],
        new_links=sum(entry.links for _, entry in entries),
        links_to_come=sum(entry.links_to_come for _, entry in entries),
        remarks=run.message.splitlines(),
        format=unit_files.FORMATS.get(run.format, run.format),
        shown=SHOWN,
    )


def show_exporting(
    centre: Centre,
    form: ExportForm,
    chosen: list[int] | None = None,
    found: unit_files.WrittenFile | None = None,
) -> str:
    return render_template(
        "library/choose_export.html",
        centre=centre,
        form=form,
        units=queries.list_unit_choices(centre.id),
        ticked=set(form.units.data or []),
        chosen=chosen or [],
        found=found,
    )

"""Export of units: choose units and a format, see what the format cannot carry, download the file."""

from io import BytesIO

from flask import render_template, request, send_file
from flask.typing import ResponseReturnValue

from tracker.errors import Invalid
from tracker.ledger.transactions import reading
from tracker.library.forms.files import UnitExportForm
from tracker.library.queries import exports as queries
from tracker.library.services import unit_files
from tracker.library.views import library
from tracker.models import Centre
from tracker.web.authorise import get_centre
from tracker.web.fair_shares import EXPORTING, in_turn
from tracker.web.formatting import counted
from tracker.web.permissions import Act
from tracker.web.route_rules import requires


@library.get("/centres/<int:centre_id>/units/export")
@requires(Act.ADMINISTER_CENTRE)
def choose_export(centre_id: int) -> ResponseReturnValue:
    """Show the form to choose units and a format."""
    centre, _ = get_centre(centre_id)
    return render_choose_export(centre, UnitExportForm(formdata=None))


@library.post("/centres/<int:centre_id>/units/export")
@requires(Act.ADMINISTER_CENTRE)
@in_turn(EXPORTING)
def export_units(centre_id: int) -> ResponseReturnValue:
    """Show what the format cannot hold, then send the file. Only reads, so that nobody waits for it."""
    form = UnitExportForm()
    with reading():
        centre, _ = get_centre(centre_id)
        try:
            if not form.validate():
                return render_choose_export(centre, form), 422
            chosen = get_chosen_units(form, centre)
            result = unit_files.export_units(form.format.data, chosen, centre.id)
        except Invalid as refusal:
            form.units.errors = [str(refusal)]
            return render_choose_export(centre, form), 422
        if request.form.get("act") != "download":
            return render_choose_export(centre, form, chosen, result)
    return send_file(
        BytesIO(result.body), mimetype="application/octet-stream", as_attachment=True, download_name=result.name
    )


def get_chosen_units(form: UnitExportForm, centre: Centre) -> list[int]:
    """Return the ids of the units to export. Raises `Invalid` if none is chosen."""
    choices = [unit.id for unit in queries.list_exportable_units(centre.id)]
    ticked = set(form.units.data or [])
    chosen = choices if form.everything.data else [unit_id for unit_id in choices if unit_id in ticked]
    if not chosen:
        raise Invalid("Tick the units to export, or tick All.", "units")
    if len(chosen) > unit_files.MAX_UNITS:
        raise Invalid(f"At most {counted(unit_files.MAX_UNITS, 'unit')} fit into one file. Tick fewer.", "units")
    return chosen


def render_choose_export(
    centre: Centre,
    form: UnitExportForm,
    chosen: list[int] | None = None,
    result: unit_files.ExportedFile | None = None,
) -> str:
    """Render the form, or the summary of the export before its download."""
    return render_template(
        "library/choose_export.html",
        centre=centre,
        form=form,
        units=queries.list_exportable_units(centre.id),
        ticked=set(form.units.data or []),
        chosen=chosen or [],
        export=result,
    )

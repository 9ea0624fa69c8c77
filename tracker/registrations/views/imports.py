"""Views of the import of people, registrations and allocations from a CSV file: an example, a preview, the import."""

from io import BytesIO

from flask import flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue

from tracker.background import emails
from tracker.errors import TrackerError
from tracker.ledger.events import Actor
from tracker.ledger.transactions import rollback
from tracker.models import Centre
from tracker.registrations.forms import ImportForm
from tracker.registrations.imports.example import build_example
from tracker.registrations.imports.importing import import_rows, preview_import
from tracker.registrations.imports.outcomes import ImportPreview
from tracker.registrations.imports.table import MAX_SIZE, decode_csv
from tracker.registrations.views import registrations
from tracker.web.authorise import get_centre
from tracker.web.fair_shares import IMPORTING, in_turn
from tracker.web.forms import errors_on_form
from tracker.web.permissions import Act
from tracker.web.route_rules import requires


@registrations.route("/centres/<int:centre_id>/people/import", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
@in_turn(IMPORTING)
def import_csv(centre_id: int) -> ResponseReturnValue:
    """Preview a CSV file of people, registrations and allocations; sent again, import all of it or nothing."""
    centre, actor = get_centre(centre_id)
    form, text, preview = ImportForm(), None, None
    if form.validate_on_submit():
        with errors_on_form(form):
            text = form.text.data = read_text(form)
            if request.form.get("act") == "import":
                return import_previewed(text, centre, actor)
    if text is not None:
        with errors_on_form(form):
            preview = preview_import(text, centre, actor)
    page = render_template(
        "registrations/import_csv.html", centre=centre, form=form, preview=preview, delivers=emails.can_deliver()
    )
    return page, (422 if form.errors or (preview and preview.invalid) else 200)


@registrations.get("/centres/<int:centre_id>/people/import/example")
@requires(Act.ADMINISTER_CENTRE)
def download_import_example(centre_id: int) -> ResponseReturnValue:
    """Send an example of the file, with units and a qualification of the centre's library."""
    centre, _ = get_centre(centre_id)
    content = BytesIO(build_example(centre))
    return send_file(content, "text/csv; charset=utf-8", as_attachment=True, download_name="people-example.csv")


def read_text(form: ImportForm) -> str:
    """Return the text to import: of the file if one was chosen, or else what was pasted."""
    if form.file.data:
        return decode_csv(form.file.data.read(MAX_SIZE + 1))
    return form.text.data or ""


def import_previewed(text: str, centre: Centre, actor: Actor) -> ResponseReturnValue:
    """Import the rows, say what is new, and go to the list of people; if it is refused, undo what was done of it."""
    try:
        done = import_rows(text, centre, actor, digest=request.form.get("digest", ""))
    except TrackerError:
        rollback()
        raise
    counts = ", ".join(done.counts) or "nothing, since everything exists already"
    flash(f"Imported: {counts}. {describe_invitations(done)}".strip())
    return redirect(url_for("accounts.list_centre_people", centre_id=centre.id), 303)


def describe_invitations(preview: ImportPreview) -> str:
    """Return how new people learn of their roles, also where the installation sends no emails."""
    if not preview.totals["people"]:
        return ""
    if emails.can_deliver():
        return "Emails to the new people are on their way."
    return "This installation sends no emails. Make the new people’s links under Invitation links."

"""The page on which an administrator chooses candidates whose recording forms are printed into one file."""

from dataclasses import replace
from functools import partial
from typing import Any

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from tracker.errors import NotFound
from tracker.models import Centre
from tracker.recording_forms.cohort_choice import MAX_FORMS, choose_forms
from tracker.recording_forms.cohort_printing import start_printing
from tracker.recording_forms.forms import CohortForm
from tracker.recording_forms.views import recording_forms
from tracker.registrations import registration_list
from tracker.registrations.registration_list import RegistrationRow
from tracker.web.authorise import get_centre
from tracker.web.forms import errors_on_form
from tracker.web.idempotency import idempotent
from tracker.web.list_views import send_list
from tracker.web.lists import ListDefinition, read_list_query
from tracker.web.permissions import Act
from tracker.web.requests import parse_id
from tracker.web.route_rules import requires

HIDDEN_COLUMN = "Needs allocating"
"""The column of the list of candidates that this page leaves out."""


@recording_forms.get("/centres/<int:centre_id>/forms/print")
@requires(Act.ADMINISTER_CENTRE)
def choose_cohort(centre_id: int) -> ResponseReturnValue:
    """List the candidates of a centre, to be ticked, with the choice of forms."""
    centre, _ = get_centre(centre_id)
    return render_cohort(centre, CohortForm(formdata=None))


@recording_forms.post("/centres/<int:centre_id>/forms/print")
@requires(Act.ADMINISTER_CENTRE)
@idempotent
def print_cohort(centre_id: int) -> ResponseReturnValue:
    """Start the job that prints the forms, and go to its page."""
    centre, actor = get_centre(centre_id)
    form = CohortForm()
    if form.validate():
        query = read_list_query(build_definition(centre), request.args, [registration_list.SHOWN])
        ticked = None if form.which.data == CohortForm.ALL else read_ticked()
        with errors_on_form(form):
            run = start_printing(centre, choose_forms(centre, query, ticked, form.unit.data or ""), actor)
            return redirect(url_for("job_runs.show_job", job_run_id=run.id), 303)
    return render_cohort(centre, form)


def build_definition(centre: Centre) -> ListDefinition[RegistrationRow]:
    """Return the list of a centre's candidates as this page shows it: by name, or the newest first of a large one."""
    definition = registration_list.choose_definition(centre)
    return replace(
        definition,
        columns=tuple(column for column in definition.columns if column.label != HIDDEN_COLUMN),
        default_sort=definition.default_sort or "candidate",
        own_order="",
    )


def render_cohort(centre: Centre, form: CohortForm) -> ResponseReturnValue:
    """Render the page; with status 422 after a refused form."""
    definition = build_definition(centre)
    context: dict[str, Any] = {
        "centre": centre,
        "ticked": set(read_ticked()) if form.is_submitted() else set(),
        "tick_all": request.args.get("tick") == "all",
        "max_forms": MAX_FORMS,
    }
    load = partial(registration_list.list_registrations, centre, definition=definition)
    filters = [registration_list.SHOWN]
    return send_list(definition, load, "recording_forms/choose_cohort.html", filters, form=form, **context)


def read_ticked() -> list[int]:
    """Return the registrations that were ticked; raise `NotFound` for what is no id."""
    ids = [parse_id(value) for value in request.form.getlist("registration")]
    if None in ids:
        raise NotFound
    return [each for each in ids if each is not None]

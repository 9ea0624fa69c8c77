"""The page on which the candidate confirms a unit or disputes criteria."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.accounts.password_confirmation import requires_password
from tracker.accounts.second_step_confirmation import ask_second_step, is_second_step_missing, requires_second_step
from tracker.assessment.forms import ConfirmForm, DisputeForm
from tracker.assessment.queries.countersigning import find_open_of_signature
from tracker.assessment.services import signing as services
from tracker.assessment.transitions import AttemptAction, check_action_allowed
from tracker.assessment.views import assessment
from tracker.clock import now
from tracker.errors import Invalid, Refused
from tracker.matrix import load_matrix
from tracker.models import UnitAttempt
from tracker.recording_forms.queries import build_form_content
from tracker.vocabulary import AttemptState, Role
from tracker.web.authorise import get_attempt
from tracker.web.current_user import me
from tracker.web.forms import add_error, errors_on_form
from tracker.web.idempotency import idempotent
from tracker.web.permissions import Act
from tracker.web.requests import read_form_ids
from tracker.web.route_rules import requires


@assessment.get("/attempts/<int:attempt_id>/confirm")
@requires(Act.CONFIRM_UNIT)
def confirm_unit(attempt_id: int) -> ResponseReturnValue:
    """Show the form as it will print, to confirm or dispute; the second step is done first if it is needed."""
    attempt, _ = get_attempt(attempt_id, Act.CONFIRM_UNIT)
    if attempt.state is AttemptState.ASSESSED and is_second_step_missing(Role.CANDIDATE, attempt.centre_id):
        return ask_second_step(request.full_path.removesuffix("?"))
    return render_confirm_page(attempt)


@assessment.post("/attempts/<int:attempt_id>/confirm")
@requires(Act.CONFIRM_UNIT)
@requires_second_step(Role.CANDIDATE, "assessment.confirm_unit")
@requires_password
@idempotent
def confirm(attempt_id: int) -> ResponseReturnValue:
    """Sign the statement of competence."""
    attempt, actor = get_attempt(attempt_id, Act.CONFIRM_UNIT)
    form = ConfirmForm()
    if not form.validate():
        check_action_allowed(attempt, AttemptAction.CONFIRM)
        return render_confirm_page(attempt, form), 422
    try:
        services.confirm_unit(
            attempt,
            form.snapshot_hash.data or "",
            actor,
            now(),
            seen_version=form.seen_version,
            second_step=me().second_step,
        )
    except (Invalid, Refused) as refusal:
        add_error(form, refusal)
        return render_confirm_page(attempt, form), refusal.status
    flash(f"You have confirmed {attempt.unit.code}. The internal verifier verifies it next.")
    return redirect(url_for("portfolio.show_attempt", attempt_id=attempt.id), 303)


@assessment.post("/attempts/<int:attempt_id>/dispute")
@requires(Act.CONFIRM_UNIT)
@idempotent
def dispute(attempt_id: int) -> ResponseReturnValue:
    """Dispute the chosen criteria."""
    attempt, actor = get_attempt(attempt_id, Act.CONFIRM_UNIT)
    form = DisputeForm()
    if not form.validate():
        check_action_allowed(attempt, AttemptAction.DISPUTE)
        return render_confirm_page(attempt, disputing=form), 422
    with errors_on_form(form, Invalid):
        services.dispute_unit(attempt, read_form_ids("criterion"), form.reason.data or "", actor)
        flash("Dispute sent. Your assessor assesses these criteria again.")
        return redirect(url_for("portfolio.show_attempt", attempt_id=attempt.id), 303)
    return render_confirm_page(attempt, disputing=form), 422


def render_confirm_page(
    attempt: UnitAttempt, form: ConfirmForm | None = None, *, disputing: DisputeForm | None = None
) -> str:
    """Return the page; a refused form is passed in and keeps what was typed."""
    matrix = load_matrix(attempt)
    return render_template(
        "assessment/confirm_unit.html",
        attempt=attempt,
        matrix=matrix,
        form_content=build_form_content(attempt, matrix),
        form=form or ConfirmForm(formdata=None),
        dispute_form=disputing or DisputeForm(formdata=None),
        disputing=disputing is not None,
        chosen=set(request.form.getlist("criterion")),
        refused=form or disputing,
        waiting=find_open_of_signature(attempt),
    )

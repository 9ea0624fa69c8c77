"""The pages on which an internal verifier returns a confirmed unit or reopens a verified one."""

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from tracker.assessment.transitions import AttemptAction, check_action_allowed
from tracker.clock import today
from tracker.errors import Invalid
from tracker.models import UnitAttempt
from tracker.verification.forms import ReopenForm, ReturnForm
from tracker.verification.services import returning as services
from tracker.verification.views import verification
from tracker.verification.views.unit_page import TIME_TO_RESPOND, render_unit_page
from tracker.web.authorise import get_attempt
from tracker.web.forms import PageForm, errors_on_form
from tracker.web.idempotency import idempotent
from tracker.web.permissions import Act
from tracker.web.requests import read_form_ids
from tracker.web.route_rules import requires


@verification.route("/attempts/<int:attempt_id>/return", methods=["GET", "POST"])
@requires(Act.VERIFY_UNIT)
@idempotent
def return_unit(attempt_id: int) -> ResponseReturnValue:
    """Return a unit to its assessor with an action point."""
    attempt, actor = get_attempt(attempt_id, Act.VERIFY_UNIT)
    check_action_allowed(attempt, AttemptAction.RETURN)
    form = ReturnForm(due_on=today() + TIME_TO_RESPOND)
    if form.validate_on_submit():
        with errors_on_form(form, Invalid):
            services.return_unit(attempt, read_form_ids("criterion"), form.action.data or "", form.due_on.data, actor)
            flash(f"{attempt.unit.code} was returned. The assessor must respond to your action point in writing.")
            return redirect(url_for(".verify_unit", attempt_id=attempt.id), 303)
    return render_form_page("verification/return_unit.html", attempt, form)


@verification.route("/attempts/<int:attempt_id>/reopen", methods=["GET", "POST"])
@requires(Act.VERIFY_UNIT)
@idempotent
def reopen_unit(attempt_id: int) -> ResponseReturnValue:
    """Reopen a verified unit."""
    attempt, actor = get_attempt(attempt_id, Act.VERIFY_UNIT)
    check_action_allowed(attempt, AttemptAction.REOPEN)
    form = ReopenForm()
    if form.validate_on_submit():
        with errors_on_form(form, Invalid):
            services.reopen_verified(attempt, read_form_ids("criterion"), form.reason.data or "", actor)
            flash(
                f"{attempt.unit.code} is in progress again, in round {attempt.round}. "
                "Its signatures are kept but no longer count."
            )
            return redirect(url_for(".verify_unit", attempt_id=attempt.id), 303)
    return render_form_page("verification/reopen_unit.html", attempt, form)


def render_form_page(template: str, attempt: UnitAttempt, form: PageForm) -> ResponseReturnValue:
    """Return a page with a form and a choice of criteria: status 422 where the form shows errors."""
    page = render_unit_page(template, attempt, form=form, chosen=set(request.form.getlist("criterion")))
    return page, 422 if form.is_submitted() else 200

"""The action points of a unit, for its internal verifier: close one, or ask again."""

from typing import Any

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue

from tracker.assessment.services.action_points import get_action_point
from tracker.clock import today
from tracker.errors import Invalid
from tracker.models import UnitAttempt
from tracker.verification.forms import AskAgainForm
from tracker.verification.services import action_points as services
from tracker.verification.views import verification
from tracker.verification.views.unit_page import TIME_TO_RESPOND, render_unit_page
from tracker.web.authorise import get_attempt
from tracker.web.forms import errors_on_form
from tracker.web.idempotency import idempotent
from tracker.web.permissions import Act
from tracker.web.route_rules import requires


@verification.get("/attempts/<int:attempt_id>/verify/action-points")
@requires(Act.VERIFY_UNIT)
def show_action_points(attempt_id: int) -> ResponseReturnValue:
    """Show the action points of a unit, open ones first."""
    attempt, _ = get_attempt(attempt_id, Act.VERIFY_UNIT)
    return render_action_points(attempt)


@verification.post("/attempts/<int:attempt_id>/action-points/<int:action_point_id>/close")
@requires(Act.VERIFY_UNIT)
def close_action_point(attempt_id: int, action_point_id: int) -> ResponseReturnValue:
    """Close an action point."""
    attempt, actor = get_attempt(attempt_id, Act.VERIFY_UNIT)
    services.close_action_point(attempt, get_action_point(attempt, action_point_id), actor)
    flash("Action point closed.")
    return redirect(url_for(".show_action_points", attempt_id=attempt.id), 303)


@verification.post("/attempts/<int:attempt_id>/action-points/<int:action_point_id>/ask-again")
@requires(Act.VERIFY_UNIT)
@idempotent
def ask_again(attempt_id: int, action_point_id: int) -> ResponseReturnValue:
    """Close an action point and raise another on the same criteria."""
    attempt, actor = get_attempt(attempt_id, Act.VERIFY_UNIT)
    action_point = get_action_point(attempt, action_point_id)
    services.check_can_be_closed(action_point)
    form = build_form(action_point.id)
    if form.validate():
        with errors_on_form(form, Invalid):
            services.ask_again(attempt, action_point, form.action.data or "", form.due_on.data, actor)
            flash("The action point is closed, and a new one asks the assessor again.")
            return redirect(url_for(".show_action_points", attempt_id=attempt.id), 303)
    return render_action_points(attempt, action_point.id, form), 422


def render_action_points(
    attempt: UnitAttempt, refused_id: int | None = None, refused_form: AskAgainForm | None = None
) -> str:
    """Return the page of the unit's action points; a refused form keeps what was typed."""

    def get_form(action_point_id: int) -> AskAgainForm:
        """Return the form of an action point: the refused one, or one that suggests a due date."""
        if refused_form and action_point_id == refused_id:
            return refused_form
        return build_form(action_point_id, formdata=None, due_on=today() + TIME_TO_RESPOND)

    return render_unit_page("verification/show_action_points.html", attempt, get_form=get_form, refused=refused_form)


def build_form(action_point_id: int, **arguments: Any) -> AskAgainForm:
    """Return the form that asks again, with field names of its own for each action point on the page."""
    return AskAgainForm(prefix=f"action-point-{action_point_id}-", **arguments)

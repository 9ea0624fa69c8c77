"""The pages of an external verifier's visit."""

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.matrix import load_matrix
from tracker.recording_forms.queries import build_form_content
from tracker.verification.queries import unit_record
from tracker.verification.queries.visits import list_attempts_in_visits
from tracker.verification.services.visits import mark_seen
from tracker.verification.views import verification
from tracker.verification.views.unit_page import render_unit_page
from tracker.web.authorise import get_attempt
from tracker.web.current_user import me
from tracker.web.permissions import Act
from tracker.web.route_rules import requires


@verification.get("/visit")
@requires(Act.LIST_VISITS)
def show_visit() -> ResponseReturnValue:
    """List the units that an external verifier may read now."""
    return render_template("verification/show_visit.html", visited=list_attempts_in_visits(me().person_id))


@verification.get("/attempts/<int:attempt_id>/visit")
@requires(Act.MARK_SEEN)
def visit_unit(attempt_id: int) -> ResponseReturnValue:
    """Show everything about one unit of a visit, to read."""
    attempt, _ = get_attempt(attempt_id, Act.MARK_SEEN)
    matrix = load_matrix(attempt)
    return render_unit_page(
        "verification/visit_unit.html",
        attempt,
        matrix,
        form_content=build_form_content(attempt, matrix),
        assessments=unit_record.load_released_assessments(attempt),
        sampled=unit_record.list_sampled_decisions(attempt),
    )


@verification.post("/attempts/<int:attempt_id>/seen")
@requires(Act.MARK_SEEN)
def mark_unit_seen(attempt_id: int) -> ResponseReturnValue:
    """Mark a unit as seen, or clear the mark."""
    attempt, _ = get_attempt(attempt_id, Act.MARK_SEEN)
    mark_seen(attempt, me().person_id, seen=request.form.get("seen") == "1")
    return redirect(url_for(".show_visit"), 303)

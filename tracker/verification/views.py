"""Views of verification: the internal verifier's pages, and an external verifier's visit."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.accounts.password_confirmation import requires_password
from tracker.assessment.services.action_points import get_action_point
from tracker.assessment.transitions import AttemptAction, check_action_allowed
from tracker.clock import now
from tracker.errors import Invalid, NotFound
from tracker.ledger.events import Actor
from tracker.matrix import load_matrix, summarise_evidence_spread
from tracker.models import UnitAttempt
from tracker.recording_forms.queries import build_form_content
from tracker.verification import queries, services
from tracker.verification.forms import ReleaseForm, ReopenForm, ReturnForm, SampleForm, VerifyForm
from tracker.vocabulary import AttemptState
from tracker.web.authorise import get_attempt
from tracker.web.current_user import me
from tracker.web.formatting import counted
from tracker.web.forms import errors_on_form
from tracker.web.idempotency import idempotent
from tracker.web.permissions import Act
from tracker.web.requests import parse_id, read_form_ids
from tracker.web.route_rules import requires

verification = Blueprint("verification", __name__)
MAX_SAMPLED_DECISIONS = 5_000


@verification.get("/verification")
@requires(Act.LIST_VERIFICATIONS)
def list_verifications() -> ResponseReturnValue:
    """Show the internal verifier's home: units to verify, open action points, the sampling grid, other units."""
    allocated = queries.list_attempts_to_verify(me().person_id)
    action_points = queries.list_allocated_action_points(me().person_id)
    return render_template(
        "verification/list_verifications.html",
        to_verify=[attempt for attempt in allocated if attempt.state is AttemptState.CONFIRMED],
        others=[attempt for attempt in allocated if attempt.state is not AttemptState.CONFIRMED],
        action_points=[action_point for action_point in action_points if not action_point.closed_at],
        grid=queries.build_sampling_grid(allocated),
    )


@verification.get("/action-points")
@requires(Act.LIST_VERIFICATIONS)
def list_action_points() -> ResponseReturnValue:
    """List the action points on the verifier's units, closed ones included."""
    return render_template(
        "verification/list_action_points.html", action_points=queries.list_allocated_action_points(me().person_id)
    )


@verification.get("/attempts/<int:attempt_id>/verify")
@requires(Act.VERIFY_UNIT)
def verify_unit(attempt_id: int) -> ResponseReturnValue:
    """Show one unit to sample, sign, return or reopen."""
    attempt, _ = get_attempt(attempt_id, Act.VERIFY_UNIT)
    return render_verify_page(attempt)


@verification.post("/attempts/<int:attempt_id>/sample")
@requires(Act.VERIFY_UNIT)
@idempotent
def sample_unit(attempt_id: int) -> ResponseReturnValue:
    """Save a sample."""
    attempt, actor = get_attempt(attempt_id, Act.VERIFY_UNIT)
    form = SampleForm()
    if form.validate():
        with errors_on_form(form, Invalid):
            sample = services.draw_sample(attempt, read_sampled_decisions(), form.comment.data or "", actor)
            flash(f"Sample saved: {counted(len(sample.items), 'decision')}.")
            return redirect(url_for(".verify_unit", attempt_id=attempt.id), 303)
    return render_verify_page(attempt, sample=form), 422


@verification.post("/attempts/<int:attempt_id>/verify")
@requires(Act.VERIFY_UNIT)
@requires_password
@idempotent
def sign_as_sampled(attempt_id: int) -> ResponseReturnValue:
    """Sign a unit as sampled."""
    attempt, actor = get_attempt(attempt_id, Act.VERIFY_UNIT)
    return sign_with_form(attempt, actor, VerifyForm(), "sign")


@verification.post("/attempts/<int:attempt_id>/release")
@requires(Act.VERIFY_UNIT)
@requires_password
@idempotent
def release_unsampled(attempt_id: int) -> ResponseReturnValue:
    """Sign a unit without sampling."""
    attempt, actor = get_attempt(attempt_id, Act.VERIFY_UNIT)
    form = ReleaseForm()
    return sign_with_form(attempt, actor, form, "release", reason=form.reason.data or "")


def sign_with_form(
    attempt: UnitAttempt, actor: Actor, form: VerifyForm, form_name: str, *, reason: str | None = None
) -> ResponseReturnValue:
    """Sign the unit and redirect, or show the page again with the errors of the form.

    Args:
        attempt: the attempt to verify.
        actor: the internal verifier.
        form: the form that was sent.
        form_name: the argument of `render_verify_page` that takes this form.
        reason: why the unit is released without sampling; None signs as sampled.
    """
    check_action_allowed(attempt, AttemptAction.VERIFY)
    if form.validate():
        with errors_on_form(form, Invalid):
            services.sign_verification(attempt, form.snapshot_hash.data or "", actor, now(), unsampled_reason=reason)
            flash(
                f"You have verified {attempt.unit.code} of {attempt.candidate.name}. The receipt is under My account."
            )
            return redirect(url_for(".verify_unit", attempt_id=attempt.id), 303)
    return render_verify_page(attempt, **{form_name: form}), 422


@verification.post("/attempts/<int:attempt_id>/return")
@requires(Act.VERIFY_UNIT)
@idempotent
def return_unit(attempt_id: int) -> ResponseReturnValue:
    """Return a unit to its assessor with an action point."""
    attempt, actor = get_attempt(attempt_id, Act.VERIFY_UNIT)
    check_action_allowed(attempt, AttemptAction.RETURN)
    form = ReturnForm()
    if form.validate():
        with errors_on_form(form, Invalid):
            services.return_unit(attempt, read_form_ids("criterion"), form.action.data or "", form.due_on.data, actor)
            flash(f"{attempt.unit.code} was returned. The assessor must respond to your action point in writing.")
            return redirect(url_for(".verify_unit", attempt_id=attempt.id), 303)
    return render_verify_page(attempt, returning=form), 422


@verification.post("/attempts/<int:attempt_id>/reopen")
@requires(Act.VERIFY_UNIT)
@idempotent
def reopen_unit(attempt_id: int) -> ResponseReturnValue:
    """Reopen a verified unit."""
    attempt, actor = get_attempt(attempt_id, Act.VERIFY_UNIT)
    check_action_allowed(attempt, AttemptAction.REOPEN)
    form = ReopenForm()
    if form.validate():
        with errors_on_form(form, Invalid):
            services.reopen_verified(attempt, read_form_ids("criterion"), form.reason.data or "", actor)
            flash(f"{attempt.unit.code} is in progress again, in round {attempt.round}. The signatures are kept.")
            return redirect(url_for(".verify_unit", attempt_id=attempt.id), 303)
    return render_verify_page(attempt, reopening=form), 422


@verification.post("/attempts/<int:attempt_id>/action-points/<int:action_point_id>/close")
@requires(Act.VERIFY_UNIT)
def close_action_point(attempt_id: int, action_point_id: int) -> ResponseReturnValue:
    """Close an action point."""
    attempt, actor = get_attempt(attempt_id, Act.VERIFY_UNIT)
    services.close_action_point(get_action_point(attempt, action_point_id), actor)
    flash("Action point closed.")
    return redirect(url_for(".verify_unit", attempt_id=attempt.id), 303)


@verification.get("/visit")
@requires(Act.LIST_VISITS)
def show_visit() -> ResponseReturnValue:
    """List the units that an external verifier may read now."""
    return render_template("verification/show_visit.html", visited=queries.list_attempts_in_visits(me().person_id))


@verification.get("/attempts/<int:attempt_id>/visit")
@requires(Act.MARK_SEEN)
def visit_unit(attempt_id: int) -> ResponseReturnValue:
    """Show everything about one unit of a visit, to read."""
    attempt, _ = get_attempt(attempt_id, Act.MARK_SEEN)
    return render_template("verification/visit_unit.html", **build_context(attempt))


@verification.post("/attempts/<int:attempt_id>/seen")
@requires(Act.MARK_SEEN)
def mark_unit_seen(attempt_id: int) -> ResponseReturnValue:
    """Mark a unit as seen, or clear the mark."""
    attempt, _ = get_attempt(attempt_id, Act.MARK_SEEN)
    services.mark_seen(attempt, me().person_id, seen=request.form.get("seen") == "1")
    return redirect(url_for(".show_visit"), 303)


def render_verify_page(
    attempt: UnitAttempt,
    *,
    sample: SampleForm | None = None,
    sign: VerifyForm | None = None,
    release: ReleaseForm | VerifyForm | None = None,
    returning: ReturnForm | None = None,
    reopening: ReopenForm | None = None,
) -> str:
    """Return the page of one unit to verify; a refused form is passed in and keeps what was typed."""
    return render_template(
        "verification/verify_unit.html",
        sample_form=sample or SampleForm(formdata=None),
        sign_form=sign or VerifyForm(formdata=None),
        release_form=release or ReleaseForm(formdata=None),
        return_form=returning or ReturnForm(formdata=None),
        reopen_form=reopening or ReopenForm(formdata=None),
        refused=next((form for form in (sample, sign, release, returning, reopening) if form), None),
        chosen=set(request.form.getlist("criterion")),
        **build_context(attempt),
    )


def build_context(attempt: UnitAttempt) -> dict[str, Any]:
    """Return the template values of the pages that show one attempt to a verifier."""
    matrix = load_matrix(attempt)
    return {
        "attempt": attempt,
        "matrix": matrix,
        "form_content": build_form_content(attempt, matrix),
        "assessments": queries.load_released_assessments(attempt),
        "samples": queries.list_samples(attempt),
        "action_points": queries.list_action_points_with_criteria(attempt),
        "spread": summarise_evidence_spread(matrix.claiming_rows),
        "columns": {column.id: column for column in matrix.columns},
    }


def read_sampled_decisions() -> list[services.SampledDecision]:
    """Return the sampled decisions of the form.

    Each checkbox `decision` sends `version-criterion`; the fields `agree-…` and `comment-…` with the same ending say
    whether the verifier agrees, and why not.

    Raises:
        Invalid: too many decisions are chosen.
        NotFound: a value is not of that shape.
    """
    chosen = request.form.getlist("decision")
    if len(chosen) > MAX_SAMPLED_DECISIONS:
        raise Invalid(
            f"Tick at most {MAX_SAMPLED_DECISIONS:,} decisions in one sample. Nothing was saved.", "decisions"
        )
    decisions = []
    for value in dict.fromkeys(chosen):
        version_id, criterion_id = (parse_id(part) for part in value.partition("-")[::2])
        if version_id is None or criterion_id is None:
            raise NotFound
        comment = request.form.get(f"comment-{value}", "")[:2000]
        agrees = request.form.get(f"agree-{value}") != "no"
        decisions.append(services.SampledDecision(version_id, criterion_id, agrees, comment))
    return decisions

"""The sign-off page: what must be done first, the form as it will print, evidence requirements, the signature."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.accounts.password_confirmation import requires_password
from tracker.accounts.second_step_confirmation import ask_second_step, is_second_step_missing, requires_second_step
from tracker.assessment.forms import ResponseForm, RetractForm, SignOffForm
from tracker.assessment.queries import signing as queries
from tracker.assessment.queries.action_points import list_action_points
from tracker.assessment.queries.countersigning import find_open_of_signature
from tracker.assessment.services import action_points, sign_off_checks
from tracker.assessment.services import signing as services
from tracker.assessment.transitions import AttemptAction, check_action_allowed
from tracker.assessment.views import assessment
from tracker.clock import LONDON, now
from tracker.errors import Invalid, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor
from tracker.matrix import load_matrix, summarise_evidence_spread
from tracker.matrix.evidence_guidance import load_evidence_guidance
from tracker.models import UnitAttempt
from tracker.recording_forms.queries import build_form_content
from tracker.vocabulary import AttemptState, Role
from tracker.web.authorise import get_attempt
from tracker.web.current_user import me
from tracker.web.forms import add_error
from tracker.web.idempotency import idempotent
from tracker.web.permissions import Act
from tracker.web.requests import read_form_ids, read_form_text
from tracker.web.route_rules import requires
from tracker.web.text_direction import isolate

DRAFTED_TEXTS = ("comment", "warnings_reason", "simulation_reason")
"""The fields of the page whose text is saved before the signature."""


@assessment.get("/attempts/<int:attempt_id>/sign")
@requires(Act.SIGN_UNIT)
def sign_unit(attempt_id: int) -> ResponseReturnValue:
    """Show the sign-off page; where the unit can be signed, the second step is done first if it is needed."""
    attempt, _ = get_attempt(attempt_id, Act.SIGN_UNIT)
    if is_second_step_missing(Role.ASSESSOR, attempt.centre_id) and can_be_signed(attempt):
        return ask_second_step(request.full_path.removesuffix("?"))
    return render_sign_page(attempt)


def can_be_signed(attempt: UnitAttempt) -> bool:
    """Return whether the sign-off page asks for the assessor's signature now."""
    is_open = attempt.state is AttemptState.IN_PROGRESS
    return is_open and not sign_off_checks.list_sign_off_blockers(attempt, load_matrix(attempt))


@assessment.post("/attempts/<int:attempt_id>/sign/draft")
@requires(Act.SIGN_UNIT)
def save_signing(attempt_id: int) -> ResponseReturnValue:
    """Autosave confirmed requirements, notes, the closing comment and the reasons to sign."""
    attempt, actor = get_attempt(attempt_id, Act.SIGN_UNIT)
    changed = set(request.form.getlist("changed"))
    save_requirements(attempt, actor, changed)
    save_texts(attempt, actor, changed)
    db.session.flush()
    return {
        "saved_at": now().astimezone(LONDON).strftime("%H:%M"),
        "fields": {"version": attempt.version},
    }


@assessment.post("/attempts/<int:attempt_id>/sign")
@requires(Act.SIGN_UNIT)
@requires_second_step(Role.ASSESSOR, "assessment.sign_unit")
@requires_password
@idempotent
def sign(attempt_id: int) -> ResponseReturnValue:
    """Sign the unit off, or save the page for later if that button was pressed."""
    attempt, actor = get_attempt(attempt_id, Act.SIGN_UNIT)
    form = SignOffForm()
    try:
        if request.form.get("act") == "save":
            return save_for_later(attempt, actor)
        if not form.validate():
            check_sign_off_blockers(attempt, form)
            return render_sign_page(attempt, form), 422
        save_requirements(attempt, actor)
        services.sign_unit(
            attempt,
            form.snapshot_hash.data or "",
            form.comment.data or "",
            actor,
            now(),
            simulation_reason=form.simulation_reason.data or "",
            warnings_reason=form.warnings_reason.data or "",
            seen_version=form.seen_version,
            seen_guidance=form.guidance_hash.data or None,
            second_step=me().second_step,
        )
    except (Invalid, Refused) as refusal:
        add_error(form, refusal)
        return render_sign_page(attempt, form), refusal.status
    waiting = find_open_of_signature(attempt)
    countersigned = f" {isolate(waiting.person.name)} countersigns it next." if waiting else ""
    flash(f"You have signed off {attempt.unit.code} of {isolate(attempt.candidate.name)}.{countersigned}")
    return redirect(url_for(".sign_unit", attempt_id=attempt.id), 303)


@assessment.post("/attempts/<int:attempt_id>/retract")
@requires(Act.SIGN_UNIT)
@idempotent
def retract(attempt_id: int) -> ResponseReturnValue:
    """Retract the assessor's signature."""
    attempt, actor = get_attempt(attempt_id, Act.SIGN_UNIT)
    form = RetractForm()
    if not form.validate():
        check_action_allowed(attempt, AttemptAction.RETRACT)
        return render_sign_page(attempt, retracting=form), 422
    services.retract_signature(attempt, form.reason.data or "", actor)
    flash(f"Signature retracted. {attempt.unit.code} is in progress again, in round {attempt.round}.")
    return redirect(url_for(".sign_unit", attempt_id=attempt.id), 303)


@assessment.post("/attempts/<int:attempt_id>/action-points/<int:action_point_id>/answer")
@requires(Act.ANSWER_ACTION_POINT)
@idempotent
def answer_action_point(attempt_id: int, action_point_id: int) -> ResponseReturnValue:
    """Write the response to an action point."""
    attempt, actor = get_attempt(attempt_id, Act.ANSWER_ACTION_POINT)
    action_points.get_action_point(attempt, action_point_id)
    form = ResponseForm(prefix=f"action-point-{action_point_id}")
    if not form.validate():
        return render_sign_page(attempt, answering={action_point_id: form}), 422
    action_points.answer_action_point(attempt, action_point_id, form.response.data or "", actor)
    flash("Response sent. The internal verifier closes the action point.")
    return redirect(url_for(".sign_unit", attempt_id=attempt.id), 303)


def save_for_later(attempt: UnitAttempt, actor: Actor) -> ResponseReturnValue:
    """Save everything without signing."""
    save_requirements(attempt, actor)
    save_texts(attempt, actor, set(request.form))
    flash("Saved. Nothing is signed yet.")
    return redirect(url_for(".sign_unit", attempt_id=attempt.id), 303)


def save_texts(attempt: UnitAttempt, actor: Actor, names: set[str]) -> None:
    """Save the closing comment and the reasons to sign, if their fields are among these names."""
    texts = {name: read_form_text(name) for name in DRAFTED_TEXTS if name in names}
    services.save_sign_off_draft(attempt, actor, **texts)


def save_requirements(attempt: UnitAttempt, actor: Actor, changed: set[str] | None = None) -> None:
    """Confirm each ticked requirement with its note, and withdraw the confirmation of any other.

    Args:
        attempt: the attempt.
        actor: its assessor.
        changed: the names of the fields to save; None saves all.
    """
    ticked = set(read_form_ids("requirement"))
    for requirement, confirmation in queries.list_requirement_confirmations(attempt):
        name = f"note-{requirement.id}"
        is_note_sent = changed is None or name in changed
        if changed is not None and "requirement" not in changed:
            if not is_note_sent:
                continue
            if confirmation is None:
                raise build_note_refusal(requirement.label)
            services.confirm_requirement(attempt, requirement.id, read_form_text(name), actor)
        elif requirement.id in ticked:
            note = read_form_text(name) if is_note_sent else (confirmation.note if confirmation else "")
            services.confirm_requirement(attempt, requirement.id, note, actor)
        elif confirmation:
            services.withdraw_confirmation(attempt, requirement.id, actor)
        elif is_note_sent and read_form_text(name).strip():
            raise build_note_refusal(requirement.label)


def build_note_refusal(label: str) -> Invalid:
    """Return the refusal to save the note of a requirement that is not confirmed."""
    return Invalid(f"Tick requirement {label} first. Then its note is saved. What you typed is kept.")


def check_sign_off_blockers(attempt: UnitAttempt, form: SignOffForm) -> None:
    """Raise `Refused` if the unit cannot be signed off now; the error of the password is then left out."""
    blockers = sign_off_checks.list_sign_off_blockers(attempt, load_matrix(attempt))
    form.password.errors = [] if blockers else form.password.errors
    check_action_allowed(attempt, AttemptAction.SIGN)
    if blockers:
        raise Refused(f"You cannot sign this unit off yet. {blockers[0].text}. Nothing was signed.")


def render_sign_page(
    attempt: UnitAttempt,
    form: SignOffForm | None = None,
    *,
    retracting: RetractForm | None = None,
    answering: dict[int, ResponseForm] | None = None,
) -> str:
    """Return the sign-off page; a refused form is passed in and keeps what was typed."""
    matrix = load_matrix(attempt)
    refused = form or retracting or next(iter((answering or {}).values()), None)
    typed = form is not None
    if form is None:
        form = SignOffForm(formdata=None)
        form.comment.data, form.warnings_reason.data = attempt.closing_comment, attempt.warnings_reason
        form.simulation_reason.data = attempt.simulation_reason
    shown_action_points = list_action_points(attempt)
    spread = summarise_evidence_spread(matrix.claiming_rows)
    guidance = load_evidence_guidance(attempt, matrix) if attempt.assessed_at is None else None
    return render_template(
        "assessment/sign_unit.html",
        attempt=attempt,
        matrix=matrix,
        form_content=build_form_content(attempt, matrix),
        blockers=sign_off_checks.list_sign_off_blockers(attempt, matrix, shown_action_points)
        if attempt.assessed_at is None
        else [],
        requirements=queries.list_requirement_confirmations(attempt),
        typed=typed,
        ticked=set(request.form.getlist("requirement")),
        action_points=shown_action_points,
        responses={
            entry.action_point.id: (answering or {}).get(entry.action_point.id)
            or ResponseForm(formdata=None, prefix=f"action-point-{entry.action_point.id}")
            for entry in shown_action_points
        },
        spread=spread,
        guidance=guidance,
        warnings=sign_off_checks.list_signing_warnings(matrix, guidance.unmet) if guidance else [],
        needs_simulation_reason=services.needs_simulation_reason(attempt, matrix),
        form=form,
        retract_form=retracting or RetractForm(formdata=None),
        refused=refused,
        waiting=find_open_of_signature(attempt),
    )

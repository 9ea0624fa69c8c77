"""Signing a unit off, and the candidate's confirmation or dispute."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.access import Act, get_attempt, requires
from tracker.accounts.passwords import proving_identity
from tracker.assessment.forms import ConfirmForm, DisputeForm, ReasonForm, ResponseForm, SignForm
from tracker.assessment.queries import signing as queries
from tracker.assessment.services import signing as services
from tracker.assessment.views import assessment
from tracker.clock import now
from tracker.errors import Invalid, NotFound
from tracker.idempotency import once
from tracker.ledger import Actor
from tracker.matrix import load_matrix, spread_of
from tracker.models import UnitAttempt
from tracker.recording_forms.queries import facts_of


@assessment.get("/attempts/<int:attempt_id>/sign")
@requires(Act.SIGN_UNIT)
def sign_unit(attempt_id: int) -> ResponseReturnValue:
    attempt, _ = get_attempt(attempt_id, Act.SIGN_UNIT)
    return show_signing(attempt)


@assessment.post("/attempts/<int:attempt_id>/sign")
@requires(Act.SIGN_UNIT)
@proving_identity
@once
def sign(attempt_id: int) -> ResponseReturnValue:
    """Save the ticks on the requirements; with the password, sign."""
    attempt, actor = get_attempt(attempt_id, Act.SIGN_UNIT)
    form = SignForm()
    saving = request.form.get("act") == "save"
    try:
        save_requirements(attempt, actor)
        if saving:
            attempt.closing_comment = (form.comment.data or "")[:4000]
            flash("Saved. Nothing is signed yet.")
            return redirect(url_for(".sign_unit", attempt_id=attempt.id), 303)
        if not form.validate():
            return show_signing(attempt, form), 422
        services.sign_unit(
            attempt,
            form.snapshot_hash.data or "",
            form.comment.data or "",
            actor,
            now(),
            simulation_reason=form.simulation_reason.data or "",
        )
    except Invalid as refusal:
        form.form_errors.append(str(refusal))
        return show_signing(attempt, form), 422
    flash(f"You have signed {attempt.unit.code} of {attempt.candidate.name}, who confirms it next.")
    return redirect(url_for(".sign_unit", attempt_id=attempt.id), 303)


@assessment.post("/attempts/<int:attempt_id>/retract")
@requires(Act.SIGN_UNIT)
@once
def retract(attempt_id: int) -> ResponseReturnValue:
    attempt, actor = get_attempt(attempt_id, Act.SIGN_UNIT)
    form = ReasonForm()
    if not form.validate():
        return show_signing(attempt, retracting=form), 422
    services.retract_signature(attempt, form.reason.data or "", actor)
    flash(f"{attempt.unit.code} is open again, in round {attempt.round}. Your earlier signature is kept.")
    return redirect(url_for(".sign_unit", attempt_id=attempt.id), 303)


@assessment.post("/attempts/<int:attempt_id>/findings/<int:finding_id>/answer")
@requires(Act.ANSWER_FINDING)
@once
def answer_finding(attempt_id: int, finding_id: int) -> ResponseReturnValue:
    attempt, actor = get_attempt(attempt_id, Act.ANSWER_FINDING)
    form = ResponseForm()
    if not form.validate():
        return show_signing(attempt, answering=form), 422
    services.answer_finding(attempt, finding_id, form.response.data or "", actor)
    flash("Your response is on record. The internal verifier closes the finding.")
    return redirect(url_for(".sign_unit", attempt_id=attempt.id), 303)


@assessment.get("/attempts/<int:attempt_id>/confirm")
@requires(Act.CONFIRM_UNIT)
def confirm_unit(attempt_id: int) -> ResponseReturnValue:
    attempt, _ = get_attempt(attempt_id, Act.CONFIRM_UNIT)
    return show_confirming(attempt)


@assessment.post("/attempts/<int:attempt_id>/confirm")
@requires(Act.CONFIRM_UNIT)
@proving_identity
@once
def confirm(attempt_id: int) -> ResponseReturnValue:
    attempt, actor = get_attempt(attempt_id, Act.CONFIRM_UNIT)
    form = ConfirmForm()
    if not form.validate():
        return show_confirming(attempt, form), 422
    services.confirm_unit(attempt, form.snapshot_hash.data or "", actor, now())
    flash(f"You have signed {attempt.unit.code}. The internal verifier looks at it next.")
    return redirect(url_for("portfolio.show_attempt", attempt_id=attempt.id), 303)


@assessment.post("/attempts/<int:attempt_id>/dispute")
@requires(Act.CONFIRM_UNIT)
@once
def dispute(attempt_id: int) -> ResponseReturnValue:
    attempt, actor = get_attempt(attempt_id, Act.CONFIRM_UNIT)
    form = DisputeForm()
    if not form.validate():
        return show_confirming(attempt, disputing=form), 422
    try:
        services.dispute_unit(attempt, read_ids("criterion"), form.reason.data or "", actor)
    except Invalid as refusal:
        form.form_errors.append(str(refusal))
        return show_confirming(attempt, disputing=form), 422
    flash("Your assessor has your reason and will look at these criteria again.")
    return redirect(url_for("portfolio.show_attempt", attempt_id=attempt.id), 303)


def save_requirements(attempt: UnitAttempt, actor: Actor) -> None:
    """Each requirement that was shown is confirmed or not, with its note."""
    ticked = set(read_ids("requirement"))
    for requirement, confirmation in queries.list_requirements(attempt):
        if requirement.id in ticked:
            note = request.form.get(f"note-{requirement.id}", "").replace("\x00", "")
            services.confirm_requirement(attempt, requirement.id, note, actor)
        elif confirmation:
            services.withdraw_confirmation(attempt, requirement.id, actor)


def read_ids(name: str) -> list[int]:
    values = request.form.getlist(name)
    if not all(value.isascii() and value.isdecimal() and len(value) < 10 for value in values):
        raise NotFound
    return [int(value) for value in values]


def show_signing(
    attempt: UnitAttempt,
    form: SignForm | None = None,
    *,
    retracting: ReasonForm | None = None,
    answering: ResponseForm | None = None,
) -> str:
    matrix = load_matrix(attempt)
    if form is None:
        form = SignForm(formdata=None)
        form.comment.data = attempt.closing_comment
    ticked = set(request.form.getlist("requirement"))
    return render_template(
        "assessment/sign_unit.html",
        attempt=attempt,
        matrix=matrix,
        facts=facts_of(attempt, matrix),
        obstacles=services.list_obstacles(attempt, matrix),
        requirements=queries.list_requirements(attempt),
        ticked=ticked,
        findings=queries.list_findings_of(attempt),
        spread=spread_of(matrix.claiming_rows),
        needs_simulation_reason=services.needs_simulation_reason(attempt, matrix),
        form=form,
        retract_form=retracting or ReasonForm(formdata=None),
        response_form=answering or ResponseForm(formdata=None),
        refused=next((each for each in (form, retracting, answering) if each and each.errors), None),
    )


def show_confirming(
    attempt: UnitAttempt, form: ConfirmForm | None = None, *, disputing: DisputeForm | None = None
) -> str:
    matrix = load_matrix(attempt)
    return render_template(
        "assessment/confirm_unit.html",
        attempt=attempt,
        matrix=matrix,
        facts=facts_of(attempt, matrix),
        form=form or ConfirmForm(formdata=None),
        dispute_form=disputing or DisputeForm(formdata=None),
        chosen=set(request.form.getlist("criterion")),
        refused=form or disputing,
    )

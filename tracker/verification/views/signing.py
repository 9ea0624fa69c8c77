"""The page on which an internal verifier signs a confirmed unit, as sampled or released without sampling."""

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from tracker.accounts.password_confirmation import requires_password
from tracker.accounts.second_step_confirmation import ask_second_step, is_second_step_missing, requires_second_step
from tracker.assessment.transitions import AttemptAction, check_action_allowed
from tracker.clock import now
from tracker.errors import Invalid
from tracker.ledger.events import Actor
from tracker.matrix import load_matrix
from tracker.models import UnitAttempt
from tracker.recording_forms.queries import build_form_content
from tracker.verification.forms import OWN_REASON, ReleaseForm, VerifyForm
from tracker.verification.services.signing import find_latest_sample_date, sign_verification
from tracker.verification.views import verification
from tracker.verification.views.unit_page import render_unit_page
from tracker.vocabulary import Role
from tracker.web.authorise import get_attempt
from tracker.web.current_user import me
from tracker.web.forms import errors_on_form
from tracker.web.idempotency import idempotent
from tracker.web.permissions import Act
from tracker.web.route_rules import requires
from tracker.web.text_direction import isolate


@verification.get("/attempts/<int:attempt_id>/verify/sign")
@requires(Act.VERIFY_UNIT)
def sign_unit(attempt_id: int) -> ResponseReturnValue:
    """Show the form as it will print, and the signature under it; the second step is done first if it is needed."""
    attempt, _ = get_attempt(attempt_id, Act.VERIFY_UNIT)
    check_action_allowed(attempt, AttemptAction.VERIFY)
    if is_second_step_missing(Role.INTERNAL_VERIFIER, attempt.centre_id):
        return ask_second_step(request.full_path.removesuffix("?"))
    return render_sign_page(attempt)


@verification.post("/attempts/<int:attempt_id>/verify")
@requires(Act.VERIFY_UNIT)
@requires_second_step(Role.INTERNAL_VERIFIER, "verification.sign_unit")
@requires_password
@idempotent
def sign_as_sampled(attempt_id: int) -> ResponseReturnValue:
    """Sign a unit as sampled."""
    attempt, actor = get_attempt(attempt_id, Act.VERIFY_UNIT)
    return sign_with_form(attempt, actor, VerifyForm(), "sign")


@verification.post("/attempts/<int:attempt_id>/release")
@requires(Act.VERIFY_UNIT)
@requires_second_step(Role.INTERNAL_VERIFIER, "verification.sign_unit")
@requires_password
@idempotent
def release_unsampled(attempt_id: int) -> ResponseReturnValue:
    """Sign a unit without sampling."""
    attempt, actor = get_attempt(attempt_id, Act.VERIFY_UNIT)
    form = ReleaseForm(attempt.centre.offered_unsampled_reasons)
    return sign_with_form(attempt, actor, form, "release", reason=form.chosen_reason)


def sign_with_form(
    attempt: UnitAttempt, actor: Actor, form: VerifyForm, form_name: str, *, reason: str | None = None
) -> ResponseReturnValue:
    """Sign the unit and go on to its form, or show the page again with the errors of the form.

    Args:
        attempt: the attempt to verify.
        actor: the internal verifier.
        form: the form that was sent.
        form_name: the argument of `render_sign_page` that takes this form.
        reason: why the unit is released without sampling; None signs as sampled.
    """
    check_action_allowed(attempt, AttemptAction.VERIFY)
    if form.validate():
        with errors_on_form(form, Invalid):
            sign_verification(
                attempt,
                form.snapshot_hash.data or "",
                actor,
                now(),
                unsampled_reason=reason,
                second_step=me().second_step,
            )
            flash(
                f"You have verified {attempt.unit.code} of {isolate(attempt.candidate.name)}. "
                "The receipt is under My account."
            )
            return redirect(url_for(".show_form", attempt_id=attempt.id), 303)
    return render_sign_page(attempt, **{form_name: form}), 422


def render_sign_page(
    attempt: UnitAttempt, *, sign: VerifyForm | None = None, release: VerifyForm | None = None
) -> str:
    """Return the page of the signature; a refused form is passed in and keeps what was typed."""
    matrix = load_matrix(attempt)
    return render_unit_page(
        "verification/sign_unit.html",
        attempt,
        matrix,
        form_content=build_form_content(attempt, matrix),
        date_sampled=find_latest_sample_date(attempt),
        sign_form=sign or VerifyForm(formdata=None),
        release_form=release or ReleaseForm(attempt.centre.offered_unsampled_reasons, formdata=None),
        own_reason=OWN_REASON,
        refused=sign or release,
    )

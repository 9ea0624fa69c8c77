"""Views of the second step: a code, a passkey or a recovery code, after the password or before a signature."""

from flask import current_app, flash, redirect, request
from flask.typing import ResponseReturnValue

from tracker import security_log
from tracker.accounts import passkeys
from tracker.accounts.forms import CodeForm, PasskeyAnswerForm
from tracker.accounts.known_browsers import get_client, remember_browser
from tracker.accounts.services.sign_in_records import record_sign_in
from tracker.accounts.services.signing_two_step import is_recent
from tracker.accounts.services.two_step_sign_in import (
    check_app_code,
    check_passkey,
    check_recovery_code,
    list_passkeys,
)
from tracker.accounts.services.two_step_verification import list_factors
from tracker.accounts.sessions import (
    mark_second_factor_proven,
    mark_second_factor_proven_again,
    save_challenge,
    set_cookie,
)
from tracker.accounts.views import accounts
from tracker.accounts.views.sign_in import get_next_url
from tracker.errors import Invalid, Refused
from tracker.vocabulary import SecondFactorKind, SecondStepMethod
from tracker.web.current_user import SignInStep, me
from tracker.web.formatting import counted
from tracker.web.forms import errors_on_form, render_form
from tracker.web.route_rules import during_sign_in

FEW_CODES = 3
"""When this many recovery codes or fewer are left, their person is asked to make new ones."""
NO_PASSKEYS = "Passkeys do not work at this address. Use another method."


@accounts.route("/two-step-verification", methods=["GET", "POST"])
@during_sign_in(SignInStep.PROVE_SECOND_FACTOR)
def confirm_sign_in() -> ResponseReturnValue:
    """Ask for the app's code or a passkey; the submitted form shows which of them was used."""
    if not is_second_step_due():
        return redirect(get_next_url())
    form = PasskeyAnswerForm() if "credential" in request.form else CodeForm()
    if form.validate_on_submit():
        with errors_on_form(form, Invalid):
            return complete_second_step(check_second_factor(form))
    return render_second_step(form)


def is_second_step_due() -> bool:
    """Return whether signing in lacks the second step, or it was not done in the five minutes before a signature."""
    return me().missing_step is not None or (me().has_second_factor and not is_recent(me().second_step))


def check_second_factor(form: CodeForm | PasskeyAnswerForm) -> SecondStepMethod:
    """Check the passkey's answer or the app's code, and return which it was; raise `Invalid` if it is wrong."""
    if isinstance(form, PasskeyAnswerForm):
        answer = form.credential.data or ""
        check_passkey(me().person_id, me().session_id, get_relying_party(), answer, get_client())
        return SecondStepMethod.PASSKEY
    check_app_code(me().person_id, form.code.data or "", get_client())
    return SecondStepMethod.APP


def render_second_step(form: CodeForm | PasskeyAnswerForm) -> tuple[str, int]:
    """Render the page that asks for the second step.

    Errors of a passkey's answer go above the form, since its field is hidden.
    """
    if isinstance(form, PasskeyAnswerForm):
        errors = [*form.form_errors, *form.credential.errors]
        form = CodeForm(formdata=None)
        form.form_errors = errors
    kinds = {each.kind for each in list_factors(me().person_id)}
    return render_form(
        "accounts/confirm_sign_in.html",
        form,
        has_app=SecondFactorKind.APP in kinds,
        has_passkey=SecondFactorKind.PASSKEY in kinds,
        passkeys_work=find_relying_party() is not None,
        is_signing_in=me().missing_step is not None,
    )


@accounts.post("/two-step-verification/passkey")
@during_sign_in(SignInStep.PROVE_SECOND_FACTOR)
def get_passkey_options() -> ResponseReturnValue:
    """Return the options that the page's script passes to the authenticator, as JSON."""
    if not is_second_step_due():
        return redirect(get_next_url())
    challenge = passkeys.make_challenge()
    save_challenge(me().session_id, challenge)
    known = list_passkeys(me().person_id)
    return as_json(passkeys.build_authentication_options(get_relying_party(), challenge, known))


@accounts.route("/two-step-verification/recovery-code", methods=["GET", "POST"])
@during_sign_in(SignInStep.PROVE_SECOND_FACTOR)
def use_recovery_code() -> ResponseReturnValue:
    """Ask for a recovery code instead of the app or passkey."""
    if not is_second_step_due():
        return redirect(get_next_url())
    form = CodeForm()
    if form.validate_on_submit():
        with errors_on_form(form, Invalid):
            remaining = check_recovery_code(me().person_id, form.code.data or "", me().as_actor(None), get_client())
            if remaining <= FEW_CODES:
                flash(
                    f"You have {counted(remaining, 'recovery code')} left. Make new ones under My account.",
                    "needs-you",
                )
            return complete_second_step(SecondStepMethod.RECOVERY_CODE)
    return render_form("accounts/use_recovery_code.html", form)


def complete_second_step(method: SecondStepMethod) -> ResponseReturnValue:
    """Record the second step and go to the page that was asked for; at sign-in the session gets a new token."""
    response = redirect(get_next_url(), 303)
    if me().missing_step is None:
        mark_second_factor_proven_again(me().session_id, method)
        security_log.write("second_step_repeated", person=me().person_id)
        return response
    token = mark_second_factor_proven(me().session_id, method)
    set_cookie(response, token)
    remember_browser(me().person_id, response)
    record_sign_in(token, get_client(), second_step=True)
    return response


def find_relying_party() -> passkeys.RelyingParty | None:
    """Return the relying party of this installation, or None if passkeys do not work at its address."""
    return passkeys.find_relying_party(current_app.config["SETTINGS"])


def get_relying_party() -> passkeys.RelyingParty:
    """Return the relying party of this installation; raise `Refused` if passkeys do not work at its address."""
    party = find_relying_party()
    if party is None:
        raise Refused(NO_PASSKEYS)
    return party


def as_json(text: str) -> ResponseReturnValue:
    """Return a response of text that is JSON already."""
    return current_app.response_class(text, mimetype="application/json")

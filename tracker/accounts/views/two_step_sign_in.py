"""“Is it you?”: the second factor, asked for after the password."""

from flask import current_app, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue

from tracker.accounts import passkeys
from tracker.accounts.forms import CodeForm, PasskeyAnswerForm, show_refusal
from tracker.accounts.services.two_step_sign_in import (
    check_app_code,
    check_passkey,
    check_recovery_code,
    known_passkeys,
)
from tracker.accounts.services.two_step_verification import list_factors
from tracker.accounts.sessions import get_client_address, mark_second_factor_proven, save_challenge, set_cookie
from tracker.accounts.views import accounts
from tracker.accounts.views.sign_in import safe_next
from tracker.errors import Invalid, Refused
from tracker.vocabulary import SecondFactorKind
from tracker.web.current_user import SignInStep, me
from tracker.web.formatting import counted
from tracker.web.route_rules import during_sign_in

FEW = 3
NO_PASSKEYS = "Passkeys do not work at this address. Use another way."


@accounts.route("/two-step-verification", methods=["GET", "POST"])
@during_sign_in(SignInStep.PROVE_SECOND_FACTOR)
def confirm_sign_in() -> ResponseReturnValue:
    """By the app's code or by a passkey; what the form holds says which."""
    if not me().missing_step:
        return redirect(safe_next())
    form = PasskeyAnswerForm() if "credential" in request.form else CodeForm()
    if form.validate_on_submit():
        try:
            prove_by(form)
        except Invalid as refusal:
            show_refusal(form, refusal)
        else:
            return let_in()
    return asking_page(form), (422 if form.is_submitted() else 200)


def prove_by(form: CodeForm | PasskeyAnswerForm) -> None:
    if isinstance(form, PasskeyAnswerForm):
        answer = form.credential.data or ""
        check_passkey(me().person_id, me().session_id, get_relying_party(), answer, get_client_address())
    else:
        check_app_code(me().person_id, form.code.data or "", get_client_address())


def asking_page(form: CodeForm | PasskeyAnswerForm) -> str:
    """What is wrong with a passkey's answer stands above the page: its field is hidden."""
    if isinstance(form, PasskeyAnswerForm):
        faults = [*form.form_errors, *form.credential.errors]
        form = CodeForm(formdata=None)
        form.form_errors = faults
    kinds = {each.kind for each in list_factors(me().person_id)}
    return render_template(
        "accounts/confirm_sign_in.html",
        form=form,
        has_app=SecondFactorKind.APP in kinds,
        has_passkey=SecondFactorKind.PASSKEY in kinds,
        reaches_passkeys=party() is not None,
    )


@accounts.post("/two-step-verification/passkey")
@during_sign_in(SignInStep.PROVE_SECOND_FACTOR)
def get_passkey_options() -> ResponseReturnValue:
    """What the page's script passes on to the authenticator."""
    if not me().missing_step:
        return redirect(safe_next())
    challenge = passkeys.make_challenge()
    save_challenge(me().session_id, challenge)
    return as_json(
        passkeys.build_authentication_options(get_relying_party(), challenge, known_passkeys(me().person_id))
    )


@accounts.route("/two-step-verification/recovery-code", methods=["GET", "POST"])
@during_sign_in(SignInStep.PROVE_SECOND_FACTOR)
def use_recovery_code() -> ResponseReturnValue:
    if not me().missing_step:
        return redirect(safe_next())
    form = CodeForm()
    if form.validate_on_submit():
        try:
            left = check_recovery_code(
                me().person_id, form.code.data or "", me().acting_under(None), get_client_address()
            )
        except Invalid as refusal:
            show_refusal(form, refusal)
        else:
            if left <= FEW:
                flash(f"{counted(left, 'recovery code')} left. Make new ones under My account.", "needs-you")
            return let_in()
    return render_template("accounts/use_recovery_code.html", form=form), (422 if form.is_submitted() else 200)


def let_in() -> ResponseReturnValue:
    """On to where they wanted to go, under a token that nobody knew before."""
    response = redirect(safe_next(), 303)
    set_cookie(response, mark_second_factor_proven(me().session_id))
    return response


def party() -> passkeys.RelyingParty | None:
    return passkeys.find_relying_party(current_app.config["SETTINGS"])


def get_relying_party() -> passkeys.RelyingParty:
    found = party()
    if found is None:
        raise Refused(NO_PASSKEYS)
    return found


def as_json(text: str) -> ResponseReturnValue:
    return current_app.response_class(text, mimetype="application/json")

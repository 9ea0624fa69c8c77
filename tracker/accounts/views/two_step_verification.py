"""Views for setting up two-step verification: authenticator app, passkeys, recovery codes, removal."""

from datetime import timedelta

from flask import flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.accounts import authenticator_apps, passkeys
from tracker.accounts.forms import AddAppForm, AddPasskeyForm, ConfirmPasswordForm, RecoveryCodesForm
from tracker.accounts.known_browsers import get_client
from tracker.accounts.password_confirmation import requires_password
from tracker.accounts.recovery_codes import NewCode, list_code_texts, make_codes
from tracker.accounts.services.sign_in_records import record_sign_in
from tracker.accounts.services.two_step_sign_in import list_passkeys
from tracker.accounts.services.two_step_verification import (
    add_app,
    add_passkey,
    list_factors,
    remove_factor,
    replace_recovery_codes,
)
from tracker.accounts.sessions import mark_second_factor_proven, save_challenge, set_cookie, take_challenge
from tracker.accounts.user_agents import describe_browser
from tracker.accounts.views import accounts
from tracker.accounts.views.sign_in import get_next_url
from tracker.accounts.views.two_step_sign_in import as_json, find_relying_party, get_relying_party
from tracker.clock import today
from tracker.errors import Invalid, NotFound, Refused
from tracker.extensions import db
from tracker.models import Person, SecondFactor
from tracker.vocabulary import SecondFactorKind, SecondStepMethod
from tracker.web.current_user import SignInStep, me
from tracker.web.encryption import decrypt, encrypt
from tracker.web.forms import errors_on_form, render_form
from tracker.web.route_rules import during_sign_in, signed_in
from tracker.web.text_direction import isolate

KEY_TIMEOUT = timedelta(hours=1)
KEY_EXPIRED = "This page was open for too long. Nothing was changed. Scan the new QR code below, then enter its code."
NOT_REGISTERED = "The passkey could not be added. Nothing was changed. Try again, or use an authenticator app."
OTHERS_ENDED = "You are signed out of every other browser."
CODES_EXPIRED = "These codes can no longer be shown. Make new ones under My account."


@accounts.get("/account/two-step-verification")
@during_sign_in(SignInStep.SET_UP_SECOND_FACTOR)
def set_up_two_step_verification() -> ResponseReturnValue:
    """Offer the methods of two-step verification: an authenticator app or a passkey."""
    factors = list_factors(me().person_id)
    return render_template(
        "accounts/set_up_two_step_verification.html",
        person=me(),
        has_app=any(each.kind is SecondFactorKind.APP for each in factors),
        passkeys_work=find_relying_party() is not None,
    )


@accounts.route("/account/two-step-verification/app", methods=["GET", "POST"])
@during_sign_in(SignInStep.SET_UP_SECOND_FACTOR)
@requires_password
def set_up_app() -> ResponseReturnValue:
    """Add an authenticator app; its secret is stored only once the app has shown a right code."""
    form = AddAppForm()
    secret = decrypt(form.key.data or "", get_key_purpose(), within=KEY_TIMEOUT)
    if form.validate_on_submit():
        codes = make_codes_if_first()
        with errors_on_form(form, Invalid):
            key, code = check_not_expired(secret), form.code.data or ""
            factor, with_codes = add_app(get_own_person(), key, code, codes, me().as_actor(None), me().session_id)
            return respond_after_adding(factor, codes if with_codes else ())
    secret = secret or authenticator_apps.make_secret()
    form.key.data = encrypt(secret, get_key_purpose())
    return render_form(
        "accounts/set_up_app.html",
        form,
        qr_code=authenticator_apps.draw_qr_code(secret, me().email),
        key=authenticator_apps.group_key(secret),
    )


@accounts.route("/account/two-step-verification/passkey", methods=["GET", "POST"])
@during_sign_in(SignInStep.SET_UP_SECOND_FACTOR)
@requires_password
def set_up_passkey() -> ResponseReturnValue:
    """Add a passkey."""
    form = AddPasskeyForm()
    if form.is_submitted():
        get_relying_party()  # raises where passkeys do not work
    if form.validate_on_submit():
        codes = make_codes_if_first()
        with errors_on_form(form):
            passkey = get_new_passkey(form.credential.data or "")
            factor, with_codes = add_passkey(
                get_own_person(), passkey, form.name.data or "", codes, me().as_actor(None), me().session_id
            )
            return respond_after_adding(factor, codes if with_codes else ())
    if not form.is_submitted():
        form.name.data = describe_browser(request.headers.get("User-Agent", ""))
    form.form_errors = [*form.form_errors, *form.credential.errors]  # the credential's field is hidden
    form.credential.errors, form.credential.data = [], ""
    return render_form("accounts/set_up_passkey.html", form, passkeys_work=find_relying_party() is not None)


@accounts.post("/account/two-step-verification/passkey/options")
@during_sign_in(SignInStep.SET_UP_SECOND_FACTOR)
@requires_password
def get_new_passkey_options() -> ResponseReturnValue:
    """Return the options that the page's script passes to the authenticator, once the password is right."""
    form = ConfirmPasswordForm()
    if not form.validate():
        raise Invalid(form.password.errors[0], "password")
    challenge, person = passkeys.make_challenge(), me()
    save_challenge(person.session_id, challenge)
    known = list_passkeys(person.person_id)
    options = passkeys.build_registration_options(
        get_relying_party(), challenge, person.person_id, person.email, person.name, known
    )
    return as_json(options)


@accounts.route("/account/two-step-verification/codes", methods=["GET", "POST"])
@signed_in
@requires_password
def make_recovery_codes() -> ResponseReturnValue:
    """Replace one's recovery codes and show the new ones."""
    form = ConfirmPasswordForm()
    if form.validate_on_submit():
        codes = make_codes()
        replace_recovery_codes(get_own_person(), codes, me().as_actor(None), me().session_id)
        return show_codes(codes)
    return render_form("accounts/make_recovery_codes.html", form)


@accounts.post("/account/two-step-verification/codes/saved")
@during_sign_in(SignInStep.SET_UP_SECOND_FACTOR)
def confirm_recovery_codes() -> ResponseReturnValue:
    """Continue once the person confirms that they have saved the codes; until then show them again."""
    form = RecoveryCodesForm()
    if form.validate():
        flash("Two-step verification is set up. You are asked for it when you sign in.")
        return redirect(get_next_url(), 303)
    codes = decrypt(form.codes.data or "", get_codes_purpose(), within=KEY_TIMEOUT)
    if codes is None:
        raise Refused(CODES_EXPIRED)
    return render_codes(form, codes.split()), 422


@accounts.route("/account/two-step-verification/<int:factor_id>/remove", methods=["GET", "POST"])
@signed_in
@requires_password
def remove_second_factor(factor_id: int) -> ResponseReturnValue:
    """Remove one's authenticator app or a passkey."""
    factors = list_factors(me().person_id)
    factor = next((each for each in factors if each.id == factor_id), None)
    if factor is None:
        raise NotFound
    form = ConfirmPasswordForm()
    if form.validate_on_submit():
        with errors_on_form(form, Refused):
            remove_factor(
                factor_id,
                get_own_person(),
                me().as_actor(None),
                me().session_id,
                needs_one=me().needs_second_factor,
            )
            flash(f"“{isolate(factor.name)}” is removed. {OTHERS_ENDED}")
            return redirect(url_for(".my_account"), 303)
    return render_form(
        "accounts/remove_second_factor.html", form, factor=factor, is_last=len(factors) == 1, person=me()
    )


def check_not_expired(secret: str | None) -> str:
    """Return the app's secret; raise `Invalid` if the page that showed it has expired."""
    if secret is None:
        raise Invalid(KEY_EXPIRED, "code")
    return secret


def get_new_passkey(answer: str) -> passkeys.NewPasskey:
    """Return the passkey that was created for this session's challenge; raise `Invalid` for anything else."""
    challenge = take_challenge(me().session_id)
    passkey = passkeys.verify_registration(get_relying_party(), challenge, answer) if challenge else None
    if passkey is None:
        raise Invalid(NOT_REGISTERED)
    return passkey


def make_codes_if_first() -> tuple[NewCode, ...]:
    """Return recovery codes for somebody's first second factor, hashed while no lock is held."""
    return () if me().has_second_factor else make_codes()


def respond_after_adding(factor: SecondFactor, codes: tuple[NewCode, ...]) -> ResponseReturnValue:
    """Show the recovery codes, if any, or the account page; a first second factor counts as given in this session."""
    if codes:
        page = make_response(show_codes(codes))
    else:
        flash(f"“{isolate(factor.name)}” is added. {OTHERS_ENDED}")
        page = make_response(redirect(url_for(".my_account"), 303))
    if not me().is_proven:
        token = mark_second_factor_proven(me().session_id, SecondStepMethod(factor.kind.value))
        set_cookie(page, token)
        record_sign_in(token, get_client(), second_step=True)
    return page


def show_codes(codes: tuple[NewCode, ...]) -> str:
    """Render new recovery codes, with the form that confirms that they are saved."""
    texts = list_code_texts(codes)
    form = RecoveryCodesForm(formdata=None, codes=encrypt(" ".join(texts), get_codes_purpose()))
    return render_codes(form, texts)


def render_codes(form: RecoveryCodesForm, codes: list[str]) -> str:
    """Render the page of recovery codes."""
    return render_template("accounts/recovery_codes.html", form=form, codes=codes, today=today())


def get_own_person() -> Person:
    """Return the signed-in person's row."""
    return db.session.get_one(Person, me().person_id)


def get_key_purpose() -> str:
    """Return the purpose under which an app's secret is encrypted for this session's page."""
    return f"key of session {me().session_id}"


def get_codes_purpose() -> str:
    """Return the purpose under which recovery codes are encrypted for this session's page."""
    return f"codes of session {me().session_id}"

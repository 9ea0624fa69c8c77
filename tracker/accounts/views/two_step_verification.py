"""One's own second factors: set up, removed, and the recovery codes; each with the password again."""

from datetime import timedelta

from flask import flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.accounts import authenticator_apps, passkeys
from tracker.accounts.encryption import decrypt, encrypt
from tracker.accounts.forms import AddAppForm, AddPasskeyForm, KeptCodesForm, PasswordAgainForm, show_refusal
from tracker.accounts.password_confirmation import requires_password
from tracker.accounts.recovery_codes import NewCode, list_code_texts, make_codes
from tracker.accounts.services.two_step_sign_in import known_passkeys
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
from tracker.accounts.views.sign_in import safe_next
from tracker.accounts.views.two_step_sign_in import as_json, get_relying_party, party
from tracker.clock import today
from tracker.errors import Invalid, NotFound, Refused
from tracker.extensions import db
from tracker.models import Person, SecondFactor
from tracker.vocabulary import SecondFactorKind
from tracker.web.current_user import SignInStep, me
from tracker.web.route_rules import during_sign_in, signed_in

KEY_LASTS = timedelta(hours=1)
KEY_LAPSED = "This key was shown for too long. Nothing was changed. Scan the new one below, then type its code."
NOT_MADE = "That passkey could not be taken on. Nothing was changed. Try again, or use an authenticator app."
CODES_GONE = "These codes can no longer be shown. Make new ones under My account."


@accounts.get("/account/two-step-verification")
@during_sign_in(SignInStep.SET_UP_SECOND_FACTOR)
def set_up_two_step_verification() -> ResponseReturnValue:
    held = list_factors(me().person_id)
    return render_template(
        "accounts/set_up_two_step_verification.html",
        person=me(),
        has_app=any(each.kind is SecondFactorKind.APP for each in held),
        reaches_passkeys=party() is not None,
    )


@accounts.route("/account/two-step-verification/app", methods=["GET", "POST"])
@during_sign_in(SignInStep.SET_UP_SECOND_FACTOR)
@requires_password
def set_up_app() -> ResponseReturnValue:
    """The key is made for the page, and kept only once the app has shown a code of it."""
    form = AddAppForm()
    secret = decrypt(form.key.data or "", key_purpose(), within=KEY_LASTS)
    if form.validate_on_submit():
        codes = codes_if_first()
        try:
            key, code = not_lapsed(secret), form.code.data or ""
            factor, with_codes = add_app(myself(), key, code, codes, me().acting_under(None))
        except Invalid as refusal:
            show_refusal(form, refusal)
        else:
            return after_adding(factor, codes if with_codes else ())
    secret = secret or authenticator_apps.make_secret()
    form.key.data = encrypt(secret, key_purpose())
    return render_template(
        "accounts/set_up_app.html",
        form=form,
        square=authenticator_apps.draw_qr_code(secret, me().email),
        key=authenticator_apps.group_key(secret),
    ), (422 if form.is_submitted() else 200)


@accounts.route("/account/two-step-verification/passkey", methods=["GET", "POST"])
@during_sign_in(SignInStep.SET_UP_SECOND_FACTOR)
@requires_password
def set_up_passkey() -> ResponseReturnValue:
    form = AddPasskeyForm()
    if form.is_submitted():
        get_relying_party()  # which refuses where no passkey works
    if form.validate_on_submit():
        codes = codes_if_first()
        try:
            made = check_made(form.credential.data or "")
            factor, with_codes = add_passkey(myself(), made, form.name.data or "", codes, me().acting_under(None))
        except (Invalid, Refused) as refusal:
            show_refusal(form, refusal)
        else:
            return after_adding(factor, codes if with_codes else ())
    if not form.is_submitted():
        form.name.data = describe_browser(request.headers.get("User-Agent", ""))
    form.form_errors = [*form.form_errors, *form.credential.errors]  # its field is hidden
    form.credential.errors, form.credential.data = [], ""
    return render_template("accounts/set_up_passkey.html", form=form, reaches_passkeys=party() is not None), (
        422 if form.is_submitted() else 200
    )


@accounts.post("/account/two-step-verification/passkey/options")
@during_sign_in(SignInStep.SET_UP_SECOND_FACTOR)
@requires_password
def get_new_passkey_options() -> ResponseReturnValue:
    """What the page's script passes on to the authenticator, once the password is right."""
    form = PasswordAgainForm()
    if not form.validate():
        raise Invalid(form.password.errors[0], "password")
    challenge, person = passkeys.make_challenge(), me()
    save_challenge(person.session_id, challenge)
    known = known_passkeys(person.person_id)
    return as_json(
        passkeys.build_registration_options(
            get_relying_party(), challenge, person.person_id, person.email, person.name, known
        )
    )


@accounts.route("/account/two-step-verification/codes", methods=["GET", "POST"])
@signed_in
@requires_password
def make_recovery_codes() -> ResponseReturnValue:
    form = PasswordAgainForm()
    if form.validate_on_submit():
        codes = make_codes()
        replace_recovery_codes(myself(), codes, me().acting_under(None))
        return show_codes(codes)
    return render_template("accounts/make_recovery_codes.html", form=form), (422 if form.is_submitted() else 200)


@accounts.post("/account/two-step-verification/codes/kept")
@during_sign_in(SignInStep.SET_UP_SECOND_FACTOR)
def keep_recovery_codes() -> ResponseReturnValue:
    """On, once they say that they have them; until then the page shows them again."""
    form = KeptCodesForm()
    if form.validate():
        flash("Your second factor is set up. You are asked for it when you sign in.")
        return redirect(safe_next(), 303)
    codes = decrypt(form.codes.data or "", codes_purpose(), within=KEY_LASTS)
    if codes is None:
        raise Refused(CODES_GONE)
    return codes_page(form, codes.split()), 422


@accounts.route("/account/two-step-verification/<int:factor_id>/remove", methods=["GET", "POST"])
@signed_in
@requires_password
def remove_second_factor(factor_id: int) -> ResponseReturnValue:
    held = list_factors(me().person_id)
    factor = next((each for each in held if each.id == factor_id), None)
    if factor is None:
        raise NotFound
    form = PasswordAgainForm()
    if form.validate_on_submit():
        try:
            remove_factor(factor_id, myself(), me().acting_under(None), needs_one=me().needs_second_factor)
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            flash(f"“{factor.name}” is removed.")
            return redirect(url_for(".my_account"), 303)
    return render_template(
        "accounts/remove_second_factor.html", form=form, factor=factor, is_last=len(held) == 1, person=me()
    ), (422 if form.is_submitted() else 200)


def not_lapsed(secret: str | None) -> str:
    if secret is None:
        raise Invalid(KEY_LAPSED, "code")
    return secret


def check_made(answer: str) -> passkeys.NewPasskey:
    """The passkey that was made on this session's question; `Invalid` for anything else."""
    challenge = take_challenge(me().session_id)
    made = passkeys.check_made(get_relying_party(), challenge, answer) if challenge else None
    if made is None:
        raise Invalid(NOT_MADE)
    return made


def codes_if_first() -> tuple[NewCode, ...]:
    """Recovery codes for who has no second factor yet, made while no lock is held."""
    return () if me().has_second_factor else make_codes()


def after_adding(factor: SecondFactor, codes: tuple[NewCode, ...]) -> ResponseReturnValue:
    """The first factor counts as proven here at once, under another token, and its recovery codes are shown."""
    if codes:
        page = make_response(show_codes(codes))
    else:
        flash(f"“{factor.name}” is added.")
        page = make_response(redirect(url_for(".my_account"), 303))
    if not me().is_proven:
        set_cookie(page, mark_second_factor_proven(me().session_id))
    return page


def show_codes(codes: tuple[NewCode, ...]) -> str:
    words = list_code_texts(codes)
    form = KeptCodesForm(formdata=None, codes=encrypt(" ".join(words), codes_purpose()))
    return codes_page(form, words)


def codes_page(form: KeptCodesForm, codes: list[str]) -> str:
    return render_template("accounts/recovery_codes.html", form=form, codes=codes, today=today())


def myself() -> Person:
    return db.session.get_one(Person, me().person_id)


def key_purpose() -> str:
    return f"key of session {me().session_id}"


def codes_purpose() -> str:
    return f"codes of session {me().session_id}"

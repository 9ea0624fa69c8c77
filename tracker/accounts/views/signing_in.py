"""Signing in and out, and links that set a password."""

from urllib.parse import urlsplit

from flask import current_app, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from tracker import mail
from tracker.access import public
from tracker.accounts import queries
from tracker.accounts.demonstration import DEMO_PASSWORD
from tracker.accounts.forms import ForgottenPasswordForm, NewPasswordForm, SignInForm
from tracker.accounts.services.links import LAPSED, find_link, send_link, use_link
from tracker.accounts.services.people import find_person
from tracker.accounts.services.signing_in import prove_password
from tracker.accounts.sessions import COOKIE, current_address, end_session, set_cookie, start_session
from tracker.accounts.views import accounts
from tracker.errors import Invalid, NotFound, Refused
from tracker.ledger import OPERATOR
from tracker.models import Person
from tracker.vocabulary import LinkPurpose


@accounts.route("/sign-in", methods=["GET", "POST"])
@public
def sign_in() -> ResponseReturnValue:
    if request.method == "GET" and current_user.is_authenticated:
        return redirect(url_for("home.home"))
    form = SignInForm()
    if form.validate_on_submit():
        try:
            person = prove_password(form.email.data or "", form.password.data or "", current_address())
        except Invalid as refusal:
            form.form_errors.append(str(refusal))
        else:
            return signed_in_response(person)
    return render_template(
        "accounts/sign_in.html",
        form=form,
        demo_people=queries.list_demo_people() if current_app.config["DEMO"] else [],
        demo_password=DEMO_PASSWORD,
    ), (422 if form.is_submitted() else 200)


def signed_in_response(person: Person) -> ResponseReturnValue:
    """A fresh session, whatever the browser brought with it."""
    session.clear()
    token = start_session(person, current_address(), request.headers.get("User-Agent", ""))
    response = redirect(safe_next(request.args.get("next", "")), 303)
    set_cookie(response, token)
    return response


def safe_next(target: str) -> str:
    """A path of ours, or home: `next` never leads to another site."""
    parts = urlsplit(target)
    is_ours = (
        target.startswith("/") and not target.startswith(("//", "/\\")) and not parts.scheme and not parts.netloc
    )
    return target if is_ours and "\\" not in target and target.isprintable() else url_for("home.home")


@accounts.post("/sign-out")
@public
def sign_out() -> ResponseReturnValue:
    token = request.cookies.get(COOKIE)
    if token:
        end_session(token)
    session.clear()
    response = redirect(url_for(".sign_in"), 303)
    response.delete_cookie(COOKIE)
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


@accounts.route("/forgotten-password", methods=["GET", "POST"])
@public
def forgotten_password() -> ResponseReturnValue:
    """The same answer whether or not somebody has this address."""
    form = ForgottenPasswordForm()
    if form.validate_on_submit():
        person = find_person(form.email.data or "")
        if person and not person.deactivated_at and queries.count_recent_resets(person) < 3:
            send_link(person, LinkPurpose.RESET, OPERATOR)
        flash("If somebody has this address here, a link to set a new password is on its way. It works for an hour.")
        return redirect(url_for(".sign_in"), 303)
    return render_template("accounts/forgotten_password.html", form=form, delivers=mail.delivers()), (
        422 if form.is_submitted() else 200
    )


@accounts.route("/links/<token>", methods=["GET", "POST"])
@public
def follow_link(token: str) -> ResponseReturnValue:
    """An invitation or a reset: choose a password, once."""
    link = find_link(token)
    if link is None:
        raise Refused(LAPSED)
    form = NewPasswordForm()
    if form.validate_on_submit():
        try:
            person = use_link(token, form.password.data or "")
        except Invalid as refusal:
            form.password.errors = [*form.password.errors, str(refusal)]
        else:
            flash("Your password is set.")
            return signed_in_response(person)
    return render_template("accounts/follow_link.html", form=form, link=link), (422 if form.is_submitted() else 200)


@accounts.get("/outbox")
@public
def outbox() -> ResponseReturnValue:
    """Every mail of the demonstration; there is no such page anywhere else."""
    if not current_app.config["DEMO"]:
        raise NotFound
    return render_template("accounts/outbox.html", mails=mail.list_outbox())

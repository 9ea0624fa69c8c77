"""Signing in and out, and links that set a password."""

from flask import current_app, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from werkzeug.exceptions import HTTPException

from tracker.accounts import queries
from tracker.accounts.demo_password import DEMO_PASSWORD
from tracker.accounts.forms import (
    AcceptInvitationForm,
    ForgottenPasswordForm,
    NewPasswordForm,
    SignInForm,
    show_refusal,
)
from tracker.accounts.passwords import hash_password
from tracker.accounts.services.account_links import LinkExpired, check_password, find_link, use_link
from tracker.accounts.services.sign_in import authenticate, request_password_reset
from tracker.accounts.sessions import (
    delete_cookie,
    end_session,
    get_client_address,
    get_cookie_name,
    set_cookie,
    start_session,
)
from tracker.accounts.user_agents import describe_browser
from tracker.accounts.views import accounts
from tracker.background import emails
from tracker.errors import Invalid, NotFound
from tracker.ledger import transactions
from tracker.models import Person
from tracker.vocabulary import LinkPurpose
from tracker.web.route_rules import public


@accounts.route("/sign-in", methods=["GET", "POST"])
@public
def sign_in() -> ResponseReturnValue:
    if request.method == "GET" and current_user.is_authenticated:
        return redirect(safe_next())
    form = SignInForm()
    if form.validate_on_submit():
        try:
            person = authenticate(form.email.data or "", form.password.data or "", get_client_address())
        except Invalid as refusal:
            form.form_errors.append(str(refusal))
        else:
            return signed_in_response(person, safe_next())
    return render_template(
        "accounts/sign_in.html",
        form=form,
        demo_people=queries.list_demo_people() if current_app.config["DEMO"] else [],
        demo_password=DEMO_PASSWORD,
    ), (422 if form.is_submitted() else 200)


def signed_in_response(person: Person, target: str) -> ResponseReturnValue:
    """A fresh session, whatever the browser brought with it; what it brought ends."""
    end_session(request.cookies.get(get_cookie_name(), ""))
    session.clear()
    token = start_session(person, get_client_address(), describe_browser(request.headers.get("User-Agent", "")))
    response = redirect(target, 303)
    set_cookie(response, token)
    return response


def safe_next() -> str:
    """The page of ours that `next` names, or home: it never leads to another site, nor to what only acts."""
    target = request.args.get("next", "")
    if not target.startswith("/") or target.startswith("//") or "\\" in target or not target.isprintable():
        return url_for("home.home")
    try:
        current_app.url_map.bind("").match(target.partition("?")[0].partition("#")[0], method="GET")
    except HTTPException:
        return url_for("home.home")
    return target


@accounts.post("/sign-out")
@public
def sign_out() -> ResponseReturnValue:
    end_session(request.cookies.get(get_cookie_name(), ""))
    session.clear()
    response = redirect(url_for(".sign_in"), 303)
    delete_cookie(response)
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


@accounts.route("/forgotten-password", methods=["GET", "POST"])
@public
def forgotten_password() -> ResponseReturnValue:
    """The same answer whether or not somebody has this address."""
    form = ForgottenPasswordForm()
    if emails.can_deliver() and form.validate_on_submit():
        try:
            request_password_reset(form.email.data or "", get_client_address())
        except Invalid as refusal:
            form.form_errors.append(str(refusal))
        else:
            flash("If somebody has this address here, a link to set a new password is on its way to it.")
            return redirect(url_for(".sign_in"), 303)
    return render_template("accounts/forgotten_password.html", form=form, delivers=emails.can_deliver()), (
        422 if form.is_submitted() else 200
    )


@accounts.route("/links/<token>", methods=["GET", "POST"])
@public
def follow_link(token: str) -> ResponseReturnValue:
    """An invitation or a reset: choose a password, once. It is hashed while no lock is held."""
    with transactions.reading():
        link = find_link(token)
    if link is None:
        raise LinkExpired
    form = NewPasswordForm() if link.purpose is LinkPurpose.RESET else AcceptInvitationForm(name=link.name)
    if form.validate_on_submit():
        name = (form.name.data or "") if isinstance(form, AcceptInvitationForm) else ""
        password = form.password.data or ""
        try:
            check_password(password, name or link.name, link.email)
        except Invalid as refusal:
            show_refusal(form, refusal)
        else:
            response = signed_in_response(use_link(token, hash_password(password), name), url_for("home.home"))
            flash("Your password is set.")
            return response
    return render_template("accounts/follow_link.html", form=form, link=link), (422 if form.is_submitted() else 200)


@accounts.get("/outbox")
@public
def outbox() -> ResponseReturnValue:
    """Every mail of the demonstration; there is no such page anywhere else."""
    if not current_app.config["DEMO"]:
        raise NotFound
    return render_template("accounts/outbox.html", mails=emails.load_outbox())

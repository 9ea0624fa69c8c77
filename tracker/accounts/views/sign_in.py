"""Views of signing in and out, forgotten passwords, and links for setting a password."""

from flask import current_app, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from tracker import security_log
from tracker.accounts import queries
from tracker.accounts.demo_password import DEMO_PASSWORD
from tracker.accounts.forms import AcceptInvitationForm, ForgottenPasswordForm, NewPasswordForm, SignInForm
from tracker.accounts.known_browsers import get_client, remember_browser
from tracker.accounts.passwords import hash_password
from tracker.accounts.services.account_links import LinkExpired, check_password, find_link, use_link
from tracker.accounts.services.link_requests import confirm_browser, find_browser_link, request_link
from tracker.accounts.services.sign_in import BrowserUnknown, authenticate
from tracker.accounts.services.sign_in_records import record_sign_in
from tracker.accounts.services.two_step_verification import list_factors
from tracker.accounts.sessions import (
    end_session,
    get_client_address,
    get_cookie_name,
    is_session_of,
    set_cookie,
    sign_browser_out,
    start_session,
)
from tracker.accounts.user_agents import describe_browser
from tracker.accounts.views import accounts
from tracker.background import emails
from tracker.background.outbox import load_outbox
from tracker.errors import Invalid, NotFound
from tracker.ledger import transactions
from tracker.models import Person
from tracker.vocabulary import LinkPurpose
from tracker.web.error_pages import show_expired
from tracker.web.forms import errors_on_form, render_form
from tracker.web.route_rules import public
from tracker.web.text_direction import isolate


@accounts.route("/sign-in", methods=["GET", "POST"])
@public
def sign_in() -> ResponseReturnValue:
    """Sign in with an email address and a password."""
    if request.method == "GET" and current_user.is_authenticated:
        return redirect(get_next_url())
    form, needs_link = SignInForm(), False
    if form.validate_on_submit():
        with errors_on_form(form, Invalid):
            try:
                person = authenticate(form.email.data or "", form.password.data or "", get_client())
            except BrowserUnknown:
                needs_link = True
                raise
            return redirect_signed_in(person, get_next_url())
    return render_form(
        "accounts/sign_in.html",
        form,
        needs_link=needs_link,
        demo_people=queries.list_demo_people() if current_app.config["DEMO"] else [],
        demo_password=DEMO_PASSWORD,
    )


@accounts.errorhandler(CSRFError)
def show_expired_sign_in(error: CSRFError) -> ResponseReturnValue:
    """Open the sign-in page again if its CSRF token is no longer valid, with the page that it leads to.

    A browser that is signed in meanwhile, in another window, goes on to that page.
    """
    if request.endpoint != "accounts.sign_in":
        return show_expired(error)
    if current_user.is_authenticated:
        flash(f"You were already signed in as {isolate(current_user.name)}.")
    else:
        flash("The sign-in page had expired. Enter your email address and your password again.", "needs-you")
    return redirect(url_for(".sign_in", next=request.args.get("next")), 303)


def redirect_signed_in(person: Person, target: str) -> ResponseReturnValue:
    """Start a new session and redirect to the target; the session that the browser had before ends.

    If that was the same person's, the CSRF token stays, so that a form in another window can still be sent.
    """
    earlier = request.cookies.get(get_cookie_name(), "")
    csrf_token = session.get("csrf_token") if is_session_of(earlier, person.id) else None
    end_session(earlier)
    session.clear()
    if csrf_token:
        session["csrf_token"] = csrf_token
    token = start_session(person, get_client_address(), describe_browser(request.headers.get("User-Agent", "")))
    response = redirect(target, 303)
    set_cookie(response, token)
    if list_factors(person.id):
        security_log.write("second_step_needed", person=person.id)
    else:  # otherwise the browser is remembered after the second step
        remember_browser(person.id, response)
        record_sign_in(token, get_client(), second_step=False)
    return response


def get_next_url() -> str:
    """Return the page of this site that the `next` parameter names, or the home page.

    It never leads to another site, nor to a URL that only takes POST requests: then it leads to the nearest page
    above, for example from `/evidence/41/answer` to `/evidence/41`.
    """
    target = request.args.get("next", "")
    if not target.startswith("/") or target.startswith("//") or "\\" in target or not target.isprintable():
        return url_for("home.home")
    path = target.partition("?")[0].partition("#")[0]
    while path and not is_page(path):
        path = target = path.rpartition("/")[0]
    return target or url_for("home.home")


def is_page(path: str) -> bool:
    """Return whether a path of this site can be opened with GET."""
    try:
        current_app.url_map.bind("").match(path, method="GET")
    except HTTPException:
        return False
    return True


@accounts.post("/sign-out")
@public
def sign_out() -> ResponseReturnValue:
    """End the session and clear the browser's cache, for shared phones."""
    return sign_browser_out(redirect(url_for(".sign_in"), 303))


@accounts.route("/forgotten-password", methods=["GET", "POST"])
@public
def forgotten_password() -> ResponseReturnValue:
    """Send a link for a new password; the response is the same whether or not the address has an account."""
    form = ForgottenPasswordForm()
    if emails.can_deliver() and form.validate_on_submit():
        with errors_on_form(form, Invalid):
            request_link(form.email.data or "", LinkPurpose.RESET, get_client_address())
            flash("If this address has an account here, a link for a new password is on its way to it.")
            return redirect(url_for(".sign_in"), 303)
    return render_form("accounts/forgotten_password.html", form, delivers=emails.can_deliver())


@accounts.route("/sign-in/link", methods=["GET", "POST"])
@public
def request_browser_link() -> ResponseReturnValue:
    """Send a link for signing in with a new browser; the response is the same for every address."""
    form = ForgottenPasswordForm()
    if emails.can_deliver() and form.validate_on_submit():
        with errors_on_form(form, Invalid):
            request_link(form.email.data or "", LinkPurpose.NEW_BROWSER, get_client_address())
            flash("If this address has an account here, a link is on its way to it. Open it with this browser.")
            return redirect(url_for(".sign_in"), 303)
    return render_form("accounts/request_browser_link.html", form, delivers=emails.can_deliver())


@accounts.route("/sign-in/new-browser/<token>", methods=["GET", "POST"])
@public
def confirm_new_browser(token: str) -> ResponseReturnValue:
    """Make this browser known by an emailed link; a GET asks first, since mail scanners follow links."""
    if request.method == "POST":
        response = redirect(url_for(".sign_in"), 303)
        remember_browser(confirm_browser(token), response)
        flash("You can sign in with this browser now.")
        return response
    with transactions.reading():
        link = find_browser_link(token)
    return render_template("accounts/confirm_new_browser.html", email=link.email, token=token)


@accounts.route("/links/<token>", methods=["GET", "POST"])
@public
def follow_link(token: str) -> ResponseReturnValue:
    """Set a password with an invitation or a reset link. The password is hashed while no lock is held."""
    with transactions.reading():
        link = find_link(token)
    if link is None:
        raise LinkExpired
    form = NewPasswordForm() if link.purpose is LinkPurpose.RESET else AcceptInvitationForm(name=link.name)
    if form.validate_on_submit():
        name = (form.name.data or "") if isinstance(form, AcceptInvitationForm) else ""
        password = form.password.data or ""
        with errors_on_form(form, Invalid):
            check_password(password, name or link.name, link.email)
            response = redirect_signed_in(use_link(token, hash_password(password), name), url_for("home.home"))
            flash("Your password is set.")
            return response
    return render_form("accounts/follow_link.html", form, link=link)


@accounts.get("/outbox")
@public
def outbox() -> ResponseReturnValue:
    """Show every email of the demo; outside demo mode there is no such page."""
    if not current_app.config["DEMO"]:
        raise NotFound
    return render_template("accounts/outbox.html", mails=load_outbox())

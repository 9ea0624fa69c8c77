"""Views of one's own account: roles, password, sessions, signatures; and choosing a role."""

from functools import partial

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import update

from tracker.accounts import queries
from tracker.accounts.account_change_queries import list_changes
from tracker.accounts.earlier_names import list_earlier_names
from tracker.accounts.forms import ChangePasswordForm
from tracker.accounts.known_browsers import remember_browser
from tracker.accounts.password_confirmation import find_password_error
from tracker.accounts.passwords import hash_password
from tracker.accounts.services.account_links import check_password, set_password
from tracker.accounts.services.ending_sessions import end_own_session as end_session
from tracker.accounts.services.two_step_verification import count_codes, list_factors
from tracker.accounts.sign_in_list import RESULTS, SIGN_INS
from tracker.accounts.sign_in_list import list_own_sign_ins as list_sign_ins
from tracker.accounts.signature_list import ROLES, SIGNATURES, STATES
from tracker.accounts.signature_list import list_own_signatures as list_signatures
from tracker.accounts.views import accounts
from tracker.background import emails
from tracker.background.delivery_failures import find_failure
from tracker.errors import Invalid, NotFound
from tracker.extensions import db
from tracker.models import Person, UserSession
from tracker.vocabulary import STAFF_ROLES, Role
from tracker.web.current_user import me
from tracker.web.forms import errors_on_form, render_form
from tracker.web.list_views import send_list
from tracker.web.lists import ListQuery
from tracker.web.route_rules import signed_in

MAX_SIGNATURES_SHOWN = 5
"""Signatures on the page of one's own account, which links to all of them."""


@accounts.route("/account", methods=["GET", "POST"])
@signed_in
def my_account() -> ResponseReturnValue:
    """Show one's own account; a POST changes the password."""
    form = ChangePasswordForm()
    if form.validate_on_submit():
        with errors_on_form(form, Invalid):
            change_password(form.current.data or "", form.password.data or "")
            flash("Your password is changed. You are signed out of every other browser.")
            response = redirect(url_for(".my_account"), 303)
            remember_browser(me().person_id, response)
            return response
    newest = ListQuery(sort="signed", is_descending=True, size=MAX_SIGNATURES_SHOWN)
    return render_form(
        "accounts/my_account.html",
        form,
        person=me(),
        confirmed_at=db.session.get_one(Person, me().person_id).email_confirmed_at,
        failure=find_failure(me().email),
        delivers=emails.can_deliver(),
        candidate=Role.CANDIDATE,
        roles=queries.list_own_roles(me().person_id),
        staff_roles=STAFF_ROLES,
        sessions=queries.list_sessions(me().person_id),
        changes=list_changes(me().person_id),
        earlier_names=list_earlier_names(me().person_id),
        factors=list_factors(me().person_id),
        codes_left=count_codes(me().person_id) if me().has_second_factor else 0,
        signatures=list_signatures(me().person_id, newest),
    )


@accounts.get("/account/signatures")
@signed_in
def list_own_signatures() -> ResponseReturnValue:
    """List one's own signatures with their receipts."""
    return send_list(
        SIGNATURES, partial(list_signatures, me().person_id), "accounts/list_own_signatures.html", [ROLES, STATES]
    )


@accounts.get("/account/sign-ins")
@signed_in
def list_own_sign_ins() -> ResponseReturnValue:
    """List the recent sign-ins to one's own account, successful or not."""
    return send_list(SIGN_INS, partial(list_sign_ins, me().person_id), "accounts/list_own_sign_ins.html", [RESULTS])


def change_password(current: str, password: str) -> None:
    """Change the signed-in person's password. Both passwords are hashed while no lock is held.

    Raises:
        Invalid: a wrong current password, too many attempts, or a new password that is too weak.
    """
    person = me()
    if error := find_password_error(current):
        raise Invalid(error.format("Nothing was changed."), "current")
    check_password(password, person.name, person.email)
    password_hash = hash_password(password)
    set_password(
        db.session.get_one(Person, person.person_id),
        password_hash,
        person.as_actor(None),
        "password_changed",
        keep_session=person.session_id,
    )


@accounts.post("/account/sessions/<int:session_id>/end")
@signed_in
def end_own_session(session_id: int) -> ResponseReturnValue:
    """Sign one of one's own browsers out."""
    end_session(session_id, me().as_actor(None))
    flash("That browser is signed out.")
    return redirect(url_for(".my_account"), 303)


@accounts.post("/role")
@signed_in
def choose_role() -> ResponseReturnValue:
    """Choose one of one's roles: it decides the home page and the queues, never a permission."""
    grant_id = request.form.get("grant", "")
    chosen = next((grant for grant in me().grants if str(grant.id) == grant_id), None)
    if chosen is None:
        raise NotFound
    db.session.execute(update(UserSession).where(UserSession.id == me().session_id).values(chosen_grant_id=chosen.id))
    return redirect(url_for("home.home"), 303)

"""One's own account: roles, password, sessions, signatures; and the role one looks through."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import update

from tracker.accounts import queries
from tracker.accounts.forms import ChangePasswordForm, show_refusal
from tracker.accounts.password_confirmation import find_password_error
from tracker.accounts.passwords import hash_password
from tracker.accounts.services.account_links import check_password, set_password
from tracker.accounts.services.sign_in import end_own_session as end_session
from tracker.accounts.services.two_step_verification import count_codes, list_factors
from tracker.accounts.views import accounts
from tracker.errors import Invalid, NotFound
from tracker.extensions import db
from tracker.models import Person, UserSession
from tracker.vocabulary import Role
from tracker.web.current_user import me
from tracker.web.route_rules import signed_in


@accounts.route("/account", methods=["GET", "POST"])
@signed_in
def my_account() -> ResponseReturnValue:
    form = ChangePasswordForm()
    if form.validate_on_submit():
        try:
            change_password(form.current.data or "", form.password.data or "")
        except Invalid as refusal:
            show_refusal(form, refusal)
        else:
            flash("Your password is changed, and every other browser is signed out.")
            return redirect(url_for(".my_account"), 303)
    return render_template(
        "accounts/my_account.html",
        form=form,
        person=me(),
        candidate=Role.CANDIDATE,
        roles=queries.list_own_roles(me().person_id),
        sessions=queries.list_sessions(me().person_id),
        factors=list_factors(me().person_id),
        codes_left=count_codes(me().person_id) if me().has_second_factor else 0,
        signatures=queries.list_own_signatures(me().person_id),
    ), (422 if form.is_submitted() else 200)


def change_password(current: str, password: str) -> None:
    """Checked and hashed while no lock is held; slips are slowed here as where one signs."""
    person = me()
    if fault := find_password_error(current):
        raise Invalid(fault.format("Nothing was changed."), "current")
    check_password(password, person.name, person.email)
    password_hash = hash_password(password)
    set_password(
        db.session.get_one(Person, person.person_id),
        password_hash,
        person.acting_under(None),
        "password_changed",
        keep_session=person.session_id,
    )


@accounts.post("/account/sessions/<int:session_id>/end")
@signed_in
def end_own_session(session_id: int) -> ResponseReturnValue:
    end_session(session_id, me().acting_under(None))
    flash("That browser is signed out.")
    return redirect(url_for(".my_account"), 303)


@accounts.post("/role")
@signed_in
def choose_role() -> ResponseReturnValue:
    """Look through another of one's roles; it chooses the home page and the queues, never a permission."""
    wanted = request.form.get("grant", "")
    chosen = next((grant for grant in me().grants if str(grant.id) == wanted), None)
    if chosen is None:
        raise NotFound
    db.session.execute(update(UserSession).where(UserSession.id == me().session_id).values(chosen_grant_id=chosen.id))
    return redirect(url_for("home.home"), 303)

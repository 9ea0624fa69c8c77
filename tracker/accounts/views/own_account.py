"""One's own account: roles, password, sessions, signatures; and the role one looks through."""

from flask import flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import update

from tracker.access import me, signed_in
from tracker.accounts import queries
from tracker.accounts.forms import ChangePasswordForm
from tracker.accounts.passwords import is_password
from tracker.accounts.services.links import check_password, set_password
from tracker.accounts.views import accounts
from tracker.clock import now
from tracker.errors import Invalid, NotFound
from tracker.extensions import db
from tracker.ledger import Actor
from tracker.models import Person, UserSession


@accounts.route("/account", methods=["GET", "POST"])
@signed_in
def my_account() -> ResponseReturnValue:
    form = ChangePasswordForm()
    person = me()
    # checked before the first query, while no lock is held
    g.identity_proven = form.is_submitted() and is_password(person.password_hash, form.current.data or "")
    if form.validate_on_submit():
        try:
            change_password(form)
        except Invalid as refusal:
            field = form.current if refusal.field == "current" else form.password
            field.errors = [*field.errors, str(refusal)]
        else:
            flash("Your password is changed, and every other browser is signed out.")
            return redirect(url_for(".my_account"), 303)
    return render_template(
        "accounts/my_account.html",
        form=form,
        person=person,
        sessions=queries.list_sessions(person.person_id),
        signatures=queries.list_own_signatures(person.person_id),
    ), (422 if form.is_submitted() else 200)


def change_password(form: ChangePasswordForm) -> None:
    if not g.identity_proven:
        raise Invalid("That is not your current password. Nothing was changed.", "current")
    person = db.session.get_one(Person, me().person_id)
    check_password(form.password.data or "", person)
    actor = Actor(person.id, None, me().session_ref)
    set_password(person, form.password.data or "", actor, "password_changed", keep_session=me().session_id)


@accounts.post("/account/sessions/<int:session_id>/end")
@signed_in
def end_own_session(session_id: int) -> ResponseReturnValue:
    own = db.session.execute(
        update(UserSession)
        .where(
            UserSession.id == session_id,
            UserSession.person_id == me().person_id,
            UserSession.ended_at.is_(None),
        )
        .values(ended_at=now())
    )
    if not own.rowcount:  # type: ignore[attr-defined]  # a cursor result has it
        raise NotFound
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

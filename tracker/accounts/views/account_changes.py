"""Views that change a person's name, email address and two-step verification, and that approve and cancel changes."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.accounts.forms import ChangeEmailForm, ChangeNameForm, ConfirmPasswordForm
from tracker.accounts.password_confirmation import requires_password
from tracker.accounts.services.account_changes import (
    approve_change,
    cancel_change,
    check_can_be_warned,
    get_change,
    get_change_by_token,
    request_email_change,
    request_two_step_reset,
)
from tracker.accounts.services.names import change_name as change
from tracker.accounts.services.people import check_account_managed
from tracker.accounts.views import accounts
from tracker.accounts.views.people import describe_invitation, get_person
from tracker.background import emails
from tracker.ledger.events import Actor
from tracker.models import AccountChange, Centre, Person
from tracker.web.authorise import get_centre
from tracker.web.current_user import me
from tracker.web.formatting import moment
from tracker.web.forms import errors_on_form, render_form
from tracker.web.permissions import Act
from tracker.web.route_rules import public, requires, signed_in


@accounts.route("/centres/<int:centre_id>/people/<int:person_id>/name", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
def change_name(centre_id: int, person_id: int) -> ResponseReturnValue:
    """Change a person's name."""
    centre, person, actor = get_managed_person(centre_id, person_id)
    form = ChangeNameForm(obj=person)
    if form.validate_on_submit():
        with errors_on_form(form):
            is_changed = change(person, centre, form.name.data or "", actor)
            flash("The name is changed. The earlier name is kept." if is_changed else "Nothing to change.")
            return redirect_to_person(centre, person)
    return render_form("accounts/change_name.html", form, centre=centre, person=person)


@accounts.route("/centres/<int:centre_id>/people/<int:person_id>/email", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
@requires_password
def change_email(centre_id: int, person_id: int) -> ResponseReturnValue:
    """Ask for another email address of a person."""
    centre, person, actor = get_managed_person(centre_id, person_id)
    check_can_be_warned(person)
    form = ChangeEmailForm()
    if form.validate_on_submit():
        with errors_on_form(form):
            requested = request_email_change(person, centre, form.email.data or "", actor)
            flash(describe_request(requested))
            return redirect_to_person(centre, person)
    return render_form(
        "accounts/change_email.html", form, centre=centre, person=person, delivers=emails.can_deliver()
    )


@accounts.route(
    "/centres/<int:centre_id>/people/<int:person_id>/reset-two-step-verification", methods=["GET", "POST"]
)
@requires(Act.ADMINISTER_CENTRE)
@requires_password
def reset_two_step_verification(centre_id: int, person_id: int) -> ResponseReturnValue:
    """Ask for a person's two-step verification to be removed."""
    centre, person, actor = get_managed_person(centre_id, person_id)
    check_can_be_warned(person)
    form = ConfirmPasswordForm()
    if form.validate_on_submit():
        with errors_on_form(form):
            flash(describe_request(request_two_step_reset(person, centre, actor)))
            return redirect_to_person(centre, person)
    return render_form("accounts/reset_two_step_verification.html", form, centre=centre, person=person)


@accounts.route(
    "/centres/<int:centre_id>/people/<int:person_id>/changes/<int:change_id>/approve", methods=["GET", "POST"]
)
@requires(Act.ADMINISTER_CENTRE)
@requires_password
def approve_account_change(centre_id: int, person_id: int, change_id: int) -> ResponseReturnValue:
    """Approve a change of a person's account that another administrator asked for."""
    centre, actor = get_centre(centre_id)
    person = get_person(centre, person_id)
    requested = get_change(change_id, person.id, centre.id)
    form = ConfirmPasswordForm()
    if form.validate_on_submit():
        with errors_on_form(form):
            approve_change(requested, actor)
            flash("The change has taken effect.")
            return redirect_to_person(centre, person)
    return render_form("accounts/approve_account_change.html", form, centre=centre, person=person, change=requested)


@accounts.post("/centres/<int:centre_id>/people/<int:person_id>/changes/<int:change_id>/cancel")
@requires(Act.ADMINISTER_CENTRE)
def cancel_account_change(centre_id: int, person_id: int, change_id: int) -> ResponseReturnValue:
    """Cancel a change of a person's account."""
    centre, actor = get_centre(centre_id)
    person = get_person(centre, person_id)
    cancel_change(get_change(change_id, person.id, centre.id), actor)
    flash("The change is cancelled.")
    return redirect_to_person(centre, person)


@accounts.post("/account/changes/<int:change_id>/cancel")
@signed_in
def cancel_own_account_change(change_id: int) -> ResponseReturnValue:
    """Cancel a change of one's own account."""
    cancel_change(get_change(change_id, me().person_id), me().as_actor(None))
    flash("The change is cancelled. Your account stays as it is.")
    return redirect(url_for(".my_account"), 303)


@accounts.route("/account-changes/<token>", methods=["GET", "POST"])
@public
def cancel_by_link(token: str) -> ResponseReturnValue:
    """Cancel a change of an account with the link in an email; a GET asks first, since mail scanners follow links."""
    requested = get_change_by_token(token)
    if request.method == "POST":
        cancel_change(requested, Actor(requested.person_id))
        flash("The change is cancelled. The account stays as it is.")
        return redirect(url_for(".sign_in"), 303)
    return render_template("accounts/cancel_by_link.html", change=requested)


def get_managed_person(centre_id: int, person_id: int) -> tuple[Centre, Person, Actor]:
    """Return the centre, a person whose account its administrator may act on, and the actor.

    Raises:
        NotFound: somebody who never had a role at the centre.
        Refused: an account that is the administrator's own, or not the centre's alone.
    """
    centre, actor = get_centre(centre_id)
    person = get_person(centre, person_id)
    check_account_managed(person, centre, actor)
    return centre, person, actor


def redirect_to_person(centre: Centre, person: Person) -> ResponseReturnValue:
    """Go to the page of a person."""
    return redirect(url_for(".show_person", centre_id=centre.id, person_id=person.id), 303)


def describe_request(change: AccountChange) -> str:
    """Return what happens next with a change that was asked for."""
    if not change.is_waiting:
        return f"The address is changed. {describe_invitation(change.person)}"
    return (
        f"The change takes effect on {moment(change.takes_effect_at)}, or when another administrator approves it. An "
        f"email about it is on its way to {change.old_email}."
    )

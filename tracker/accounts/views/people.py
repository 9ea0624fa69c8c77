"""Views of a centre's people, for its administrators: search, invite, give and end roles."""

from datetime import datetime
from functools import partial

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from tracker.accounts import queries
from tracker.accounts.account_change_queries import list_changes
from tracker.accounts.earlier_names import list_earlier_names
from tracker.accounts.forms import ROLE_HELP, GrantForm, InviteForm
from tracker.accounts.services.account_links import issue_shown_link, send_link
from tracker.accounts.services.ending_sessions import count_open_sessions, end_persons_sessions
from tracker.accounts.services.people import (
    end_all_roles,
    end_grant,
    find_account_obstacle,
    give_role,
    invite_person,
    start_password_reset,
)
from tracker.accounts.services.two_step_verification import list_factors
from tracker.accounts.views import accounts
from tracker.background import emails
from tracker.background.delivery_failures import find_failure
from tracker.clock import end_of_day, now, start_of_day
from tracker.errors import NotFound, Refused
from tracker.models import Centre, Person
from tracker.vocabulary import STAFF_ROLES, LinkPurpose, Role
from tracker.web.authorise import get_centre
from tracker.web.current_user import in_terms, me
from tracker.web.formatting import counted
from tracker.web.forms import errors_on_form, render_form
from tracker.web.list_views import send_list
from tracker.web.permissions import Act
from tracker.web.route_rules import requires
from tracker.web.text_direction import isolate

ALLOCATION_FILTERS = {Role.ASSESSOR: "assessor", Role.INTERNAL_VERIFIER: "verifier"}
"""The filter of the list of allocations for the people in a role."""


@accounts.get("/people")
@requires(Act.ADMINISTER_CENTRE)
def list_people() -> ResponseReturnValue:
    """Redirect to the people of the administrator's centre, the chosen one where they have several."""
    grant = me().find_grant(Role.ADMINISTRATOR)
    return redirect(url_for(".list_centre_people", centre_id=grant.centre_id if grant else 0))


@accounts.get("/centres/<int:centre_id>/people")
@requires(Act.ADMINISTER_CENTRE)
def list_centre_people(centre_id: int) -> ResponseReturnValue:
    """List the people of a centre."""
    centre, _ = get_centre(centre_id)
    return send_list(
        queries.PEOPLE,
        partial(queries.list_people, centre),
        "accounts/list_people.html",
        queries.list_people_filters(centre),
        centre=centre,
        moment=now(),
        delivers=emails.can_deliver(),
    )


@accounts.route("/centres/<int:centre_id>/people/invite", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
def invite(centre_id: int) -> ResponseReturnValue:
    """Invite somebody to a role at the centre."""
    centre, actor = get_centre(centre_id)
    form = InviteForm()
    if form.validate_on_submit():
        email, name, role = form.email.data or "", form.name.data or "", Role(form.role.data)
        with errors_on_form(form):
            person = invite_person(email, name, centre, role, actor, **read_dates(form))
            return redirect_after_role(centre, person, role)
    return render_form(
        "accounts/invite.html", form, centre=centre, role_help=ROLE_HELP, delivers=emails.can_deliver()
    )


@accounts.route("/centres/<int:centre_id>/people/<int:person_id>", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
def show_person(centre_id: int, person_id: int) -> ResponseReturnValue:
    """Show a person's roles at this centre; a POST gives another."""
    centre, actor = get_centre(centre_id)
    person = get_person(centre, person_id)
    form = GrantForm()
    if form.validate_on_submit():
        role = Role(form.role.data)
        with errors_on_form(form):
            give_role(person, centre, role, actor, **read_dates(form))
            return redirect_after_role(centre, person, role)
    return render_form(
        "accounts/show_person.html",
        form,
        centre=centre,
        person=person,
        grants=queries.list_grants_at(centre, person),
        failure=find_failure(person.email),
        obstacle=find_account_obstacle(person, centre),
        changes=list_changes(person.id),
        earlier_names=list_earlier_names(person.id),
        has_factors=bool(list_factors(person.id)),
        open_sessions=count_open_sessions(person.id),
        role_help=ROLE_HELP,
        staff_roles=STAFF_ROLES,
        moment=now(),
        delivers=emails.can_deliver(),
        can_be_warned=emails.can_deliver() or not person.password_hash,
        filter_names=ALLOCATION_FILTERS,
        open_units=queries.count_open_units(centre, person),
        registrations=queries.list_registrations_at(centre, person),
    )


def redirect_after_role(centre: Centre, person: Person, role: Role) -> ResponseReturnValue:
    """Say that the role is given and how its person learns of it, and go to the person's page."""
    label = in_terms(role.label, centre.terms).lower()
    flash(f"{isolate(person.name)} has the role of {label} here. {describe_role_email(person)}")
    return redirect(url_for(".show_person", centre_id=centre.id, person_id=person.id), 303)


def describe_role_email(person: Person) -> str:
    """Return how a person learns of their role, also where the installation sends no emails."""
    if emails.can_deliver():
        return f"An email about it is on its way to {person.email}."
    if person.password_hash:
        return "This installation sends no emails, so tell them yourself."
    return describe_invitation(person)


def describe_invitation(person: Person) -> str:
    """Return how somebody without a password gets a new invitation."""
    if emails.can_deliver():
        return f"A new invitation is on its way to {person.email}."
    return "This installation sends no emails. Show an invitation link on the person’s page, and hand it over."


def get_person(centre: Centre, person_id: int) -> Person:
    """Return somebody who has or had a role at the centre; raise `NotFound` for anybody else."""
    person = queries.find_person_at(centre, person_id)
    if person is None:
        raise NotFound
    return person


@accounts.post("/centres/<int:centre_id>/people/<int:person_id>/grants/<int:grant_id>/end")
@requires(Act.ADMINISTER_CENTRE)
def end_role(centre_id: int, person_id: int, grant_id: int) -> ResponseReturnValue:
    """End a person's role at the centre."""
    centre, actor = get_centre(centre_id)
    grant = queries.find_grant_at(centre, person_id, grant_id)
    if grant is None:
        raise NotFound
    end_grant(grant, actor)
    label = in_terms(grant.role.label, grant.centre.terms).lower()
    flash(f"{isolate(grant.person.name)} no longer has the role of {label} here. What they did is kept.")
    return redirect(url_for(".show_person", centre_id=centre.id, person_id=person_id), 303)


@accounts.post("/centres/<int:centre_id>/people/<int:person_id>/end-roles")
@requires(Act.ADMINISTER_CENTRE)
def end_roles(centre_id: int, person_id: int) -> ResponseReturnValue:
    """End all roles of a person at the centre, and their sessions if they have no role elsewhere."""
    centre, actor = get_centre(centre_id)
    person = get_person(centre, person_id)
    count = end_all_roles(person, centre, actor)
    flash(
        f"{counted(count, 'role')} of {isolate(person.name)} at {isolate(centre.name)} ended. What they did is kept."
    )
    return redirect(url_for(".show_person", centre_id=centre.id, person_id=person.id), 303)


@accounts.post("/centres/<int:centre_id>/people/<int:person_id>/reset-password")
@requires(Act.ADMINISTER_CENTRE)
def reset_password(centre_id: int, person_id: int) -> ResponseReturnValue:
    """Email a person a link for a new password; only they see it."""
    centre, actor = get_centre(centre_id)
    person = get_person(centre, person_id)
    start_password_reset(person, centre, actor)
    flash(f"An email with a link for a new password is on its way to {person.email}.")
    return redirect(url_for(".show_person", centre_id=centre.id, person_id=person.id), 303)


@accounts.post("/centres/<int:centre_id>/people/<int:person_id>/end-sessions")
@requires(Act.ADMINISTER_CENTRE)
def end_sessions(centre_id: int, person_id: int) -> ResponseReturnValue:
    """Sign a person out of every browser."""
    centre, actor = get_centre(centre_id)
    person = get_person(centre, person_id)
    count = end_persons_sessions(person, centre, actor)
    flash(f"{isolate(person.name)} is signed out of {counted(count, 'browser')}.")
    return redirect(url_for(".show_person", centre_id=centre.id, person_id=person.id), 303)


@accounts.post("/centres/<int:centre_id>/people/<int:person_id>/invite-again")
@requires(Act.ADMINISTER_CENTRE)
def invite_again(centre_id: int, person_id: int) -> ResponseReturnValue:
    """Send another invitation to somebody who has not accepted the first; only they see the link.

    Where no emails are sent, show the link once instead, for the administrator to hand over.
    """
    centre, actor = get_centre(centre_id)
    person = get_person(centre, person_id)
    if person.deactivated_at:
        raise Refused(f"The account of {isolate(person.name)} is closed. Nothing was changed.")
    if person.password_hash:
        advice = (
            "They can ask for a new password on the sign-in page."
            if emails.can_deliver()
            else "Your system operator can make a link for a new password."
        )
        raise Refused(f"{isolate(person.name)} has an account. {advice} Nothing was changed.")
    if not emails.can_deliver():
        url = emails.build_url(issue_shown_link(person, centre, actor))
        return render_template("accounts/show_invitation_link.html", centre=centre, person=person, url=url)
    send_link(person, LinkPurpose.INVITATION, actor)
    flash(describe_invitation(person))
    return redirect(url_for(".show_person", centre_id=centre.id, person_id=person.id), 303)


def read_dates(form: GrantForm | InviteForm) -> dict[str, datetime | None]:
    """Return when the role starts and ends, as moments; None for a date that is left empty."""
    first_day, last_day = form.starts.data, form.ends.data
    return {
        "starts_at": start_of_day(first_day) if first_day else None,
        "ends_at": end_of_day(last_day) if last_day else None,
    }

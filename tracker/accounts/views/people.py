"""A centre's people, for its administrator: search, invite, grant, end, import."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.accounts import queries
from tracker.accounts.forms import ROLE_HELP, GrantForm, ImportForm, InviteForm, show_refusal
from tracker.accounts.services.account_links import send_link
from tracker.accounts.services.imports import (
    MAX_SIZE,
    ImportPreview,
    decode_csv,
    end_of_day,
    import_people,
    preview_people,
    start_of_day,
)
from tracker.accounts.services.people import end_grant, give_role, invite_person
from tracker.accounts.views import accounts
from tracker.background import emails
from tracker.clock import now
from tracker.errors import Invalid, NotFound, Refused
from tracker.ledger.events import Actor
from tracker.models import Centre, Person
from tracker.vocabulary import LinkPurpose, Role
from tracker.web.authorise import get_centre
from tracker.web.current_user import in_terms, me
from tracker.web.formatting import counted
from tracker.web.pagination import Page
from tracker.web.permissions import Act
from tracker.web.requests import asked_page
from tracker.web.route_rules import requires


@accounts.get("/people")
@requires(Act.ADMINISTER_CENTRE)
def list_people() -> ResponseReturnValue:
    """The people of the centre one administers; of the chosen one, where there are several."""
    grant = me().holds(Role.ADMINISTRATOR)
    return redirect(url_for(".list_centre_people", centre_id=grant.centre_id if grant else 0))


@accounts.get("/centres/<int:centre_id>/people")
@requires(Act.ADMINISTER_CENTRE)
def list_centre_people(centre_id: int) -> ResponseReturnValue:
    centre, _ = get_centre(centre_id)
    words, page = request.args.get("q", "")[:100], asked_page()
    people, more = queries.list_people(centre, words, min(page, 10_000))
    return render_template(
        "accounts/list_people.html", centre=centre, people=people, page=Page(page, more), words=words, moment=now()
    )


@accounts.route("/centres/<int:centre_id>/people/invite", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
def invite(centre_id: int) -> ResponseReturnValue:
    centre, actor = get_centre(centre_id)
    form = InviteForm()
    if form.validate_on_submit():
        email, name, role = form.email.data or "", form.name.data or "", Role(form.role.data)
        dates = {"starts_at": start_of_day(form.starts.data), "ends_at": end_of_day(form.ends.data)}
        try:
            person = invite_person(email, name, centre, role, actor, **dates)
        except (Invalid, Refused) as refusal:
            show_refusal(form, refusal)
        else:
            name = in_terms(role.label, centre.terms).lower()
            flash(f"{person.name} has the role of {name} here. {describe_notification(person)}")
            return redirect(url_for(".show_person", centre_id=centre.id, person_id=person.id), 303)
    page = render_template("accounts/invite.html", centre=centre, form=form, role_help=ROLE_HELP)
    return page, (422 if form.is_submitted() else 200)


def describe_notification(person: Person) -> str:
    """How a person learns of their role, also where no mail goes."""
    if emails.can_deliver():
        return f"{'A mail says so to' if person.password_hash else 'An invitation goes to'} {person.email}."
    if person.password_hash:
        return "This installation sends no mail, so tell them yourself."
    return (
        f"This installation sends no mail: ask its operator for a link (`flask people reset {person.email}`), "
        "by which they choose a password."
    )


@accounts.route("/centres/<int:centre_id>/people/<int:person_id>", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
def show_person(centre_id: int, person_id: int) -> ResponseReturnValue:
    """A person's roles at this centre; posting gives another."""
    centre, actor = get_centre(centre_id)
    person = get_person(centre, person_id)
    form = GrantForm()
    if form.validate_on_submit():
        role, dates = (
            Role(form.role.data),
            {"starts_at": start_of_day(form.starts.data), "ends_at": end_of_day(form.ends.data)},
        )
        try:
            give_role(person, centre, role, actor, **dates)
        except (Invalid, Refused) as refusal:
            show_refusal(form, refusal)
        else:
            name = in_terms(role.label, centre.terms).lower()
            flash(f"{person.name} has the role of {name} here. {describe_notification(person)}")
            return redirect(url_for(".show_person", centre_id=centre.id, person_id=person.id), 303)
    page = render_template(
        "accounts/show_person.html",
        centre=centre,
        person=person,
        grants=queries.list_grants_at(centre, person),
        form=form,
        role_help=ROLE_HELP,
        moment=now(),
    )
    return page, (422 if form.is_submitted() else 200)


def get_person(centre: Centre, person_id: int) -> Person:
    """Somebody with a role at the centre, past or present; 404 for everybody else."""
    person = queries.find_person_at(centre, person_id)
    if person is None:
        raise NotFound
    return person


@accounts.post("/centres/<int:centre_id>/people/<int:person_id>/grants/<int:grant_id>/end")
@requires(Act.ADMINISTER_CENTRE)
def end_role(centre_id: int, person_id: int, grant_id: int) -> ResponseReturnValue:
    centre, actor = get_centre(centre_id)
    grant = queries.find_grant_at(centre, person_id, grant_id)
    if grant is None:
        raise NotFound
    end_grant(grant, actor)
    name = in_terms(grant.role.label, grant.centre.terms).lower()
    flash(f"{grant.person.name} is no longer {name} here. What they did stays on record.")
    return redirect(url_for(".show_person", centre_id=centre.id, person_id=person_id), 303)


@accounts.post("/centres/<int:centre_id>/people/<int:person_id>/invite-again")
@requires(Act.ADMINISTER_CENTRE)
def invite_again(centre_id: int, person_id: int) -> ResponseReturnValue:
    """Another invitation for who has not taken up the first; nobody sees the link but its person."""
    centre, actor = get_centre(centre_id)
    person = get_person(centre, person_id)
    if person.password_hash or person.deactivated_at:
        raise Refused(f"{person.name} needs no invitation: a new password is asked for on the sign-in page.")
    send_link(person, LinkPurpose.INVITATION, actor)
    flash(describe_notification(person))
    return redirect(url_for(".show_person", centre_id=centre.id, person_id=person.id), 303)


@accounts.route("/centres/<int:centre_id>/people/import", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
def import_csv(centre_id: int) -> ResponseReturnValue:
    """First a preview; then the same text again, and all of it or nothing."""
    centre, actor = get_centre(centre_id)
    form, preview = ImportForm(), None
    if form.validate_on_submit():
        try:
            text = form.text.data = sent_text(form)
            preview = preview_people(text, centre, actor)
            if request.form.get("act") == "import":
                return import_all(text, centre, actor)
        except (Invalid, Refused) as refusal:
            show_refusal(form, refusal)
    page = render_template("accounts/import_csv.html", centre=centre, form=form, preview=preview)
    return page, (422 if form.errors or (preview and preview.wrong) else 200)


def sent_text(form: ImportForm) -> str:
    """What is to be imported: the file, where one was chosen, else what was pasted."""
    if form.file.data:
        return decode_csv(form.file.data.read(MAX_SIZE + 1))
    return form.text.data or ""


def import_all(text: str, centre: Centre, actor: Actor) -> ResponseReturnValue:
    done: ImportPreview = import_people(text, centre, actor)
    flash(f"Imported: {counted(len(done.new), 'new role')}. {len(done.unchanged)} were there already.")
    return redirect(url_for(".list_centre_people", centre_id=centre.id), 303)

"""A centre's people, for its administrator: search, invite, grant, end, import."""

from datetime import date, datetime, time

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.access import Act, get_centre, me, requires
from tracker.accounts import queries
from tracker.accounts.forms import GrantForm, ImportForm, InviteForm
from tracker.accounts.services.imports import ImportPreview, decode_csv, import_people, preview_people
from tracker.accounts.services.links import send_link
from tracker.accounts.services.people import end_grant, grant_role, invite_person
from tracker.accounts.views import accounts
from tracker.clock import LONDON
from tracker.errors import Invalid, NotFound, Refused
from tracker.vocabulary import LinkPurpose, Role


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
    words, page = request.args.get("q", "")[:100], max(1, request.args.get("page", 1, type=int))
    people, more = queries.list_people(centre, words, min(page, 10_000))
    return render_template(
        "accounts/list_people.html", centre=centre, people=people, more=more, page=page, words=words
    )


@accounts.route("/centres/<int:centre_id>/people/invite", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
def invite(centre_id: int) -> ResponseReturnValue:
    centre, actor = get_centre(centre_id)
    form = InviteForm()
    if form.validate_on_submit():
        try:
            person = invite_person(
                form.email.data or "",
                form.name.data or "",
                centre,
                Role(form.role.data),
                actor,
                from_at=start_of(form.starts.data),
                until_at=end_of(form.ends.data),
            )
        except (Invalid, Refused) as refusal:
            form.form_errors.append(str(refusal))
        else:
            flash(
                f"{person.name} is {Role(form.role.data).label.lower()} here now. A new person gets a link by mail."
            )
            return redirect(url_for(".show_person", centre_id=centre.id, person_id=person.id), 303)
    return render_template("accounts/invite.html", centre=centre, form=form), (422 if form.is_submitted() else 200)


@accounts.route("/centres/<int:centre_id>/people/<int:person_id>", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
def show_person(centre_id: int, person_id: int) -> ResponseReturnValue:
    """A person's roles at this centre; posting grants another."""
    centre, actor = get_centre(centre_id)
    person = queries.find_person_at(centre, person_id)
    if person is None:
        raise NotFound
    form = GrantForm()
    if form.validate_on_submit():
        try:
            role = Role(form.role.data)
            grant_role(
                person, centre, role, actor, from_at=start_of(form.starts.data), until_at=end_of(form.ends.data)
            )
        except (Invalid, Refused) as refusal:
            form.form_errors.append(str(refusal))
        else:
            flash(f"{person.name} is {role.label.lower()} here now.")
            return redirect(url_for(".show_person", centre_id=centre.id, person_id=person.id), 303)
    own_grants = [grant for grant in person.grants if grant.centre_id == centre.id]
    return render_template("accounts/show_person.html", centre=centre, person=person, grants=own_grants, form=form), (
        422 if form.is_submitted() else 200
    )


@accounts.post("/centres/<int:centre_id>/people/<int:person_id>/grants/<int:grant_id>/end")
@requires(Act.ADMINISTER_CENTRE)
def end_role(centre_id: int, person_id: int, grant_id: int) -> ResponseReturnValue:
    centre, actor = get_centre(centre_id)
    grant = queries.find_grant_at(centre, person_id, grant_id)
    if grant is None:
        raise NotFound
    end_grant(grant, actor)
    flash(f"{grant.person.name} is no longer {grant.role.label.lower()} here. What they did stays on record.")
    return redirect(url_for(".show_person", centre_id=centre.id, person_id=person_id), 303)


@accounts.post("/centres/<int:centre_id>/people/<int:person_id>/invite-again")
@requires(Act.ADMINISTER_CENTRE)
def invite_again(centre_id: int, person_id: int) -> ResponseReturnValue:
    """Another invitation for who has not taken up the first; nobody sees the link but its person."""
    centre, actor = get_centre(centre_id)
    person = queries.find_person_at(centre, person_id)
    if person is None:
        raise NotFound
    if person.password_hash:
        raise Refused(f"{person.name} has signed in before, and can ask for a new password on the sign-in page.")
    send_link(person, LinkPurpose.INVITATION, actor)
    flash(f"A new invitation is on its way to {person.email}.")
    return redirect(url_for(".show_person", centre_id=centre.id, person_id=person.id), 303)


@accounts.route("/centres/<int:centre_id>/people/import", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
def import_csv(centre_id: int) -> ResponseReturnValue:
    """First a preview; then the same text again, and all of it or nothing."""
    centre, actor = get_centre(centre_id)
    form, preview = ImportForm(), None
    if form.validate_on_submit():
        text = decode_csv(form.file.data.read()) if form.file.data else form.text.data or ""
        form.text.data = text
        try:
            if request.form.get("act") == "import":
                done = import_people(text, centre, actor)
                flash(f"{len(done.new)} people were imported; {len(done.unchanged)} were there already.")
                return redirect(url_for(".list_centre_people", centre_id=centre.id), 303)
            preview = preview_people(text, centre)
        except (Invalid, Refused) as refusal:
            form.form_errors.append(str(refusal))
            preview = _preview_or_none(text, centre_id)
    page = render_template("accounts/import_csv.html", centre=centre, form=form, preview=preview)
    return page, (422 if form.is_submitted() else 200)


def _preview_or_none(text: str, centre_id: int) -> ImportPreview | None:
    try:
        return preview_people(text, get_centre(centre_id)[0])
    except Invalid:
        return None


def start_of(day: date | None) -> datetime | None:
    return datetime.combine(day, time.min, LONDON) if day else None


def end_of(day: date | None) -> datetime | None:
    """The last moment of the last day."""
    return datetime.combine(day, time.max, LONDON) if day else None

"""Countersigning at a centre, for its administrator: switched on or off, and who countersigns for whom."""

from functools import partial

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from tracker.assessment.forms import CountersignerForm, CountersigningForm
from tracker.assessment.queries import countersigning_lists as queries
from tracker.assessment.queries.countersigning import find_countersigner
from tracker.assessment.services import countersigners as services
from tracker.assessment.views import assessment
from tracker.errors import Invalid, NotFound, Refused
from tracker.extensions import db
from tracker.models import Person
from tracker.staff.members import StaffMember, find_staff_member
from tracker.vocabulary import Role
from tracker.web.authorise import get_centre
from tracker.web.forms import errors_on_form
from tracker.web.idempotency import idempotent
from tracker.web.list_views import send_list
from tracker.web.permissions import Act
from tracker.web.requests import parse_id
from tracker.web.route_rules import requires
from tracker.web.text_direction import isolate


@assessment.get("/centres/<int:centre_id>/countersigning")
@requires(Act.ADMINISTER_CENTRE)
def list_countersigners(centre_id: int) -> ResponseReturnValue:
    """List the assessors of a centre whose decisions are to be countersigned, with their countersigners."""
    centre, _ = get_centre(centre_id)
    return send_list(
        queries.ASSESSORS,
        partial(queries.list_assessors, centre),
        "assessment/list_countersigners.html",
        [],
        centre=centre,
        form=CountersigningForm(formdata=None, is_on=bool(centre.has_countersigning)),
    )


@assessment.post("/centres/<int:centre_id>/countersigning")
@requires(Act.ADMINISTER_CENTRE)
def change_countersigning(centre_id: int) -> ResponseReturnValue:
    """Switch countersigning on or off."""
    centre, actor = get_centre(centre_id)
    form = CountersigningForm()
    if form.validate():
        is_on = bool(form.is_on.data)
        services.change_countersigning(centre, actor, is_on=is_on)
        flash(f"Countersigning is switched {'on' if is_on else 'off'}.")
    return redirect(url_for(".list_countersigners", centre_id=centre.id), 303)


@assessment.route("/centres/<int:centre_id>/countersigning/<int:staff_id>", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
@idempotent
def name_countersigner(centre_id: int, staff_id: int) -> ResponseReturnValue:
    """Show who countersigns for an assessor, and name somebody else."""
    centre, actor = get_centre(centre_id)
    member = get_assessor(centre_id, staff_id)
    possible = queries.list_possible_countersigners(centre_id, staff_id)
    form = CountersignerForm()
    form.person.choices = [("", "Choose a person"), *((str(each.id), isolate(each.name)) for each in possible)]
    if form.validate_on_submit():
        person = db.session.get(Person, parse_id(form.person.data) or 0)
        if person is None:
            raise NotFound
        with errors_on_form(form, Invalid):
            services.name_countersigner(member.person, person, centre, actor)
            flash(f"{isolate(person.name)} countersigns for {isolate(member.person.name)} from now on.")
            return redirect(url_for(".list_countersigners", centre_id=centre.id), 303)
    page = render_template(
        "assessment/name_countersigner.html",
        centre=centre,
        member=member,
        form=form,
        possible=possible,
        named=find_countersigner(staff_id, centre_id),
        namings=queries.list_namings(centre_id, staff_id),
    )
    return page, 422 if form.errors else 200


@assessment.post("/centres/<int:centre_id>/countersigning/<int:staff_id>/end")
@requires(Act.ADMINISTER_CENTRE)
def end_countersigner(centre_id: int, staff_id: int) -> ResponseReturnValue:
    """End the naming of a countersigner who is not needed any more."""
    centre, actor = get_centre(centre_id)
    named = find_countersigner(get_assessor(centre_id, staff_id).person.id, centre_id)
    if named is None:
        raise Refused("Nobody is named to countersign now. Nothing was changed.")
    services.end_countersigner(named, centre, actor)
    flash(f"{isolate(named.person.name)} countersigns no longer for {isolate(named.assessor.name)}.")
    return redirect(url_for(".list_countersigners", centre_id=centre.id), 303)


def get_assessor(centre_id: int, staff_id: int) -> StaffMember:
    """Return a person who assesses at a centre, or did; raise NotFound for anybody else."""
    member = find_staff_member(centre_id, staff_id)
    if member is None or all(grant.role is not Role.ASSESSOR for grant in member.grants):
        raise NotFound
    return member

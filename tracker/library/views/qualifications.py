"""Qualifications: readable for everyone signed in; a centre's own are published by its administrator."""

from functools import partial

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.accounts.password_confirmation import requires_password
from tracker.errors import Invalid, NotFound, Refused
from tracker.library.forms.qualifications import PublishQualificationForm, QualificationForm
from tracker.library.queries import qualifications as queries
from tracker.library.queries.qualification_list import OWNERS, QUALIFICATIONS, list_qualification_rows
from tracker.library.services import qualifications as services
from tracker.library.views import library
from tracker.models import Centre, Qualification
from tracker.units.formats.qualification_yaml import format_qualification_yaml
from tracker.units.qualification_documents import QualificationDocument
from tracker.units.qualification_rules import describe_group_rule
from tracker.vocabulary import Role
from tracker.web.authorise import get_centre
from tracker.web.current_user import me
from tracker.web.forms import render_form
from tracker.web.idempotency import idempotent
from tracker.web.list_views import send_list
from tracker.web.permissions import Act
from tracker.web.route_rules import requires, signed_in
from tracker.web.text_direction import isolate

EXAMPLE = """\
code: OUR-AWARD
slug: our-award
title: "What the awarding body calls it"
version: "1"
revision: 1
units:
  - code: CFACC15
    title: "Its title"
mandatory: [CFACC15]
provenance:
  source: "the awarding body’s rules of combination"
  read: "Typed by our centre."
"""


@library.get("/qualifications")
@signed_in
def list_qualifications() -> ResponseReturnValue:
    """List the qualifications that the person can see."""
    return send_list(
        QUALIFICATIONS,
        partial(list_qualification_rows, me().centre_ids),
        "library/list_qualifications.html",
        [OWNERS],
        administered=me().find_grant(Role.ADMINISTRATOR),
    )


@library.get("/qualifications/<qualification_slug>")
@signed_in
def show_qualification(qualification_slug: str) -> ResponseReturnValue:
    """Show a qualification with its units."""
    qualification = get_qualification(qualification_slug)
    document, owner = queries.read_qualification(qualification), qualification.owner_centre_id
    return render_template(
        "library/show_qualification.html",
        qualification=qualification,
        document=document,
        describe_group_rule=describe_group_rule,
        library_units=queries.find_library_units(document, me().centre_ids),
        versions=queries.list_qualification_versions(qualification),
        can_revise=owner is not None and me().find_grant(Role.ADMINISTRATOR, owner),
    )


@library.route("/centres/<int:centre_id>/qualifications/new", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
def write_qualification(centre_id: int) -> ResponseReturnValue:
    """Show the form for a typed or pasted qualification in the format of the standards folder, or preview it.

    `?of=` names one of the centre's own; the form then contains its text as the next revision.
    """
    centre, _ = get_centre(centre_id)
    revised = get_own_qualification(request.args["of"], centre) if "of" in request.args else None
    form = QualificationForm()
    if form.validate_on_submit():
        try:
            document = services.read_qualification_text(form.text.data or "")
        except Invalid as refusal:
            form.text.errors = str(refusal).splitlines()
        else:
            return render_publish_qualification(
                centre, document, PublishQualificationForm(formdata=None, text=form.text.data)
            )
    if not form.is_submitted():
        form.text.data = format_qualification_yaml(queries.make_next_revision(revised)) if revised else EXAMPLE
    return render_form("library/write_qualification.html", form, centre=centre, revised=revised)


@library.post("/centres/<int:centre_id>/qualifications")
@requires(Act.ADMINISTER_CENTRE)
@requires_password
@idempotent
def publish_qualification(centre_id: int) -> ResponseReturnValue:
    """Publish the qualification."""
    centre, actor = get_centre(centre_id)
    form = PublishQualificationForm()
    try:
        document = services.read_qualification_text(form.text.data or "")
    except Invalid as refusal:
        form.text.errors = str(refusal).splitlines()
        return render_template("library/write_qualification.html", centre=centre, form=form), 422
    if not form.validate():
        return render_publish_qualification(centre, document, form), 422
    try:
        row = services.publish_qualification(document, centre, actor)
    except Refused as refusal:
        form.form_errors.append(str(refusal))
        return render_publish_qualification(centre, document, form), 422
    flash(f"{isolate(row.title)} is published. Candidates of your centre can be registered for it.")
    return redirect(url_for(".show_qualification", qualification_slug=row.slug), 303)


def get_qualification(slug: str) -> Qualification:
    """Return a qualification that this person can see; 404 otherwise."""
    result = queries.find_qualification(slug, me().centre_ids)
    if result is None:
        raise NotFound("There is no qualification at this address. Search the list of qualifications.")
    return result


def get_own_qualification(slug: str, centre: Centre) -> Qualification:
    """Return a qualification of the centre's own; 404 for any other."""
    result = queries.find_qualification(slug, [centre.id])
    if result is None or result.owner_centre_id is None:
        raise NotFound
    return result


def render_publish_qualification(
    centre: Centre, document: QualificationDocument, form: PublishQualificationForm
) -> str:
    """Render the preview of a qualification."""
    return render_template(
        "library/publish_qualification.html",
        centre=centre,
        document=document,
        describe_group_rule=describe_group_rule,
        library_units=queries.find_library_units(document, [centre.id]),
        form=form,
    )

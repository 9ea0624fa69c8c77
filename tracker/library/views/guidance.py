"""Guidance over HTTP: to read for anyone signed in; written, attached and detached by a centre's administrator."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.errors import Invalid, NotFound
from tracker.library.forms.guidance import AttachForm, GuidanceForm
from tracker.library.queries import guidance as queries
from tracker.library.queries.units import find_unit, list_newest_units, read_document
from tracker.library.services import guidance as services
from tracker.library.views import library
from tracker.models import Guidance, Unit
from tracker.vocabulary import Role
from tracker.web.authorise import get_centre
from tracker.web.current_user import me
from tracker.web.idempotency import once
from tracker.web.permissions import Act
from tracker.web.route_rules import requires, signed_in


@library.get("/guidance")
@signed_in
def list_guidance() -> ResponseReturnValue:
    return render_template(
        "library/list_guidance.html",
        found=queries.list_all_guidance(me().centre_ids),
        administered=me().holds(Role.ADMINISTRATOR),
    )


@library.get("/guidance/<guidance_slug>")
@signed_in
def show_guidance(guidance_slug: str) -> ResponseReturnValue:
    guidance = get_guidance(guidance_slug)
    return render_template(
        "library/show_guidance.html",
        guidance=guidance,
        document=queries.read_guidance(guidance),
        attached=queries.list_attachments(guidance, me().centre_ids),
        administered=me().holds(Role.ADMINISTRATOR),
        is_mine=guidance.owner_centre_id and me().holds(Role.ADMINISTRATOR, guidance.owner_centre_id),
    )


@library.route("/centres/<int:centre_id>/guidance/new", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
@once
def add_guidance(centre_id: int) -> ResponseReturnValue:
    """Guidance of the centre's own, typed or as it was read from a document that held no unit."""
    centre, actor = get_centre(centre_id)
    form = GuidanceForm()
    if form.validate_on_submit():
        try:
            guidance = services.add_guidance(centre.id, form.as_fields(), actor)
        except Invalid as refusal:
            keep(form, refusal)
        else:
            flash("Kept as your centre’s own guidance. Attach it to the units it helps with.")
            return redirect(url_for(".show_guidance", guidance_slug=guidance.slug), 303)
    page = render_template("library/add_guidance.html", centre=centre, form=form, sentence="")
    return page, (422 if form.is_submitted() else 200)


@library.route("/centres/<int:centre_id>/guidance/<guidance_slug>/edit", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
def edit_guidance(centre_id: int, guidance_slug: str) -> ResponseReturnValue:
    centre, actor = get_centre(centre_id)
    guidance = get_guidance(guidance_slug)
    if guidance.owner_centre_id != centre.id:
        raise NotFound("Only your centre’s own guidance is changed here.")
    form = GuidanceForm()
    if form.validate_on_submit():
        try:
            services.change_guidance(guidance, form.as_fields(), actor)
        except Invalid as refusal:
            keep(form, refusal)
        else:
            flash("Saved.")
            return redirect(url_for(".show_guidance", guidance_slug=guidance.slug), 303)
    if not form.is_submitted():
        form.fill(queries.read_guidance(guidance))
    page = render_template("library/edit_guidance.html", centre=centre, guidance=guidance, form=form)
    return page, (422 if form.is_submitted() else 200)


@library.route("/centres/<int:centre_id>/guidance/<guidance_slug>/attach", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
@once
def attach_guidance(centre_id: int, guidance_slug: str) -> ResponseReturnValue:
    """First which unit; then, beside that unit's evidence requirements, whether anything contradicts them."""
    centre, actor = get_centre(centre_id)
    guidance = get_guidance(guidance_slug)
    units = list_newest_units([centre.id])
    unit = find_asked(units)
    form = AttachForm()
    if unit and form.validate_on_submit():
        warning = (form.warning.data or "").strip() if form.contradicts.data == "yes" else ""
        if form.contradicts.data == "yes" and not warning:
            form.warning.errors = ["Say what contradicts them: it is shown wherever the guidance is."]
        else:
            services.attach_guidance(guidance, unit.code, warning, centre.id, actor)
            flash(f"Attached to {unit.code} at {centre.name}.")
            return redirect(url_for(".show_guidance", guidance_slug=guidance.slug), 303)
    shown = {each.unit_code for each in queries.list_attachments(guidance, [centre.id])}
    page = render_template(
        "library/attach_guidance.html",
        centre=centre,
        guidance=guidance,
        document=queries.read_guidance(guidance),
        unit=unit,
        requirements=read_document(unit) if unit else None,
        units=[each for each in units if each.code not in shown],
        form=form,
    )
    return page, (422 if form.is_submitted() else 200)


@library.post("/centres/<int:centre_id>/guidance/<guidance_slug>/detach/<int:attached_id>")
@requires(Act.ADMINISTER_CENTRE)
@once
def detach_guidance(centre_id: int, guidance_slug: str, attached_id: int) -> ResponseReturnValue:
    centre, actor = get_centre(centre_id)
    guidance = get_guidance(guidance_slug)
    attached = queries.find_attachment(guidance, attached_id, centre.id)
    if attached is None:
        raise NotFound
    code = attached.unit_code
    services.detach_guidance(attached, actor)
    flash(f"No longer shown with {code} at {centre.name}.")
    return redirect(url_for(".show_guidance", guidance_slug=guidance.slug), 303)


def get_guidance(slug: str) -> Guidance:
    """Guidance that this person may look at; 404 otherwise."""
    guidance = queries.find_guidance(slug, me().centre_ids)
    if guidance is None:
        raise NotFound("There is no guidance at this address. Look for it in the list.")
    return guidance


def find_asked(units: list[Unit]) -> Unit | None:
    """The unit named in the address, if it is one of these."""
    slug = request.args.get("unit", "")
    return next((find_unit(slug, [each.owner_centre_id or 0]) for each in units if each.slug == slug), None)


def keep(form: GuidanceForm, refusal: Invalid) -> None:
    field = form._fields.get(refusal.field or "")
    if field is None:
        form.form_errors.append(str(refusal))
    else:
        field.errors = [*field.errors, str(refusal)]

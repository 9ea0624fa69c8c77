"""Guidance: readable for everyone signed in; written, attached and detached by centre administrators."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.errors import Invalid, NotFound
from tracker.library.forms.guidance import AttachForm, GuidanceForm
from tracker.library.queries import guidance as queries
from tracker.library.queries.units import find_unit, list_newest_units, load_document
from tracker.library.services import guidance as services
from tracker.library.views import library
from tracker.models import Guidance, Unit
from tracker.vocabulary import Role
from tracker.web.authorise import get_centre
from tracker.web.current_user import me
from tracker.web.forms import errors_on_form, render_form
from tracker.web.idempotency import idempotent
from tracker.web.permissions import Act
from tracker.web.route_rules import requires, signed_in
from tracker.web.text_direction import isolate


@library.get("/guidance")
@signed_in
def list_guidance() -> ResponseReturnValue:
    """List all guidance that the person can see."""
    return render_template(
        "library/list_guidance.html",
        rows=queries.list_all_guidance(me().centre_ids),
        administered=me().find_grant(Role.ADMINISTRATOR),
    )


@library.get("/guidance/<guidance_slug>")
@signed_in
def show_guidance(guidance_slug: str) -> ResponseReturnValue:
    """Show a page of guidance."""
    guidance = get_guidance(guidance_slug)
    return render_template(
        "library/show_guidance.html",
        guidance=guidance,
        document=queries.load_guidance_document(guidance),
        attached=queries.list_attachments(guidance, me().centre_ids),
        administered=me().find_grant(Role.ADMINISTRATOR),
        can_edit=guidance.owner_centre_id and me().find_grant(Role.ADMINISTRATOR, guidance.owner_centre_id),
    )


@library.route("/centres/<int:centre_id>/guidance/new", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
@idempotent
def add_guidance(centre_id: int) -> ResponseReturnValue:
    """Add guidance of the centre, typed or read from a document without a unit."""
    centre, actor = get_centre(centre_id)
    form = GuidanceForm()
    if form.validate_on_submit():
        with errors_on_form(form, Invalid):
            guidance = services.add_guidance(centre.id, form.as_fields(), actor)
            flash("The guidance is saved. Attach it to units.")
            return redirect(url_for(".show_guidance", guidance_slug=guidance.slug), 303)
    return render_form("library/add_guidance.html", form, centre=centre, sentence="")


@library.route("/centres/<int:centre_id>/guidance/<guidance_slug>/edit", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
def edit_guidance(centre_id: int, guidance_slug: str) -> ResponseReturnValue:
    """Change guidance of the centre."""
    centre, actor = get_centre(centre_id)
    guidance = get_guidance(guidance_slug)
    if guidance.owner_centre_id != centre.id:
        raise NotFound("You can change only your centre’s own guidance here.")
    form = GuidanceForm()
    if form.validate_on_submit():
        with errors_on_form(form, Invalid):
            services.change_guidance(guidance, form.as_fields(), actor)
            flash("The guidance is saved.")
            return redirect(url_for(".show_guidance", guidance_slug=guidance.slug), 303)
    if not form.is_submitted():
        form.fill(queries.load_guidance_document(guidance))
    return render_form("library/edit_guidance.html", form, centre=centre, guidance=guidance)


@library.route("/centres/<int:centre_id>/guidance/<guidance_slug>/attach", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
@idempotent
def attach_guidance(centre_id: int, guidance_slug: str) -> ResponseReturnValue:
    """Attach guidance to a unit, once the person has said whether it contradicts the evidence requirements."""
    centre, actor = get_centre(centre_id)
    guidance = get_guidance(guidance_slug)
    units = list_newest_units([centre.id])
    unit = find_requested_unit(units)
    form = AttachForm()
    if unit and form.validate_on_submit():
        warning = (form.warning.data or "").strip() if form.contradicts.data == "yes" else ""
        if form.contradicts.data == "yes" and not warning:
            form.warning.errors = ["Write what contradicts them. It is shown with the guidance."]
        else:
            services.attach_guidance(guidance, unit.code, warning, centre.id, actor)
            flash(f"Attached to {unit.code} at {isolate(centre.name)}.")
            return redirect(url_for(".show_guidance", guidance_slug=guidance.slug), 303)
    shown = {attachment.unit_code for attachment in queries.list_attachments(guidance, [centre.id])}
    return render_form(
        "library/attach_guidance.html",
        form,
        centre=centre,
        guidance=guidance,
        document=queries.load_guidance_document(guidance),
        unit=unit,
        requirements=load_document(unit) if unit else None,
        units=[unit for unit in units if unit.code not in shown],
    )


@library.post("/centres/<int:centre_id>/guidance/<guidance_slug>/detach/<int:attached_id>")
@requires(Act.ADMINISTER_CENTRE)
@idempotent
def detach_guidance(centre_id: int, guidance_slug: str, attached_id: int) -> ResponseReturnValue:
    """Stop showing guidance with a unit."""
    centre, actor = get_centre(centre_id)
    guidance = get_guidance(guidance_slug)
    attached = queries.find_attachment(guidance, attached_id, centre.id)
    if attached is None:
        raise NotFound
    code = attached.unit_code
    services.detach_guidance(attached, actor)
    flash(f"The guidance is no longer shown with {code} at {isolate(centre.name)}.")
    return redirect(url_for(".show_guidance", guidance_slug=guidance.slug), 303)


def get_guidance(slug: str) -> Guidance:
    """Return guidance that this person can see; 404 otherwise."""
    guidance = queries.find_guidance(slug, me().centre_ids)
    if guidance is None:
        raise NotFound("There is no guidance at this address. Search the list of guidance.")
    return guidance


def find_requested_unit(units: list[Unit]) -> Unit | None:
    """Return the unit in the query string if it is one of these, or None."""
    slug = request.args.get("unit", "")
    return next((find_unit(slug, [unit.owner_centre_id or 0]) for unit in units if unit.slug == slug), None)

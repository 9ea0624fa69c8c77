"""Evidence guidance that a centre sets for a unit: the list with its history, and the forms that change it."""

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from tracker.errors import Conflict, Invalid, Refused
from tracker.library.forms.centre_rules import CentreRuleForm
from tracker.library.queries import centre_rules as queries
from tracker.library.queries.units import load_document
from tracker.library.services import centre_rules as services
from tracker.library.views import library
from tracker.library.views.units import get_unit
from tracker.units.documents import unit_from_json
from tracker.units.evidence_rules import describe_rule, label_criteria, rule_from_json
from tracker.web.authorise import get_centre
from tracker.web.forms import errors_on_form, render_form
from tracker.web.idempotency import idempotent
from tracker.web.permissions import Act
from tracker.web.route_rules import requires


@library.get("/centres/<int:centre_id>/units/<slug>/evidence-guidance")
@requires(Act.ADMINISTER_CENTRE)
def list_evidence_rules(centre_id: int, slug: str) -> ResponseReturnValue:
    """List the evidence guidance of a unit: the unit's own rules, and those of the centre, with their history."""
    centre, _ = get_centre(centre_id)
    unit = get_unit(slug, [centre.id])
    document = unit_from_json(load_document(unit))
    labels = label_criteria(document.assessable)
    rules = queries.list_centre_rules(centre, unit, document)
    return render_template(
        "library/list_evidence_rules.html",
        centre=centre,
        unit=unit,
        shipped=[(rule, describe_rule(rule, labels)) for rule in document.evidence_guidance],
        in_use=[each for each in rules if each.row.ended_at is None],
        ended=[each for each in rules if each.row.ended_at is not None],
    )


@library.route("/centres/<int:centre_id>/units/<slug>/evidence-guidance/new", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
@idempotent
def add_evidence_rule(centre_id: int, slug: str) -> ResponseReturnValue:
    """Add a rule of the centre for a unit."""
    centre, actor = get_centre(centre_id)
    unit = get_unit(slug, [centre.id])
    document = unit_from_json(load_document(unit))
    form = CentreRuleForm()
    form.offer(document)
    if form.validate_on_submit():
        with errors_on_form(form, Invalid, Refused):
            services.write_rule(unit, centre, services.read_rule(form.read(), document), actor)
            flash("The rule is added. Candidates and assessors see it on the page of the unit.")
            return redirect(url_for(".list_evidence_rules", centre_id=centre.id, slug=unit.slug), 303)
    return render_form("library/write_evidence_rule.html", form, centre=centre, unit=unit, rule=None)


@library.route("/centres/<int:centre_id>/evidence-rules/<int:evidence_rule_id>/edit", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
@idempotent
def change_evidence_rule(centre_id: int, evidence_rule_id: int) -> ResponseReturnValue:
    """Change a rule of the centre, by a new version."""
    centre, actor = get_centre(centre_id)
    rule, unit = queries.get_centre_rule(centre, evidence_rule_id)
    document = unit_from_json(load_document(unit))
    form = CentreRuleForm()
    form.offer(document)
    if form.validate_on_submit():
        with errors_on_form(form, Invalid, Conflict):
            services.change_rule(rule, services.read_rule(form.read(), document), actor)
            flash("The rule is changed. Sign-offs keep the version over which they were signed.")
            return redirect(url_for(".list_evidence_rules", centre_id=centre.id, slug=unit.slug), 303)
    if not form.is_submitted():
        form.fill(rule_from_json(rule.content))
    return render_form("library/write_evidence_rule.html", form, centre=centre, unit=unit, rule=rule)


@library.post("/centres/<int:centre_id>/evidence-rules/<int:evidence_rule_id>/end")
@requires(Act.ADMINISTER_CENTRE)
def end_evidence_rule(centre_id: int, evidence_rule_id: int) -> ResponseReturnValue:
    """Take a rule of the centre out of use."""
    centre, actor = get_centre(centre_id)
    rule, unit = queries.get_centre_rule(centre, evidence_rule_id)
    services.end_rule(rule, actor)
    flash("The rule has ended. The record keeps it.")
    return redirect(url_for(".list_evidence_rules", centre_id=centre.id, slug=unit.slug), 303)

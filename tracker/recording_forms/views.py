"""The recording form: blank for anyone signed in, filled for who may read the attempt."""

import json
import re
from dataclasses import replace
from io import BytesIO

from flask import Blueprint, render_template, send_file
from flask.typing import ResponseReturnValue

from tracker.access import Act, get_attempt, get_centre, me, requires, signed_in
from tracker.errors import NotFound
from tracker.extensions import db
from tracker.matrix import list_columns
from tracker.recording_forms.facts import FormColumn, FormFacts, blank_facts
from tracker.recording_forms.queries import facts_of
from tracker.recording_forms.snapshot import STATEMENT_OF_COMPETENCE
from tracker.recording_forms.worker import render_in_worker
from tracker.standards.drafting.working import as_unit
from tracker.standards.queries.drafts import find_shared_draft
from tracker.standards.queries.units import find_unit

recording_forms = Blueprint("recording_forms", __name__)


@recording_forms.get("/units/<slug>/form.pdf")
@signed_in
def blank_form(slug: str) -> ResponseReturnValue:
    unit = find_unit(slug, me().centre_ids)
    if unit is None:
        raise NotFound
    facts = FormFacts(
        unit_code=unit.full_code,
        unit_title=unit.title,
        unit_version=unit.version,
        columns=tuple(FormColumn(each.kind, each.label) for each in list_columns(unit.id)),
        statement=STATEMENT_OF_COMPETENCE,
    )
    return send_pdf(facts, f"{unit.slug}-form")


@recording_forms.get("/unit-drafts/<int:draft_id>/form.pdf")
@requires(Act.READ_UNIT_DRAFT)
def draft_form(draft_id: int) -> ResponseReturnValue:
    """The blank form of a unit that is not published yet."""
    draft = find_shared_draft(draft_id)
    if draft is None:
        raise NotFound
    get_centre(draft.centre_id, Act.READ_UNIT_DRAFT)
    facts = blank_facts(as_unit(json.loads(draft.document)))
    return send_pdf(replace(facts, unit_title=f"{facts.unit_title} (draft)"), f"draft-{draft_id}-form")


@recording_forms.get("/attempts/<int:attempt_id>/form")
@requires(Act.READ_ATTEMPT)
def show_form(attempt_id: int) -> ResponseReturnValue:
    attempt, _ = get_attempt(attempt_id, Act.READ_ATTEMPT)
    return render_template("recording_forms/show_form.html", attempt=attempt, facts=facts_of(attempt))


@recording_forms.get("/attempts/<int:attempt_id>/form.pdf")
@requires(Act.READ_ATTEMPT)
def print_form(attempt_id: int) -> ResponseReturnValue:
    attempt, _ = get_attempt(attempt_id, Act.READ_ATTEMPT)
    facts = facts_of(attempt)
    return send_pdf(facts, f"{attempt.unit.slug}-{facts.candidate_number}-round-{facts.round}")


def send_pdf(facts: FormFacts, name: str) -> ResponseReturnValue:
    """Rendered with no transaction held: it takes longer than any query."""
    db.session.rollback()
    pdf = render_in_worker(facts)
    safe_name = re.sub(r"[^a-z0-9-]+", "-", name.lower())
    return send_file(BytesIO(pdf), mimetype="application/pdf", download_name=f"{safe_name}.pdf")

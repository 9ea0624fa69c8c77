"""The recording form: blank for anyone signed in, filled for who may read the attempt."""

import json
import re
from dataclasses import replace
from io import BytesIO

from flask import Blueprint, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from tracker.errors import Invalid, NotFound
from tracker.extensions import db
from tracker.ledger.transactions import reading
from tracker.library.queries.drafts import find_shared_draft
from tracker.library.queries.units import find_unit
from tracker.matrix import list_columns
from tracker.models import IssuedForm
from tracker.recording_forms import issuing
from tracker.recording_forms.form_content import FormColumn, FormContent, build_blank_content, grouped
from tracker.recording_forms.form_verification import Answer, check_code, check_file, is_current, load_known_keys
from tracker.recording_forms.forms import CheckForm
from tracker.recording_forms.pdf_inspection import MAX_SIZE
from tracker.recording_forms.pdf_renderer import render_pdf
from tracker.recording_forms.queries import build_form_content
from tracker.recording_forms.snapshot import STATEMENT_OF_COMPETENCE
from tracker.storage import file_store
from tracker.units.drafting.working import as_unit
from tracker.web.authorise import get_attempt, get_centre, is_allowed, list_roles_in_attempt
from tracker.web.current_user import me
from tracker.web.permissions import Act
from tracker.web.route_rules import public, requires, signed_in

recording_forms = Blueprint("recording_forms", __name__)


@recording_forms.get("/units/<slug>/form.pdf")
@signed_in
def blank_form(slug: str) -> ResponseReturnValue:
    unit = find_unit(slug, me().centre_ids)
    if unit is None:
        raise NotFound
    facts = FormContent(
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
    facts = build_blank_content(as_unit(json.loads(draft.document)))
    return send_pdf(replace(facts, unit_title=f"{facts.unit_title} (draft)"), f"draft-{draft_id}-form")


@recording_forms.get("/attempts/<int:attempt_id>/form")
@requires(Act.READ_ATTEMPT)
def show_form(attempt_id: int) -> ResponseReturnValue:
    attempt, _ = get_attempt(attempt_id, Act.READ_ATTEMPT)
    return render_template(
        "recording_forms/show_form.html",
        attempt=attempt,
        facts=build_form_content(attempt),
        current=issuing.find_current(attempt),
        issued=issuing.list_issued(attempt),
        may_issue=attempt.state in issuing.ISSUED_WHEN and is_allowed(attempt, Act.ISSUE_FORM),
    )


@recording_forms.get("/attempts/<int:attempt_id>/form.pdf")
@requires(Act.READ_ATTEMPT)
def print_form(attempt_id: int) -> ResponseReturnValue:
    """The issued form where there is one that stands; else the form as the record is now."""
    attempt, _ = get_attempt(attempt_id, Act.READ_ATTEMPT)
    if found := issuing.find_current(attempt):
        return send_issued(found)
    facts = build_form_content(attempt)
    return send_pdf(facts, f"{attempt.unit.slug}-{facts.candidate_number}-round-{facts.round}")


@recording_forms.post("/attempts/<int:attempt_id>/form/issue")
@requires(Act.ISSUE_FORM)
def issue_form(attempt_id: int) -> ResponseReturnValue:
    """Read, then printed with no transaction held, then recorded if nothing changed meanwhile."""
    with reading():
        attempt, _ = get_attempt(attempt_id, Act.ISSUE_FORM)
        planned = None if issuing.find_current(attempt) else issuing.plan_issue(attempt)
    if planned:
        printed = issuing.print_issue(planned)
        attempt, actor = get_attempt(attempt_id, Act.ISSUE_FORM)
        issuing.record_issue(attempt, printed, actor)
        flash("The form was issued and sealed. From now on this file is what is printed.")
    return redirect(url_for(".show_form", attempt_id=attempt_id), 303)


@recording_forms.get("/attempts/<int:attempt_id>/forms/<int:form_id>.pdf")
@requires(Act.READ_ATTEMPT)
def issued_form(attempt_id: int, form_id: int) -> ResponseReturnValue:
    """One issue of the form, the superseded ones among them: under their own address and name only."""
    attempt, _ = get_attempt(attempt_id, Act.READ_ATTEMPT)
    found = next((form for form in issuing.list_issued(attempt) if form.id == form_id), None)
    if found is None:
        raise NotFound
    return send_issued(found)


@recording_forms.get("/verify")
@public
def verify_form() -> ResponseReturnValue:
    """Whether the code of a form is ours, for anybody who holds the paper."""
    code = request.args.get("code", "")[:1000]
    answer = check_code(code, load_known_keys()) if code else None
    return show_answer(CheckForm(), answer)


@recording_forms.post("/verify")
@public
def verify_file() -> ResponseReturnValue:
    """Whether a file is a form of ours, as it was issued. The file is looked at and not kept."""
    form = CheckForm()
    if not form.validate():
        return show_answer(form, None), 422
    with reading():
        known = load_known_keys()
    try:
        answer = check_file(form.file.data.stream.read(MAX_SIZE + 1), known)
    except Invalid as error:
        form.file.errors = [str(error)]
        return show_answer(form, None), 422
    return show_answer(form, answer)


def show_answer(form: CheckForm, answer: Answer | None) -> str:
    """Anybody learns whether a form is ours, of which unit and centre, and when it was issued.

    Who may read the attempt is led to it; nobody else learns whose it is.
    """
    reads = bool(
        answer and answer.form and current_user.is_authenticated and list_roles_in_attempt(answer.form.attempt)
    )
    return render_template("recording_forms/verify_form.html", form=form, answer=answer, reads=reads, grouped=grouped)


def send_issued(form: IssuedForm) -> ResponseReturnValue:
    """The bytes that were issued. A file that is not as it was when it was kept is not sent as if it were."""
    try:
        body = file_store.read(form.sha256)
    except OSError as error:
        raise NotFound(
            "The file of this form cannot be read. Nothing was printed. Tell whoever runs this installation: its "
            "backup holds the file."
        ) from error
    ended = "" if is_current(form) else "-superseded"
    name = f"{form.attempt.unit.slug}-{form.attempt.registration.candidate_number}-round-{form.round}{ended}"
    return send_bytes(body, name)


def send_pdf(facts: FormContent, name: str) -> ResponseReturnValue:
    """Rendered with no transaction held: it takes longer than any query."""
    db.session.rollback()
    return send_bytes(render_pdf(facts), name)


def send_bytes(pdf: bytes, name: str) -> ResponseReturnValue:
    safe_name = re.sub(r"[^a-z0-9-]+", "-", name.lower())
    return send_file(BytesIO(pdf), mimetype="application/pdf", download_name=f"{safe_name}.pdf")

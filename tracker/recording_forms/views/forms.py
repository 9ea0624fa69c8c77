"""Pages and PDFs of recording forms: blank, filled and issued, and the page that checks a form."""

import json
import re
from contextlib import suppress
from dataclasses import replace
from io import BytesIO
from typing import Any

from flask import current_app, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from tracker.background.jobs import get_jobs
from tracker.errors import Busy, FormWaits, Invalid, NotFound
from tracker.extensions import db
from tracker.job_runs.files import find_result
from tracker.ledger import read_only
from tracker.ledger.events import Actor
from tracker.ledger.transactions import reading, transaction
from tracker.library.queries.drafts import find_shared_draft
from tracker.library.queries.units import find_unit
from tracker.matrix import list_columns
from tracker.models import IssuedForm, JobRun, UnitAttempt
from tracker.recording_forms import issuing
from tracker.recording_forms.form_cache import find_kept, print_unissued
from tracker.recording_forms.form_content import FormColumn, FormContent, build_blank_content, format_form_number
from tracker.recording_forms.form_job import find_form_job, start_form_job
from tracker.recording_forms.form_verification import (
    FormVerification,
    check_code,
    check_file,
    is_current,
    load_known_keys,
)
from tracker.recording_forms.forms import VerifyPdfForm
from tracker.recording_forms.issue_job import start_issue_job
from tracker.recording_forms.pdf_inspection import MAX_SIZE
from tracker.recording_forms.pdf_renderer import BUSY, withdraw
from tracker.recording_forms.queries import build_form_content, list_address_notes
from tracker.recording_forms.snapshot import STATEMENT_OF_COMPETENCE
from tracker.recording_forms.views import recording_forms
from tracker.storage import file_store
from tracker.units.drafting.problems import build_unit
from tracker.units.drafting.working_copy import working_copy_from_json
from tracker.web.authorise import get_attempt, get_centre, is_allowed, list_roles_in_attempt
from tracker.web.current_user import me
from tracker.web.fair_shares import PRINTING, in_turn
from tracker.web.permissions import Act
from tracker.web.route_rules import public, requires, signed_in
from tracker.web.text_direction import isolate


@recording_forms.get("/units/<slug>/form.pdf")
@signed_in
@in_turn(PRINTING)
def blank_form(slug: str) -> ResponseReturnValue:
    """Send the blank form of a unit."""
    unit = find_unit(slug, me().centre_ids)
    if unit is None:
        raise NotFound
    content = FormContent(
        unit_code=unit.full_code,
        unit_title=unit.title,
        unit_version=unit.version,
        columns=tuple(FormColumn(each.kind, each.label) for each in list_columns(unit.id)),
        statement=STATEMENT_OF_COMPETENCE,
    )
    return send_pdf(content, f"{unit.slug}-form")


@recording_forms.get("/unit-drafts/<int:draft_id>/form.pdf")
@requires(Act.READ_UNIT_DRAFT)
@in_turn(PRINTING)
def draft_form(draft_id: int) -> ResponseReturnValue:
    """Send the blank form of a unit that is not published yet."""
    draft = find_shared_draft(draft_id)
    if draft is None:
        raise NotFound
    get_centre(draft.centre_id, Act.READ_UNIT_DRAFT)
    content = build_blank_content(build_unit(working_copy_from_json(json.loads(draft.document))))
    return send_pdf(replace(content, unit_title=f"{content.unit_title} (draft)"), f"draft-{draft_id}-form")


@recording_forms.get("/attempts/<int:attempt_id>/form")
@requires(Act.READ_ATTEMPT)
def show_form(attempt_id: int) -> ResponseReturnValue:
    """Show the form of an attempt as it will print, and the forms issued for it."""
    attempt, _ = get_attempt(attempt_id, Act.READ_ATTEMPT)
    return render_template(
        "recording_forms/show_form.html",
        attempt=attempt,
        form_content=build_form_content(attempt),
        issued=issuing.list_issued_forms(attempt),
        **describe_issue(attempt),
    )


def describe_issue(attempt: UnitAttempt) -> dict[str, Any]:
    """Return what `recording_forms/_print_and_issue.html` needs: the `current` issued form or None, `may_issue`."""
    return {
        "current": issuing.find_current_form(attempt),
        "may_issue": attempt.state in issuing.ISSUE_STATES and is_allowed(attempt, Act.ISSUE_FORM),
    }


@recording_forms.get("/attempts/<int:attempt_id>/form.pdf")
@requires(Act.READ_ATTEMPT)
@in_turn(PRINTING)
def print_form(attempt_id: int) -> ResponseReturnValue:
    """Send the current issued form, or else the form as the attempt is now.

    One that is not ready in two seconds is printed by a job, whose page then offers it (docs/architecture.md,
    A printed form).
    """
    attempt, actor = get_attempt(attempt_id, Act.READ_ATTEMPT)
    if issued := issuing.find_current_form(attempt):
        return send_issued_form(issued)
    content = build_form_content(attempt)
    name = f"{attempt.unit.slug}-{content.candidate_number}-round-{content.round}"
    if kept := find_kept(content):
        return send_bytes(kept, name)
    run = find_form_job(attempt_id, content)
    sha256 = find_result(run) if run else None
    if sha256:
        with suppress(OSError):  # a file that is damaged, or was deleted just now, is printed again
            return send_bytes(file_store.read(sha256), name)
    if run is None or sha256 or not get_jobs().has_worker():
        db.session.rollback()
        try:
            return send_bytes(print_unissued(content, me().person_id), name)
        except FormWaits:
            if sha256:
                raise
            run = hand_over(attempt_id, content, actor)
    if run.started_by_id != me().person_id:
        raise FormWaits
    return redirect(url_for("job_runs.show_job", job_run_id=run.id), 303)


def hand_issue_over(attempt_id: int) -> ResponseReturnValue:
    """Let the worker issue a form that is not ready, and go to the page of the job.

    Somebody else's job has a page that this person may not see, so they go to the page of the form.

    Raises `Busy` when no worker runs.
    """
    if not get_jobs().has_worker():
        raise Busy(BUSY)
    with transaction():
        run = start_issue_job(*get_attempt(attempt_id, Act.ISSUE_FORM))
        run_id, is_own, name = run.id, run.started_by_id == me().person_id, run.started_by.name
    if is_own:
        return redirect(url_for("job_runs.show_job", job_run_id=run_id), 303)
    flash(f"This form is being issued by a job that {isolate(name)} started.")
    return redirect(url_for(".show_form", attempt_id=attempt_id), 303)


def hand_over(attempt_id: int, content: FormContent, actor: Actor) -> JobRun:
    """Let the worker print a form that is not ready, instead of this process; return the job.

    Raises `FormWaits` when no worker could do it now.
    """
    if read_only.is_read_only() or not get_jobs().has_worker():
        raise FormWaits
    withdraw(content)
    with transaction():
        return start_form_job(attempt_id, content, actor)


@recording_forms.post("/attempts/<int:attempt_id>/form/issue")
@requires(Act.ISSUE_FORM)
def issue_form(attempt_id: int) -> ResponseReturnValue:
    """Read the attempt, render its form with no transaction open, then record it if nothing has changed.

    It is recorded in a transaction of its own, so that its file is deleted if that fails. A form that is not ready in
    two seconds is issued by a job.
    """
    with reading():
        attempt, _ = get_attempt(attempt_id, Act.ISSUE_FORM)
        plan = None if issuing.find_current_form(attempt) else issuing.plan_issue(attempt)
    if plan:
        try:
            rendered = issuing.render_issue(plan, me().person_id, current_app.config["SETTINGS"].print_wait_seconds)
        except Busy:
            return hand_issue_over(attempt_id)
        try:
            with transaction():
                attempt, actor = get_attempt(attempt_id, Act.ISSUE_FORM)
                issuing.record_issue(attempt, rendered, actor)
        finally:
            issuing.discard_unrecorded(rendered)
        flash("The form is issued and sealed. The print button now downloads the sealed file.")
    return redirect(url_for(".show_form", attempt_id=attempt_id), 303)


@recording_forms.get("/attempts/<int:attempt_id>/forms/<int:form_id>.pdf")
@requires(Act.READ_ATTEMPT)
def issued_form(attempt_id: int, form_id: int) -> ResponseReturnValue:
    """Send one issued form, current or superseded."""
    attempt, _ = get_attempt(attempt_id, Act.READ_ATTEMPT)
    issued = next((form for form in issuing.list_issued_forms(attempt) if form.id == form_id), None)
    if issued is None:
        raise NotFound
    return send_issued_form(issued)


@recording_forms.get("/verify")
@public
def verify_form() -> ResponseReturnValue:
    """Show whether the form with a code was issued here, to anyone who has the paper."""
    code = request.args.get("code", "")[:1000]
    answer = check_code(code, load_known_keys()) if code else None
    return show_result(VerifyPdfForm(), answer)


@recording_forms.post("/verify")
@public
def verify_file() -> ResponseReturnValue:
    """Show whether a file is a form as it was issued here. The file is not stored."""
    form = VerifyPdfForm()
    if not form.validate():
        return show_result(form, None), 422
    with reading():
        known = load_known_keys()
    try:
        answer = check_file(form.file.data.stream.read(MAX_SIZE + 1), known)
    except Invalid as error:
        form.file.errors = [str(error)]
        return show_result(form, None), 422
    return show_result(form, answer)


def show_result(form: VerifyPdfForm, answer: FormVerification | None) -> str:
    """Render the result: everyone sees the unit, the centre and the date of issue.

    Only a person who may read the attempt sees whose form it is.
    """
    can_read = bool(
        answer and answer.form and current_user.is_authenticated and list_roles_in_attempt(answer.form.attempt)
    )
    return render_template(
        "recording_forms/verify_form.html",
        form=form,
        answer=answer,
        can_read=can_read,
        address_notes=list_address_notes(answer.form) if answer and answer.form else [],
        format_form_number=format_form_number,
    )


def send_issued_form(form: IssuedForm) -> ResponseReturnValue:
    """Send the bytes that were issued. Raises `NotFound` when the stored file is missing or damaged."""
    try:
        body = file_store.read(form.sha256)
    except OSError as error:
        raise NotFound(
            "The file of this form cannot be read, so nothing was printed. Tell your system operator: "
            "the file is in the backup."
        ) from error
    suffix = "" if is_current(form) else "-superseded"
    name = f"{form.attempt.unit.slug}-{form.attempt.registration.candidate_number}-round-{form.round}{suffix}"
    return send_bytes(body, name)


def send_pdf(content: FormContent, name: str) -> ResponseReturnValue:
    """Render a form and send it, with no transaction open: it takes longer than any query."""
    db.session.rollback()
    return send_bytes(print_unissued(content, me().person_id), name)


def send_bytes(pdf: bytes, name: str) -> ResponseReturnValue:
    """Send a PDF under a file name made of plain characters."""
    safe_name = re.sub(r"[^a-z0-9-]+", "-", name.lower())
    return send_file(BytesIO(pdf), mimetype="application/pdf", download_name=f"{safe_name}.pdf")

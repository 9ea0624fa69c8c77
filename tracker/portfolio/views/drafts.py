"""Views for drafts of evidence: added, edited, saved while they are typed, discarded."""

import secrets
from collections.abc import Iterable
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import FileStorage

from tracker.clock import LONDON, now, today
from tracker.errors import Conflict, Invalid, NotFound
from tracker.ledger import transactions
from tracker.ledger.transactions import reading
from tracker.models import EVIDENCE_FIELDS, Evidence
from tracker.portfolio.file_types import TYPE_NAMES
from tracker.portfolio.forms import METHOD_HELP, USUAL_METHODS, EvidenceForm
from tracker.portfolio.queries.item_records import find_open_feedback, load_item_record
from tracker.portfolio.services.evidence import create_draft, discard_draft, save_draft
from tracker.portfolio.services.files import attach_file
from tracker.portfolio.uploads import ACCEPTED_EXTENSIONS, Uploads, store_uploads
from tracker.portfolio.views import portfolio
from tracker.vocabulary import Role
from tracker.web.authorise import get_own_evidence
from tracker.web.current_user import me
from tracker.web.permissions import Act
from tracker.web.requests import parse_id
from tracker.web.route_rules import requires

ALL_FIELDS = set(EVIDENCE_FIELDS)


@portfolio.route("/evidence/new", methods=["GET", "POST"])
@requires(Act.ADD_EVIDENCE)
def add_evidence() -> ResponseReturnValue:
    """Show the form for new evidence, or create a draft from it."""
    form = EvidenceForm()
    if not form.is_submitted():
        form.key.data = secrets.token_urlsafe(24)
        form.happened_from.data = today()
        return render_draft_form(form, None)
    uploads = store_own_uploads(request.files.getlist("files"))
    if not form.has_content and not uploads.stored:
        form.show_problems({"title": "There is nothing to save yet. Enter a title."})
        flash_refusals(uploads.refusals)
        return render_draft_form(form, None), 422
    return save_and_redirect(form, create_own_draft(form), uploads)


@portfolio.route("/evidence/<int:evidence_id>/edit", methods=["GET", "POST"])
@requires(Act.ADD_EVIDENCE)
def edit_evidence(evidence_id: int) -> ResponseReturnValue:
    """Show the form of a draft, or save it."""
    if request.method == "GET":
        evidence, _ = get_own_evidence(evidence_id)
        return render_draft_form(EvidenceForm(obj=evidence), evidence)
    with reading():
        get_own_evidence(evidence_id)
    uploads = store_own_uploads(request.files.getlist("files"))
    evidence, _ = get_own_evidence(evidence_id)
    return save_and_redirect(EvidenceForm(), evidence, uploads)


@portfolio.post("/evidence/draft")
@requires(Act.ADD_EVIDENCE)
def autosave_new() -> ResponseReturnValue:
    """Create the draft at the first automatic save, and return the addresses for the next ones."""
    form = EvidenceForm()
    evidence = create_own_draft(form)
    edit_url = url_for(".edit_evidence", evidence_id=evidence.id, unit=get_unit())
    return {
        **autosave(form, evidence),
        "autosave_key": f"evidence-{evidence.id}",
        "autosave_url": url_for(".autosave_draft", evidence_id=evidence.id),
        "action": edit_url,
        "address": edit_url,
        "upload_url": url_for(".upload_file", evidence_id=evidence.id),
    }


@portfolio.post("/evidence/<int:evidence_id>/draft")
@requires(Act.ADD_EVIDENCE)
def autosave_draft(evidence_id: int) -> ResponseReturnValue:
    """Save what has been typed in an existing draft."""
    evidence, _ = get_own_evidence(evidence_id)
    return autosave(EvidenceForm(), evidence)


@portfolio.post("/evidence/<int:evidence_id>/discard")
@requires(Act.ADD_EVIDENCE)
def discard_evidence(evidence_id: int) -> ResponseReturnValue:
    """Discard a draft."""
    evidence, actor = get_own_evidence(evidence_id)
    discard_draft(evidence, actor)
    flash("Draft discarded.")
    return redirect(url_for(".index_of_evidence"), 303)


def create_own_draft(form: EvidenceForm) -> Evidence:
    """Create a draft of the current user. Raises `NotFound` for anyone who is no candidate."""
    grant = me().find_grant(Role.CANDIDATE)
    if grant is None:
        raise NotFound
    return create_draft(me().person_id, grant.centre_id, form.key.data or "")


def store_own_uploads(files: Iterable[FileStorage]) -> Uploads:
    """Store the files of a candidate's form, with no transaction open; none of anybody else's."""
    grant = me().find_grant(Role.CANDIDATE)
    return store_uploads(files, me().person_id, grant.centre_id) if grant else Uploads()


def save_and_redirect(form: EvidenceForm, evidence: Evidence, uploads: Uploads) -> ResponseReturnValue:
    """Save the form, then redirect to the criteria or the item; with problems, show the form again."""
    problems = save_form(form, evidence, uploads)
    if problems:
        return render_draft_problems(form, evidence, problems)
    if uploads.refusals:
        return redirect(url_for(".edit_evidence", evidence_id=evidence.id), 303)
    if request.form.get("act") == "draft":
        flash("Saved as a draft. Only you can see it.")
        return redirect(url_for(".show_evidence", evidence_id=evidence.id), 303)
    return redirect(url_for(".choose_criteria", evidence_id=evidence.id, unit=get_unit()), 303)


def get_unit() -> int | None:
    """Return the id of the attempt on whose page *Add evidence* was pressed; its criteria are offered first."""
    return parse_id(request.values.get("unit", ""))


def save_form(form: EvidenceForm, evidence: Evidence, uploads: Uploads) -> dict[str, str]:
    """Save all that was sent and can be saved, files first; return the problem of each field that could not be."""
    flash_refusals(uploads.refusals)
    problems = {}
    for file in uploads.stored:
        try:
            attach_file(evidence, file)
        except Invalid as refusal:
            problems["files"] = str(refusal)
    fields, unreadable = form.read(form.sent_fields)
    try:
        return {**problems, **save_draft(evidence, fields, form.seen_version), **unreadable}
    except Conflict as conflict:
        return {**problems, "conflict": str(conflict)}


def render_draft_problems(form: EvidenceForm, evidence: Evidence, problems: dict[str, str]) -> ResponseReturnValue:
    """Commit what could be saved, then show the form as it was typed with its problems."""
    transactions.commit()
    form.version.data = str(evidence.version)
    form.show_problems(problems)
    return render_draft_form(form, evidence), 422


def render_draft_form(form: EvidenceForm, evidence: Evidence | None) -> str:
    """Render the form of an item; None for a new one."""
    if evidence is not None and not form.is_submitted():
        form.version.data = str(evidence.version)
    record = load_item_record(evidence.id) if evidence and evidence.number else None
    history = record.list_history() if record else []
    feedback = find_open_feedback(history)
    return render_template(
        "portfolio/add_evidence.html",
        unit=get_unit(),
        form=form,
        evidence=evidence,
        feedback=feedback,
        next_version=1 + max((entry.version or 0 for entry in history), default=0),
        claims=record.claims if record and feedback else [],
        help=METHOD_HELP,
        accept=ACCEPTED_EXTENSIONS,
        usual_methods=USUAL_METHODS,
        date_is_default=evidence is None and not form.is_submitted(),
        type_names=TYPE_NAMES,
    )


def flash_refusals(sentences: list[str]) -> None:
    """Show why files were refused, at the top of the next page."""
    for sentence in sentences:
        flash(sentence, "refused")


def autosave(form: EvidenceForm, evidence: Evidence) -> dict[str, Any]:
    """Save the changed fields; return the time of saving and the problems of fields that were not saved."""
    fields, unreadable = form.read(set(request.form.getlist("changed")) & ALL_FIELDS)
    problems = {**save_draft(evidence, fields, form.seen_version), **unreadable}
    return {
        "saved_at": now().astimezone(LONDON).strftime("%H:%M"),
        "fields": {"version": evidence.version},
        "refused": problems,
    }

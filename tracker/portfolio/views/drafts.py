"""Drafts over HTTP: begun, saved as they are typed, saved whole, discarded."""

import secrets

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import FileStorage

from tracker.clock import LONDON, now
from tracker.errors import Conflict, Invalid, NotFound
from tracker.ledger import transactions
from tracker.ledger.transactions import reading
from tracker.models import EVIDENCE_FIELDS, Evidence
from tracker.portfolio.file_types import ENDINGS
from tracker.portfolio.forms import HELP, EvidenceForm
from tracker.portfolio.queries import evidence as queries
from tracker.portfolio.services.evidence import begin_evidence, discard_draft, save_draft
from tracker.portfolio.services.files import KeptFile, attach_file, keep_file
from tracker.portfolio.views import portfolio
from tracker.vocabulary import Role
from tracker.web.authorise import get_own_evidence
from tracker.web.current_user import me
from tracker.web.permissions import Act
from tracker.web.route_rules import requires

ALL_FIELDS = set(EVIDENCE_FIELDS)
ACCEPT = ",".join(f".{ending}" for ending in ENDINGS)


@portfolio.route("/evidence/new", methods=["GET", "POST"])
@requires(Act.ADD_EVIDENCE)
def add_evidence() -> ResponseReturnValue:
    form = EvidenceForm()
    if not form.is_submitted():
        form.key.data = secrets.token_urlsafe(24)
        return show_form(form, None)
    files = keep_files(request.files.getlist("files"))
    if not form.says_anything and not files[0]:
        form.show_problems({"title": "There is nothing to save yet. Say what it is."})
        flash_refusals(files[1])
        return show_form(form, None), 422
    return save_and_go_on(form, begin_own_evidence(form), files)


@portfolio.route("/evidence/<int:evidence_id>/edit", methods=["GET", "POST"])
@requires(Act.ADD_EVIDENCE)
def edit_evidence(evidence_id: int) -> ResponseReturnValue:
    if request.method == "GET":
        evidence, _ = get_own_evidence(evidence_id)
        return show_form(EvidenceForm(obj=evidence), evidence)
    with reading():
        get_own_evidence(evidence_id)
    files = keep_files(request.files.getlist("files"))
    evidence, _ = get_own_evidence(evidence_id)
    return save_and_go_on(EvidenceForm(), evidence, files)


@portfolio.post("/evidence/draft")
@requires(Act.ADD_EVIDENCE)
def autosave_new() -> ResponseReturnValue:
    """The first save of what is being typed begins the draft, and says where it lives from now on."""
    form = EvidenceForm()
    return autosave(form, begin_own_evidence(form))


@portfolio.post("/evidence/<int:evidence_id>/draft")
@requires(Act.ADD_EVIDENCE)
def autosave_draft(evidence_id: int) -> ResponseReturnValue:
    evidence, _ = get_own_evidence(evidence_id)
    return autosave(EvidenceForm(), evidence)


@portfolio.post("/evidence/<int:evidence_id>/discard")
@requires(Act.ADD_EVIDENCE)
def discard_evidence(evidence_id: int) -> ResponseReturnValue:
    evidence, actor = get_own_evidence(evidence_id)
    discard_draft(evidence, actor)
    flash("The draft is gone.")
    return redirect(url_for(".index_of_evidence"), 303)


def begin_own_evidence(form: EvidenceForm) -> Evidence:
    grant = me().holds(Role.CANDIDATE)
    if grant is None:
        raise NotFound
    return begin_evidence(me().person_id, grant.centre_id, form.key.data or "")


def keep_files(uploads: list[FileStorage]) -> tuple[list[KeptFile], list[str]]:
    """Store what came with a form, with no transaction open: the good files, and why others were refused."""
    kept, refusals = [], []
    for upload in uploads:
        if upload.filename:
            try:
                kept.append(keep_file(upload.stream, upload.filename))
            except Invalid as refusal:
                refusals.append(str(refusal))
    return kept, refusals


def save_and_go_on(
    form: EvidenceForm, evidence: Evidence, files: tuple[list[KeptFile], list[str]]
) -> ResponseReturnValue:
    """Save the whole form; then the criteria, the item's page, or the form again with what needs changing."""
    problems = save_form(form, evidence, files)
    if problems:
        return show_again(form, evidence, problems)
    if files[1]:
        return redirect(url_for(".edit_evidence", evidence_id=evidence.id), 303)
    if request.form.get("act") == "draft":
        flash("Saved as a draft. Only you can see it.")
        return redirect(url_for(".show_evidence", evidence_id=evidence.id), 303)
    return redirect(url_for(".choose_criteria", evidence_id=evidence.id), 303)


def save_form(form: EvidenceForm, evidence: Evidence, files: tuple[list[KeptFile], list[str]]) -> dict[str, str]:
    """Save all that can be saved, files first; what could not be comes out by field, with the reason."""
    kept, refusals = files
    flash_refusals(refusals)
    problems = {}
    for file in kept:
        try:
            attach_file(evidence, file)
        except Invalid as refusal:
            problems["files"] = str(refusal)
    fields, unreadable = form.read(ALL_FIELDS)
    try:
        return {**problems, **save_draft(evidence, fields, form.seen_version), **unreadable}
    except Conflict as conflict:
        return {**problems, "conflict": str(conflict)}


def show_again(form: EvidenceForm, evidence: Evidence, problems: dict[str, str]) -> ResponseReturnValue:
    """The form as it was typed, beside what needs changing; what could be saved is committed first."""
    transactions.commit()
    form.version.data = str(evidence.version)
    form.show_problems(problems)
    return show_form(form, evidence), 422


def show_form(form: EvidenceForm, evidence: Evidence | None) -> str:
    if evidence is not None and not form.is_submitted():
        form.version.data = str(evidence.version)
    story = queries.list_story(evidence) if evidence and evidence.number else []
    return render_template(
        "portfolio/add_evidence.html",
        form=form,
        evidence=evidence,
        feedback=queries.find_open_feedback(story),
        help=HELP,
        accept=ACCEPT,
    )


def flash_refusals(sentences: list[str]) -> None:
    for sentence in sentences:
        flash(sentence, "refused")


def autosave(form: EvidenceForm, evidence: Evidence) -> ResponseReturnValue:
    """Save what changed, and answer with the time, and with what could not be kept."""
    fields, unreadable = form.read(set(request.form.getlist("changed")) & ALL_FIELDS)
    problems = {**save_draft(evidence, fields, form.seen_version), **unreadable}
    here = url_for(".edit_evidence", evidence_id=evidence.id)
    return {
        "saved_at": now().astimezone(LONDON).strftime("%H:%M"),
        "fields": {"version": evidence.version},
        "refused": problems,
        "autosave_url": url_for(".autosave_draft", evidence_id=evidence.id),
        "action": here,
        "address": here,
        "upload_url": url_for(".upload_file", evidence_id=evidence.id),
    }

"""Evidence over HTTP: log, save as typed, show, hand in, take back, discard, and the index."""

from io import BytesIO

from flask import flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import FileStorage

from tracker.access import Act, get_attempt, get_own_evidence, get_registration, me, requires
from tracker.clock import LONDON, now, today
from tracker.errors import Conflict, Invalid, NotFound
from tracker.extensions import db
from tracker.filters import day, period
from tracker.idempotency import once
from tracker.models import Evidence, Registration
from tracker.portfolio.forms import HELP, DeclarationForm, EvidenceForm
from tracker.portfolio.queries import evidence as queries
from tracker.portfolio.services.evidence import (
    begin_evidence,
    differs_from,
    discard_draft,
    find_latest_version,
    save_draft,
)
from tracker.portfolio.services.files import KeptFile, attach_file, keep_file
from tracker.portfolio.services.submissions import DECLARATION, submit_evidence, withdraw_submission
from tracker.portfolio.views import portfolio
from tracker.recording_forms.facts import IndexFacts, IndexRow
from tracker.recording_forms.worker import render_in_worker
from tracker.transactions import reading
from tracker.vocabulary import Role

ACCEPT = ".jpg,.jpeg,.png,.heic,.pdf,.docx,.xlsx,.pptx,.odt,.mp3,.m4a,.mp4,.txt"


@portfolio.route("/evidence/new", methods=["GET", "POST"])
@requires(Act.LOG_EVIDENCE)
def log_evidence() -> ResponseReturnValue:
    form = EvidenceForm()
    if not form.is_submitted():
        return show_form(form, None)
    kept = keep_files(request.files.getlist("files"))
    return save_and_go_on(form, begin_own_evidence(), kept)


@portfolio.route("/evidence/<int:evidence_id>/edit", methods=["GET", "POST"])
@requires(Act.LOG_EVIDENCE)
def edit_evidence(evidence_id: int) -> ResponseReturnValue:
    if request.method == "GET":
        evidence, _ = get_own_evidence(evidence_id)
        return show_form(EvidenceForm(obj=evidence), evidence)
    with reading():
        get_own_evidence(evidence_id)
    kept = keep_files(request.files.getlist("files"))
    evidence, _ = get_own_evidence(evidence_id)
    return save_and_go_on(EvidenceForm(), evidence, kept)


@portfolio.post("/evidence/draft")
@requires(Act.LOG_EVIDENCE)
def autosave_new() -> ResponseReturnValue:
    """The first save of what is being typed begins the draft, and says where it lives from now on."""
    return autosave(begin_own_evidence())


@portfolio.post("/evidence/<int:evidence_id>/draft")
@requires(Act.LOG_EVIDENCE)
def autosave_draft(evidence_id: int) -> ResponseReturnValue:
    return autosave(get_own_evidence(evidence_id)[0])


@portfolio.get("/evidence/<int:evidence_id>")
@requires(Act.LOG_EVIDENCE)
def show_evidence(evidence_id: int) -> ResponseReturnValue:
    evidence, _ = get_own_evidence(evidence_id)
    latest = find_latest_version(evidence)
    return render_template(
        "portfolio/show_evidence.html",
        evidence=evidence,
        latest=latest,
        has_changed=differs_from(evidence, latest),
        claims=queries.list_claims(evidence.id),
        story=queries.list_story(evidence),
        badges=queries.list_badges([evidence.id]).get(evidence.id, ()) if latest else (("", "draft"),),
    )


@portfolio.get("/attempts/<int:attempt_id>/evidence/<int:evidence_id>")
@requires(Act.READ_EVIDENCE)
def show_attempt_evidence(attempt_id: int, evidence_id: int) -> ResponseReturnValue:
    """An item as handed in, for who reads the attempt it claims something in."""
    attempt, _ = get_attempt(attempt_id, Act.READ_EVIDENCE)
    version = queries.find_version_in(attempt, evidence_id)
    if version is None:
        raise NotFound
    return render_template(
        "portfolio/show_attempt_evidence.html",
        attempt=attempt,
        version=version,
        attachments=queries.list_attachments_of(version),
        claims=[claim for claim in queries.list_claims(evidence_id) if claim.attempt_id == attempt.id],
    )


@portfolio.route("/evidence/<int:evidence_id>/submit", methods=["GET", "POST"])
@requires(Act.LOG_EVIDENCE)
@once
def submit(evidence_id: int) -> ResponseReturnValue:
    evidence, actor = get_own_evidence(evidence_id)
    form, refused = DeclarationForm(), None
    if form.validate_on_submit():
        try:
            version = submit_evidence(evidence, actor)
        except Invalid as refusal:
            refused = str(refusal)
        else:
            flash(
                f"Submitted as evidence {evidence.number}, version {version.number}. It waits for your assessor now; "
                "you get a mail when it needs you."
            )
            return redirect(url_for(".show_evidence", evidence_id=evidence.id), 303)
    page = render_template(
        "portfolio/submit.html",
        evidence=evidence,
        form=form,
        refused=refused,
        declaration=DECLARATION,
        claims=queries.list_claims(evidence.id),
    )
    return page, (422 if form.is_submitted() else 200)


@portfolio.post("/evidence/<int:evidence_id>/withdraw")
@requires(Act.LOG_EVIDENCE)
def withdraw_evidence(evidence_id: int) -> ResponseReturnValue:
    evidence, actor = get_own_evidence(evidence_id)
    withdraw_submission(evidence, actor)
    flash("You have taken it back. It is a draft again; its number stays.")
    return redirect(url_for(".show_evidence", evidence_id=evidence.id), 303)


@portfolio.post("/evidence/<int:evidence_id>/discard")
@requires(Act.LOG_EVIDENCE)
def discard_evidence(evidence_id: int) -> ResponseReturnValue:
    evidence, actor = get_own_evidence(evidence_id)
    discard_draft(evidence, actor)
    flash("The draft is gone.")
    return redirect(url_for(".index_of_evidence"), 303)


@portfolio.get("/evidence")
@requires(Act.LOG_EVIDENCE)
def index_of_evidence() -> ResponseReturnValue:
    grant = me().holds(Role.CANDIDATE)
    lines = queries.list_index(me().person_id, grant.centre_id if grant else 0, with_drafts=True)
    return render_template("portfolio/index_of_evidence.html", lines=lines, grant=grant)


@portfolio.get("/evidence/index.pdf")
@requires(Act.LOG_EVIDENCE)
def print_own_index() -> ResponseReturnValue:
    """The index of the registration one works under now."""
    grant = me().holds(Role.CANDIDATE)
    registration = queries.find_registration(me().person_id, grant.centre_id if grant else 0)
    if registration is None:
        raise NotFound("Your index can be printed once your centre has registered you.")
    return print_index_of(registration)


@portfolio.get("/registrations/<int:registration_id>/index.pdf")
@requires(Act.READ_INDEX)
def print_index(registration_id: int) -> ResponseReturnValue:
    registration, _ = get_registration(registration_id, Act.READ_INDEX)
    return print_index_of(registration)


def print_index_of(registration: Registration) -> ResponseReturnValue:
    lines = queries.list_index(registration.candidate_id, registration.centre_id, with_drafts=False)
    facts = IndexFacts(
        candidate_name=registration.candidate.name,
        candidate_number=registration.candidate_number,
        centre_name=registration.centre.name,
        printed_for=today(),
        rows=tuple(index_row(line) for line in lines),
    )
    db.session.rollback()  # rendering takes longer than any query
    return send_file(
        BytesIO(render_in_worker(facts)), mimetype="application/pdf", download_name="index-of-evidence.pdf"
    )


def index_row(line: queries.IndexLine) -> IndexRow:
    return IndexRow(
        ref=line.ref,
        description=line.title,
        method=line.method.label if line.method else "",
        when=period(line.happened_from, line.happened_until),
        where=line.where,
        units=", ".join(line.codes),
        sampled_by="; ".join(f"{initials} {day(sampled)}" for initials, sampled in line.sampled_by),
    )


def begin_own_evidence() -> Evidence:
    grant = me().holds(Role.CANDIDATE)
    if grant is None:
        raise NotFound
    return begin_evidence(me().person_id, grant.centre_id)


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
    """Save the whole form; then the criteria, or the item's page."""
    kept, refusals = files
    if not form.validate():
        return show_form(form, evidence), 422
    try:
        save_draft(evidence, form.fields(), form.seen_version)
        for file in kept:
            attach_file(evidence, file)
    except (Invalid, Conflict) as refusal:
        keep_refusal(form, refusal)
        return show_form(form, evidence if evidence.version > 1 or form.seen_version else None), 422
    for refusal_text in refusals:
        flash(refusal_text, "refused")
    if refusals:
        return redirect(url_for(".edit_evidence", evidence_id=evidence.id), 303)
    if request.form.get("act") == "draft":
        flash("Saved as a draft. Only you can see it.")
        return redirect(url_for(".show_evidence", evidence_id=evidence.id), 303)
    return redirect(url_for(".choose_criteria", evidence_id=evidence.id), 303)


def autosave(evidence: Evidence) -> ResponseReturnValue:
    """Save only what changed, and answer with the time."""
    form = EvidenceForm()
    changed = set(request.form.getlist("changed"))
    wrong = (
        [error for name in changed if name in form for error in (form[name].errors or ())]
        if not form.validate()
        else []
    )
    if wrong:
        raise Invalid(str(wrong[0]))
    save_draft(evidence, form.fields(changed), form.seen_version)
    return {
        "saved_at": now().astimezone(LONDON).strftime("%H:%M"),
        "fields": {"version": evidence.version},
        "autosave_url": url_for(".autosave_draft", evidence_id=evidence.id),
        "action": url_for(".edit_evidence", evidence_id=evidence.id),
        "address": url_for(".edit_evidence", evidence_id=evidence.id),
        "upload_url": url_for(".upload_file", evidence_id=evidence.id),
    }


def show_form(form: EvidenceForm, evidence: Evidence | None) -> str:
    if evidence is not None and not form.is_submitted():
        form.version.data = str(evidence.version)
    return render_template(
        "portfolio/log_evidence.html",
        form=form,
        evidence=evidence,
        help=HELP,
        accept=ACCEPT,
        person_id=me().person_id,
    )


def keep_refusal(form: EvidenceForm, refusal: Invalid | Conflict) -> None:
    """Put a refusal beside the field it is about, or above the form."""
    name = getattr(refusal, "field", None)
    if name in form:
        form[name].errors = [*form[name].errors, str(refusal)]
    else:
        form.form_errors.append(str(refusal))

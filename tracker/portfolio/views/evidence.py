"""Views of one item of evidence: its history, submission and withdrawal, and its page for other readers."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.errors import Conflict, Invalid, NotFound, Refused
from tracker.ledger import transactions
from tracker.ledger.transactions import reading
from tracker.matrix.record_standing import find_standing, is_counted
from tracker.matrix.testimony_notes import find_testimony_notes
from tracker.models import Evidence, EvidenceVersion, UnitAttempt
from tracker.portfolio.forms import DeclarationForm, EvidenceForm
from tracker.portfolio.queries import evidence as queries
from tracker.portfolio.queries.countersigning import list_waiting
from tracker.portfolio.queries.item_records import find_open_feedback, load_item_record
from tracker.portfolio.queries.question_sets import (
    ReleasedMarks,
    find_released_marks,
    find_set_id,
    list_released_marks,
)
from tracker.portfolio.queries.remarks import list_released_remarks, list_remarks_in
from tracker.portfolio.queries.warnings import list_draft_warnings
from tracker.portfolio.record_content import RecordContent, load_content
from tracker.portfolio.recording_times import list_recordings, list_stamped_times, read_areas, split_locator
from tracker.portfolio.services.evidence import find_latest_version, has_changes_since
from tracker.portfolio.services.submissions import (
    IncompleteEvidence,
    build_declaration,
    get_next_version_number,
    list_missing,
    submit_evidence,
    withdraw_submission,
)
from tracker.portfolio.uploads import ACCEPTED_EXTENSIONS
from tracker.portfolio.views import portfolio
from tracker.portfolio.views.drafts import save_form, store_own_uploads
from tracker.vocabulary import AttemptState, RecordKind, RecordStanding, Role
from tracker.web.authorise import get_attempt, get_own_evidence, list_roles_in_attempt
from tracker.web.current_user import me
from tracker.web.idempotency import idempotent
from tracker.web.permissions import Act
from tracker.web.route_rules import requires


@portfolio.get("/evidence/<int:evidence_id>")
@requires(Act.ADD_EVIDENCE)
def show_evidence(evidence_id: int) -> ResponseReturnValue:
    """Show the candidate's own item with its claims and history; set questions that they have to answer still."""
    evidence, _ = get_own_evidence(evidence_id, with_answers=True)
    if evidence.record_kind and evidence.number is None:
        return redirect(url_for("records.answer_questions", set_id=find_set_id(evidence.id)), 303)
    return render_item(evidence)


@portfolio.post("/evidence/<int:evidence_id>/answer")
@requires(Act.ADD_EVIDENCE)
def answer_feedback(evidence_id: int) -> ResponseReturnValue:
    """Save the answer to the feedback on a returned item, then open the declaration of the next version."""
    with reading():
        get_own_evidence(evidence_id)
    uploads = store_own_uploads(request.files.getlist("files"))
    evidence, _ = get_own_evidence(evidence_id)
    if not find_open_feedback(load_item_record(evidence.id).list_history()):
        raise Refused(
            "This item has no feedback to answer: it is not returned, or you have answered already. "
            "Your answer was not saved. Go back in your browser to copy it."
        )
    form = EvidenceForm()
    problems = save_form(form, evidence, uploads)
    if not problems and not uploads.refusals and not has_changes_since(evidence, find_latest_version(evidence)):
        problems["response"] = "Write your answer, add a file or edit the evidence. Nothing has changed yet."
    if problems:
        transactions.commit()
        form.show_problems(problems)
        return render_item(evidence, form), 422
    target = ".show_evidence" if uploads.refusals else ".submit"
    return redirect(url_for(target, evidence_id=evidence.id), 303)


@portfolio.get("/evidence/<int:evidence_id>/versions/<int:number>")
@requires(Act.ADD_EVIDENCE)
def show_version(evidence_id: int, number: int) -> ResponseReturnValue:
    """Show one sealed version of the candidate's own item."""
    evidence, _ = get_own_evidence(evidence_id, with_answers=True)
    version = queries.find_version(evidence, number)
    if version is None:
        raise NotFound
    return render_template(
        "portfolio/show_version.html",
        evidence=evidence,
        version=version,
        remarks=list_released_remarks(evidence.id, version.id),
    )


@portfolio.get("/attempts/<int:attempt_id>/evidence/<int:evidence_id>")
@requires(Act.READ_EVIDENCE)
def show_attempt_evidence(attempt_id: int, evidence_id: int) -> ResponseReturnValue:
    """Show a submitted item to a reader of an attempt that it claims criteria in."""
    attempt, _ = get_attempt(attempt_id, Act.READ_EVIDENCE)
    version = queries.find_version_in(attempt, evidence_id)
    if version is None:
        raise NotFound
    record = load_item_record(evidence_id)
    may_settle = Role.ASSESSOR in list_roles_in_attempt(attempt) and attempt.state is AttemptState.IN_PROGRESS
    waiting = list_waiting(is_on=attempt.centre.has_countersigning, attempt_id=attempt.id, evidence_id=evidence_id)
    return render_template(
        "portfolio/show_attempt_evidence.html",
        attempt=attempt,
        version=version,
        attachments=queries.list_version_attachments(version),
        claims=[claim for claim in record.claims if claim.attempt_id == attempt.id],
        can_settle=may_settle,
        can_assess=may_settle and is_counted(version) and not waiting,
        other_codes=record.list_other_codes(attempt.id),
        waiting=waiting,
        history=record.list_history(attempt.id),
        remarks=list_remarks_in([attempt.id], evidence_id, version.id, author_id=me().person_id),
    )


@portfolio.route("/evidence/<int:evidence_id>/submit", methods=["GET", "POST"])
@requires(Act.ADD_EVIDENCE)
@idempotent
def submit(evidence_id: int) -> ResponseReturnValue:
    """Show the declaration, or submit the item under it."""
    evidence, actor = get_own_evidence(evidence_id)
    form, refusals = DeclarationForm(), list[str]()
    if form.validate_on_submit():
        try:
            version = submit_evidence(evidence, actor, form.seen_version)
        except IncompleteEvidence as refusal:
            refusals = refusal.missing
        except (Invalid, Conflict) as refusal:
            refusals = [str(refusal)]
        else:
            flash(
                f"Submitted as evidence {evidence.number}, version {version.number}. "
                "Your assessor can now assess it. Their feedback will appear here."
            )
            return redirect(url_for(".show_evidence", evidence_id=evidence.id), 303)
    return render_declaration(evidence, form, refusals), (422 if form.is_submitted() else 200)


@portfolio.post("/evidence/<int:evidence_id>/withdraw")
@requires(Act.ADD_EVIDENCE)
def withdraw_evidence(evidence_id: int) -> ResponseReturnValue:
    """Withdraw the submitted version of an item."""
    evidence, actor = get_own_evidence(evidence_id, with_answers=True)
    withdraw_submission(evidence, actor)
    flash("Submission withdrawn. Nobody else can read that version now. The item keeps its number.")
    return redirect(url_for(".show_evidence", evidence_id=evidence.id), 303)


def render_item(evidence: Evidence, form: EvidenceForm | None = None) -> str:
    """Render the page of the candidate's own item; where it is returned, with the form of the answer.

    Args:
        evidence: the item.
        form: the form as it was sent, after a refusal.
    """
    latest = find_latest_version(evidence)
    if latest:
        queries.load_attachments(evidence, latest)
    record = load_item_record(evidence.id)
    history = record.list_history()
    is_returned = record.has_live_claims and any(state == "returned" for _, state in record.badges)
    set_id = find_set_id(evidence.id) if evidence.record_kind else None
    if is_returned and form is None and not set_id:
        form = EvidenceForm(obj=evidence)
    if form:
        form.version.data = str(evidence.version)
    is_countersigned = me().has_countersigning(Role.CANDIDATE)
    return render_template(
        "portfolio/show_evidence.html",
        evidence=evidence,
        form=form,
        is_returned=is_returned and not set_id,
        set_id=set_id,
        accept=ACCEPTED_EXTENSIONS,
        latest=latest,
        has_changed=has_changes_since(evidence, latest),
        next_version=1 + max((entry.version or 0 for entry in history), default=0),
        claims=record.claims,
        history=history,
        feedback=find_open_feedback(history),
        badges=record.badges,
        waiting=list_waiting(is_on=is_countersigned, evidence_id=evidence.id),
        remarks=list_released_remarks(evidence.id, latest.id if latest else None),
    )


def render_declaration(evidence: Evidence, form: DeclarationForm, refusals: list[str]) -> str:
    """Render the page for submitting an item; `refusals` say why it was not submitted.

    Where something is missing the page says so and has no declaration (docs/rules.md, Evidence).
    """
    form.version.data = str(evidence.version)
    claims = [claim for claim in load_item_record(evidence.id).claims if not claim.removed_reason]
    return render_template(
        "portfolio/submit.html",
        evidence=evidence,
        form=form,
        refusals=refusals,
        warnings=list_draft_warnings(evidence),
        declaration=build_declaration(evidence.method),
        next_version=get_next_version_number(evidence),
        claims=claims,
        missing=list_missing(evidence, has_claims=bool(claims)),
    )


for helper in (list_recordings, list_stamped_times, read_areas, split_locator):
    portfolio.add_app_template_global(helper)


@portfolio.app_template_global()
def read_record_content(version: EvidenceVersion) -> RecordContent | None:
    """Return what a version of a record adds to the fields of evidence; None of other items and after an erasure."""
    return load_content(version.record_kind, version.content)


@portfolio.app_template_global()
def list_own_answer_marks(body: Evidence | EvidenceVersion) -> list[ReleasedMarks]:
    """List the released marks of the candidate's own answers in each unit; none of a draft or of other evidence."""
    is_marked = isinstance(body, EvidenceVersion) and body.record_kind is RecordKind.ANSWERS
    return list_released_marks(body.id) if is_marked else []


@portfolio.app_template_global()
def list_answer_marks_in(attempt: UnitAttempt, version: EvidenceVersion) -> list[ReleasedMarks]:
    """List the released marks of the answers in a version in one attempt; none of other evidence."""
    if version.record_kind is not RecordKind.ANSWERS:
        return []
    return [ReleasedMarks("", find_released_marks(version.id, attempt.id))]


@portfolio.app_template_global("find_testimony_notes")
def find_notes(version: EvidenceVersion) -> list[str]:
    """Return what every reader is told of a version of a testimony; nothing of other evidence."""
    return find_testimony_notes(version)


@portfolio.app_template_global()
def find_record_standing(version: EvidenceVersion) -> RecordStanding | None:
    """Return the standing of a version of a record; None of what the candidate wrote."""
    return find_standing(version)

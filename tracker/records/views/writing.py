"""Views for the author of an observation: begun, written, stamped; and for finishing any record an assessor wrote."""

from collections.abc import Sequence
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.clock import LONDON, now
from tracker.errors import Conflict, Invalid, NotFound, Refused
from tracker.extensions import db
from tracker.ledger import transactions
from tracker.ledger.events import Actor
from tracker.ledger.transactions import reading
from tracker.models import Attachment, Evidence, Person
from tracker.portfolio.file_sending import find_thumbnail_url
from tracker.portfolio.record_content import Question
from tracker.portfolio.services.evidence import discard_draft
from tracker.portfolio.uploads import ACCEPTED_EXTENSIONS, Uploads, store_uploads
from tracker.records.forms import (
    FIELDS,
    QUESTION_FIELD,
    FinishForm,
    ObservationForm,
    fill_form,
    read_questions,
)
from tracker.records.kinds import get_written_kind
from tracker.records.printing import build_blank_questions, build_blank_record
from tracker.records.queries.question_bank import find_guidance
from tracker.records.queries.stampable import list_met_criteria
from tracker.records.services.drafts import (
    REMARKS,
    list_claimed,
    list_markable,
    read_observation,
    save_observation,
    stamp_criterion,
    start_record,
)
from tracker.records.services.files import attach_to_record
from tracker.records.services.finishing import check_draft, finish_record
from tracker.records.stamps import read_stamps
from tracker.records.views import records
from tracker.records.views.reading import build_edit_url, send_record
from tracker.vocabulary import RecordKind
from tracker.web.authorise import get_attempt, get_own_record
from tracker.web.current_user import me
from tracker.web.fair_shares import PRINTING, in_turn
from tracker.web.idempotency import idempotent
from tracker.web.permissions import Act
from tracker.web.requests import parse_id
from tracker.web.route_rules import requires
from tracker.web.text_direction import isolate

NEXT_PAGES = {"finish": "records.finish", "choose": "records.choose_questions"}
"""The page to which a button of the form leads, once everything is saved."""


@records.post("/attempts/<int:attempt_id>/observations")
@requires(Act.WRITE_RECORD)
@idempotent
def start(attempt_id: int) -> ResponseReturnValue:
    """Begin an observation of the candidate of an attempt."""
    attempt, actor = get_attempt(attempt_id, Act.WRITE_RECORD)
    record = start_record(attempt, RecordKind.OBSERVATION, actor)
    return redirect(url_for(".write_observation", record_id=record.id), 303)


@records.post("/attempts/<int:attempt_id>/questions")
@requires(Act.WRITE_RECORD)
@idempotent
def ask_questions(attempt_id: int) -> ResponseReturnValue:
    """Begin a record of questions that the candidate of an attempt is asked in person."""
    attempt, actor = get_attempt(attempt_id, Act.WRITE_RECORD)
    record = start_record(attempt, RecordKind.QUESTIONS, actor)
    return redirect(url_for(".write_observation", record_id=record.id), 303)


@records.get("/attempts/<int:attempt_id>/observation.pdf")
@requires(Act.WRITE_RECORD)
@in_turn(PRINTING)
def print_blank(attempt_id: int) -> ResponseReturnValue:
    """Send an observation record of an attempt that is to be filled in by hand."""
    attempt, _ = get_attempt(attempt_id, Act.WRITE_RECORD)
    assessor = db.session.get_one(Person, me().person_id)
    return send_record(build_blank_record(attempt, assessor), f"observation-{attempt.unit.slug}-blank")


@records.get("/attempts/<int:attempt_id>/questions.pdf")
@requires(Act.WRITE_RECORD)
@in_turn(PRINTING)
def print_blank_questions(attempt_id: int) -> ResponseReturnValue:
    """Send a record of questions and answers of an attempt that is to be filled in by hand."""
    attempt, _ = get_attempt(attempt_id, Act.WRITE_RECORD)
    assessor = db.session.get_one(Person, me().person_id)
    return send_record(build_blank_questions(attempt, assessor), f"questions-{attempt.unit.slug}-blank")


@records.route("/records/<int:record_id>/edit", methods=["GET", "POST"])
@requires(Act.WRITE_RECORD)
def write_observation(record_id: int) -> ResponseReturnValue:
    """Show the observation to write, or save the whole form and then do what its button says."""
    if request.method == "GET":
        record, actor = get_own_observation(record_id)
        form = ObservationForm(obj=record)
        fill_form(form, read_observation(record))
        return render_observation(record, form, actor)
    uploads = receive_uploads(record_id)
    record, actor = get_own_observation(record_id)
    act = request.form.get("act", "save")
    if act == "discard":
        discard_draft(record, actor)
        flash(f"{get_written_kind(record.record_kind).title} discarded.")
        return redirect(url_for("assessment.queue"), 303)
    if problems := save_whole_form(record, uploads):
        return show_problems(record, problems, actor)
    if act.startswith("stamp-"):
        attempt_id, _, criterion_id = act.removeprefix("stamp-").partition("-")
        criterion = stamp_criterion(record, parse_id(attempt_id) or 0, parse_id(criterion_id) or 0, actor)
        flash(f"Stamped {criterion.mark}. The stamp is at the end of the narrative.")
        return redirect(url_for(".write_observation", record_id=record.id, _anchor=f"stamp-{criterion.value}"), 303)
    if act in NEXT_PAGES and not uploads.refusals:
        return redirect(url_for(NEXT_PAGES[act], record_id=record.id), 303)
    private = "this new version" if record.number else f"this {get_written_kind(record.record_kind).noun}"
    flash(f"Saved. Only you can see {private} until you finish it.")
    anchor = "questions" if act == "ask" else None
    return redirect(url_for(".write_observation", record_id=record.id, _anchor=anchor), 303)


@records.post("/records/<int:record_id>/draft")
@requires(Act.WRITE_RECORD)
def autosave_observation(record_id: int) -> ResponseReturnValue:
    """Save the fields that changed."""
    record, _ = get_own_observation(record_id)
    problems = save_form(record, ObservationForm(), set(request.form.getlist("changed")), sends_all=False)
    return {
        "saved_at": now().astimezone(LONDON).strftime("%H:%M"),
        "fields": {"version": record.version},
        "refused": problems,
    }


@records.route("/records/<int:record_id>/finish", methods=["GET", "POST"])
@requires(Act.WRITE_RECORD)
@idempotent
def finish(record_id: int) -> ResponseReturnValue:
    """Show a record as it will be sent, or finish it under the declaration."""
    record, actor = get_own_record(record_id)
    form, refusals = FinishForm(), list[str]()
    if form.validate_on_submit():
        try:
            finish_record(record, actor, form.seen_version)
        except (Invalid, Conflict) as refusal:
            refusals = [str(refusal)]
        else:
            name = isolate(record.candidate.name)
            flash(f"Finished as evidence {record.number}. It counts once {name} has agreed to it.")
            return redirect(url_for(".show_record", record_id=record.id), 303)
    form.version.data = str(record.version)
    criteria = list_markable(record, actor)
    check = check_draft(record, criteria, list_claimed(record, criteria))
    page = render_template(
        "records/finish.html",
        record=record,
        form=form,
        refusals=refusals,
        content=check.content,
        missing=check.missing,
        words=get_written_kind(record.record_kind),
        edit_url=build_edit_url(record),
    )
    return page, 422 if form.is_submitted() else 200


def get_own_observation(record_id: int) -> tuple[Evidence, Actor]:
    """Return an observation or a record of questions of the signed-in assessor. Raises `NotFound` for any other."""
    record, actor = get_own_record(record_id)
    if record.record_kind not in {RecordKind.OBSERVATION, RecordKind.QUESTIONS}:
        raise NotFound
    return record, actor


def receive_uploads(record_id: int) -> Uploads:
    """Store the files that the form of a record sent with a button, before any lock is taken."""
    with reading():
        record, _ = get_own_record(record_id)
        owner = record.candidate_id, record.centre_id
    return store_uploads(request.files.getlist("files"), *owner)


def save_whole_form(record: Evidence, uploads: Uploads) -> dict[str, str]:
    """Save all that the form sent and can be saved, files first; return the problem of each field that could not be.

    Raises as `save_observation` does, except `Refused`; then nothing is saved.
    """
    for sentence in uploads.refusals:
        flash(sentence, "refused")
    problems: dict[str, str] = {}
    try:
        for file in uploads.stored:
            try:
                attach_to_record(record, file)
            except Invalid as refusal:
                problems["files"] = str(refusal)
        problems |= save_form(record, ObservationForm(), {*request.form, *FIELDS}, sends_all=True)
    except Refused as refusal:
        return {"form": str(refusal)}
    return problems


def show_problems(record: Evidence, problems: dict[str, str], actor: Actor) -> ResponseReturnValue:
    """Commit what could be saved, then show the form as it was typed with its problems."""
    transactions.commit()
    form = ObservationForm()
    form.show_problems(problems)
    names = {*request.form, *FIELDS}
    questions = read_questions(request.form, names, (), sends_all=True)
    return render_observation(record, form, actor, questions), 422


def save_form(record: Evidence, form: ObservationForm, names: set[str], *, sends_all: bool) -> dict[str, str]:
    """Save what was sent and can be saved; return the problem of each field that could not be.

    Raises as `save_observation` does; then nothing is saved.
    """
    known = {name for name in names if name in FIELDS or QUESTION_FIELD.fullmatch(name)}
    fields, unreadable = form.read(known, request.form, read_observation(record).questions, sends_all=sends_all)
    return {**save_observation(record, fields, form.seen_version), **unreadable}


def render_observation(
    record: Evidence, form: ObservationForm, actor: Actor, questions: Sequence[Question] | None = None
) -> str:
    """Render the page of an observation that its author writes.

    Args:
        record: the draft.
        form: its fields as they are stored, or as they were typed.
        actor: its author.
        questions: the questions as they were typed; None for those that are stored.
    """
    form.version.data = str(record.version)
    content = read_observation(record)
    is_observation = record.record_kind is RecordKind.OBSERVATION
    if not is_observation:
        form.narrative.label.text = REMARKS
    questions = content.questions if questions is None else questions
    criteria = list_markable(record, actor)
    narrative = form.narrative.data or "" if is_observation else ""
    read = read_stamps(narrative, [*criteria, *list_claimed(record, criteria)])
    units: dict[int, Any] = {each.unit.attempt_id: each.unit for each in criteria}
    return render_template(
        "records/write_observation.html" if is_observation else "records/write_questions.html",
        guidance={} if is_observation else find_guidance(record.centre_id, [each.question for each in questions]),
        record=record,
        form=form,
        content=content,
        questions=[(place, each) for place, each in enumerate(questions) if not each.is_empty],
        next_question=len(questions),
        units=sorted(units.values(), key=lambda unit: unit.attempt_id != content.first_attempt),
        criteria={id_: [each for each in criteria if each.unit.attempt_id == id_] for id_ in units},
        accept=ACCEPTED_EXTENSIONS,
        files=[describe_file(record, each) for each in record.attachments],
        times=read.times_by_criterion,
        unknown=read.unknown,
        without_time=read.without_time,
        met=list_met_criteria(units),
    )


def describe_file(record: Evidence, attachment: Attachment) -> dict[str, Any]:
    """Return a file of the draft as `forms.upload_field` draws it and as js/upload.js reads it."""
    ids: dict[str, Any] = {"record_id": record.id, "photo_id": attachment.id}
    url = url_for(".download_draft_file", **ids)
    return {
        "id": f"file-{attachment.id}",
        "name": attachment.name,
        "size": attachment.size,
        "url": url,
        "preview_url": find_thumbnail_url(attachment, url),
        "remove_url": url_for(".remove_draft_file", **ids),
        "move_url": url_for(".move_draft_file", **ids),
    }

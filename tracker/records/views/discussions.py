"""Views for the author of a professional discussion: begun, written, recorded and stamped."""

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.clock import LONDON, now
from tracker.errors import Invalid, NotFound, Refused
from tracker.extensions import db
from tracker.ledger import transactions
from tracker.ledger.events import Actor
from tracker.models import Attachment, Evidence, Person
from tracker.portfolio.file_types import TYPES
from tracker.portfolio.recording_times import list_recordings
from tracker.portfolio.services.evidence import discard_draft
from tracker.portfolio.services.partial_uploads import MAX_PART, MAX_RECORDING, end_uploads_to
from tracker.portfolio.uploads import Uploads
from tracker.records.discussion_forms import FIELDS, DiscussionForm
from tracker.records.printing import build_blank_discussion
from tracker.records.queries.stampable import list_met_criteria
from tracker.records.services.discussions import read_discussion, save_discussion, stamp_time
from tracker.records.services.drafts import list_claimed, list_markable, start_record
from tracker.records.services.files import attach_to_record
from tracker.records.stamped_times import read_stamped_times
from tracker.records.views import records
from tracker.records.views.reading import send_record
from tracker.records.views.writing import describe_file, receive_uploads
from tracker.vocabulary import RecordKind
from tracker.web.authorise import get_attempt, get_own_record
from tracker.web.current_user import me
from tracker.web.fair_shares import PRINTING, in_turn
from tracker.web.idempotency import idempotent
from tracker.web.permissions import Act
from tracker.web.requests import parse_id
from tracker.web.route_rules import requires
from tracker.web.security_headers import allow_microphone

RECORDING_EXTENSIONS = ",".join(
    dict.fromkeys(
        f".{extension}" for each in TYPES if each.shown_as in {"audio", "video"} for extension in each.extensions
    )
)
"""For the `accept` attribute of the field of recordings."""


@records.post("/attempts/<int:attempt_id>/discussions")
@requires(Act.WRITE_RECORD)
@idempotent
def start_discussion(attempt_id: int) -> ResponseReturnValue:
    """Begin a professional discussion with the candidate of an attempt."""
    attempt, actor = get_attempt(attempt_id, Act.WRITE_RECORD)
    record = start_record(attempt, RecordKind.PROFESSIONAL_DISCUSSION, actor)
    return redirect(url_for(".write_discussion", discussion_id=record.id), 303)


@records.get("/attempts/<int:attempt_id>/discussion.pdf")
@requires(Act.WRITE_RECORD)
@in_turn(PRINTING)
def print_blank_discussion(attempt_id: int) -> ResponseReturnValue:
    """Send a record of a professional discussion in an attempt that is to be filled in by hand."""
    attempt, _ = get_attempt(attempt_id, Act.WRITE_RECORD)
    assessor = db.session.get_one(Person, me().person_id)
    return send_record(build_blank_discussion(attempt, assessor), f"discussion-{attempt.unit.slug}-blank")


@records.route("/discussions/<int:discussion_id>/edit", methods=["GET", "POST"])
@requires(Act.WRITE_RECORD)
def write_discussion(discussion_id: int) -> ResponseReturnValue:
    """Show the discussion to write, or save the whole form and then do what its button says."""
    if request.method == "GET":
        record, actor = get_own_discussion(discussion_id)
        form = DiscussionForm(obj=record)
        form.fill(read_discussion(record))
        return render_discussion(record, form, actor)
    uploads = receive_uploads(discussion_id)
    record, actor = get_own_discussion(discussion_id)
    act = request.form.get("act", "save")
    if act == "discard":
        discard_draft(record, actor)
        end_uploads_to(record)
        flash("Professional discussion discarded.")
        return redirect(url_for("assessment.queue"), 303)
    problems = save_whole_form(record, uploads)
    if act.startswith("stamp-") and not problems:
        attempt_id, _, criterion_id = act.removeprefix("stamp-").partition("-")
        key = parse_id(attempt_id) or 0, parse_id(criterion_id) or 0
        try:
            criterion = stamp_time(record, *key, request.form.get("stamp_at", ""), actor)
        except Invalid as refusal:
            problems = {refusal.field or "form": str(refusal)}
        else:
            flash(f"Stamped {criterion.mark}. The time is in “Times of the criteria”.")
            anchor = f"stamp-{criterion.value}"
            return redirect(url_for(".write_discussion", discussion_id=record.id, _anchor=anchor), 303)
    if problems:
        return show_problems(record, problems, actor)
    if act == "finish" and not uploads.refusals:
        return redirect(url_for(".finish", record_id=record.id), 303)
    private = "this new version" if record.number else "this discussion"
    flash(f"Saved. Only you can see {private} until you finish it.")
    return redirect(url_for(".write_discussion", discussion_id=record.id), 303)


@records.post("/discussions/<int:discussion_id>/draft")
@requires(Act.WRITE_RECORD)
def autosave_discussion(discussion_id: int) -> ResponseReturnValue:
    """Save the fields that changed."""
    record, _ = get_own_discussion(discussion_id)
    problems = save_form(record, DiscussionForm(), set(request.form.getlist("changed")))
    return {
        "saved_at": now().astimezone(LONDON).strftime("%H:%M"),
        "fields": {"version": record.version},
        "refused": problems,
    }


def get_own_discussion(record_id: int) -> tuple[Evidence, Actor]:
    """Return a discussion of the signed-in assessor. Raises `NotFound` for any other record too."""
    record, actor = get_own_record(record_id)
    if record.record_kind is not RecordKind.PROFESSIONAL_DISCUSSION:
        raise NotFound
    return record, actor


def save_whole_form(record: Evidence, uploads: Uploads) -> dict[str, str]:
    """Save all that was sent and can be saved, files first; return the problem of each field that could not be."""
    for sentence in uploads.refusals:
        flash(sentence, "refused")
    problems: dict[str, str] = {}
    try:
        for file in uploads.stored:
            try:
                attach_to_record(record, file)
            except Invalid as refusal:
                problems["files"] = str(refusal)
        problems |= save_form(record, DiscussionForm(), set(FIELDS))
    except Refused as refusal:
        return {"form": str(refusal)}
    return problems


def save_form(record: Evidence, form: DiscussionForm, names: set[str]) -> dict[str, str]:
    """Save what was sent and can be saved; return the problem of each field that could not be."""
    fields, unreadable = form.read(names)
    return {**save_discussion(record, fields, form.seen_version), **unreadable}


def show_problems(record: Evidence, problems: dict[str, str], actor: Actor) -> ResponseReturnValue:
    """Commit what could be saved, then show the form as it was typed with its problems."""
    transactions.commit()
    form = DiscussionForm()
    form.show_problems(problems)
    return render_discussion(record, form, actor), 422


def render_discussion(record: Evidence, form: DiscussionForm, actor: Actor) -> str:
    """Render the page of a discussion that its author writes."""
    allow_microphone()
    form.version.data = str(record.version)
    criteria = list_markable(record, actor)
    read = read_stamped_times(form.stamped_times.data or "", [*criteria, *list_claimed(record, criteria)])
    units: dict[int, Any] = {each.unit.attempt_id: each.unit for each in criteria}
    first = read_discussion(record).first_attempt
    times = {key: [at.typed for at in each] for key, each in read.times_by_criterion.items()}
    return render_template(
        "records/write_discussion.html",
        record=record,
        form=form,
        units=sorted(units.values(), key=lambda unit: unit.attempt_id != first),
        criteria={id_: [each for each in criteria if each.unit.attempt_id == id_] for id_ in units},
        accept=RECORDING_EXTENSIONS,
        recordings=[describe_recording(record, each) for each in list_recordings(record.attachments)],
        max_part=MAX_PART,
        max_recording=MAX_RECORDING,
        times=times,
        unknown=read.unknown,
        unreadable=read.unreadable,
        met=list_met_criteria(units),
    )


def describe_recording(record: Evidence, attachment: Attachment) -> dict[str, Any]:
    """Return a recording of the draft as its page plays it."""
    return {**describe_file(record, attachment), "is_video": attachment.media_type.startswith("video/")}

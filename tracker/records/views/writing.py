"""Views for the author of a record of any kind: begun, printed blank, written, stamped and finished."""

from collections.abc import Collection
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.clock import LONDON, now
from tracker.errors import Conflict, Invalid, NotFound, Refused
from tracker.extensions import db
from tracker.ledger import transactions
from tracker.ledger.events import Actor
from tracker.ledger.transactions import reading
from tracker.models import Evidence, Person
from tracker.portfolio.services.evidence import discard_draft
from tracker.portfolio.services.partial_uploads import end_uploads_to
from tracker.portfolio.uploads import Uploads, store_uploads
from tracker.portfolio.views.printing import send_sheet
from tracker.records.forms import FinishForm
from tracker.records.kinds import find_written_kind, get_written_kind
from tracker.records.printing import build_blank_record
from tracker.records.queries.stampable import list_met_criteria
from tracker.records.services.drafts import list_claimed, list_markable, read_content, start_record
from tracker.records.services.files import attach_to_record
from tracker.records.services.finishing import check_draft, finish_record
from tracker.records.views import records
from tracker.records.views.written_pages import get_page
from tracker.records.written_forms import WrittenForm
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


@records.post("/attempts/<int:attempt_id>/records/<record_slug>")
@requires(Act.WRITE_RECORD)
@idempotent
def start(attempt_id: int, record_slug: str) -> ResponseReturnValue:
    """Begin a record about the candidate of an attempt."""
    attempt, actor = get_attempt(attempt_id, Act.WRITE_RECORD)
    record = start_record(attempt, parse_kind(record_slug), actor)
    return redirect(url_for(".write", record_id=record.id), 303)


@records.get("/attempts/<int:attempt_id>/records/<record_slug>.pdf")
@requires(Act.WRITE_RECORD)
@in_turn(PRINTING)
def print_blank(attempt_id: int, record_slug: str) -> ResponseReturnValue:
    """Send a record of an attempt that is to be filled in by hand."""
    attempt, _ = get_attempt(attempt_id, Act.WRITE_RECORD)
    assessor = db.session.get_one(Person, me().person_id)
    content = build_blank_record(attempt, assessor, parse_kind(record_slug))
    return send_sheet(content, f"{record_slug}-{attempt.unit.slug}-blank")


@records.route("/records/<int:record_id>/edit", methods=["GET", "POST"])
@requires(Act.WRITE_RECORD)
def write(record_id: int) -> ResponseReturnValue:
    """Show the record to write, or save the whole form and then do what its button says."""
    if request.method == "GET":
        record, actor = get_own_record(record_id)
        form = get_page(record).form(obj=record)
        form.fill(read_content(record))
        return render_draft(record, form, actor)
    uploads = receive_uploads(record_id)
    record, actor = get_own_record(record_id)
    act = request.form.get("act", "save")
    if act == "discard":
        discard_draft(record, actor)
        end_uploads_to(record)
        flash(f"{get_written_kind(record.record_kind).title} discarded.")
        return redirect(url_for("assessment.queue"), 303)
    problems = save_whole_form(record, uploads)
    if act.startswith("stamp-") and not problems:
        problems, anchor = stamp(record, act.removeprefix("stamp-"), actor)
        if anchor:
            return redirect(url_for(".write", record_id=record.id, _anchor=anchor), 303)
    if problems:
        return show_problems(record, problems, actor)
    if act in NEXT_PAGES and not uploads.refusals:
        return redirect(url_for(NEXT_PAGES[act], record_id=record.id), 303)
    private = "this new version" if record.number else f"this {get_written_kind(record.record_kind).noun}"
    flash(f"Saved. Only you can see {private} until you finish it.")
    anchor = "questions" if act == "ask" else None
    return redirect(url_for(".write", record_id=record.id, _anchor=anchor), 303)


@records.post("/records/<int:record_id>/draft")
@requires(Act.WRITE_RECORD)
def autosave(record_id: int) -> ResponseReturnValue:
    """Save the fields that changed."""
    record, _ = get_own_record(record_id)
    problems = save_form(record, set(request.form.getlist("changed")), sends_all=False)
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
    )
    return page, 422 if form.is_submitted() else 200


def parse_kind(record_slug: str) -> RecordKind:
    """Return the kind that an address names. Raises `NotFound` for no kind."""
    kind = find_written_kind(record_slug)
    if kind is None:
        raise NotFound
    return kind


def receive_uploads(record_id: int) -> Uploads:
    """Store the files that the form of a record sent with a button, before any lock is taken."""
    with reading():
        record, _ = get_own_record(record_id)
        owner = record.candidate_id, record.centre_id
    return store_uploads(request.files.getlist("files"), *owner)


def save_whole_form(record: Evidence, uploads: Uploads) -> dict[str, str]:
    """Save all that the form sent and can be saved, files first; return the problem of each field that could not be.

    Raises as the kind's service does, except `Refused`; then nothing is saved.
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
        problems |= save_form(record, {*request.form, *get_page(record).form.FIELDS}, sends_all=True)
    except Refused as refusal:
        return {"form": str(refusal)}
    return problems


def save_form(record: Evidence, names: Collection[str], *, sends_all: bool) -> dict[str, str]:
    """Save what was sent and can be saved; return the problem of each field that could not be.

    Raises as the kind's service does; then nothing is saved.
    """
    page = get_page(record)
    form = page.form()
    fields, unreadable = form.read(names, request.form, read_content(record), sends_all=sends_all)
    return {**page.save(record, fields, form.seen_version), **unreadable}


def stamp(record: Evidence, value: str, actor: Actor) -> tuple[dict[str, str], str | None]:
    """Stamp a criterion; return its problem by field, or the anchor of the criterion that was stamped."""
    attempt_id, _, criterion_id = value.partition("-")
    key = parse_id(attempt_id) or 0, parse_id(criterion_id) or 0
    page = get_page(record)
    try:
        criterion = page.stamp(record, key, request.form.get("stamp_at", ""), actor)
    except Invalid as refusal:
        return {refusal.field or "form": str(refusal)}, None
    flash(f"Stamped {criterion.mark}. {page.stamped}")
    return {}, f"stamp-{criterion.value}"


def show_problems(record: Evidence, problems: dict[str, str], actor: Actor) -> ResponseReturnValue:
    """Commit what could be saved, then show the form as it was typed with its problems."""
    transactions.commit()
    form = get_page(record).form()
    form.show_problems(problems, request.form)
    return render_draft(record, form, actor), 422


def render_draft(record: Evidence, form: WrittenForm, actor: Actor) -> str:
    """Render the page of a record that its author writes.

    Args:
        record: the draft.
        form: its fields as they are stored, or as they were typed.
        actor: its author.
    """
    page = get_page(record)
    form.version.data = str(record.version)
    criteria = list_markable(record, actor)
    units: dict[int, Any] = {each.unit.attempt_id: each.unit for each in criteria}
    first = read_content(record).first_attempt
    return render_template(
        page.template,
        record=record,
        form=form,
        units=sorted(units.values(), key=lambda unit: unit.attempt_id != first),
        criteria={id_: [each for each in criteria if each.unit.attempt_id == id_] for id_ in units},
        met=list_met_criteria(units),
        **page.describe(record, form, [*criteria, *list_claimed(record, criteria)]),
    )

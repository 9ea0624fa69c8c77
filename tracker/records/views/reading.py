"""Views for the readers of a finished record: the candidate's answer, and the decision on an objection."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.errors import Conflict, Invalid, NotFound
from tracker.matrix.record_standing import find_standing
from tracker.models import Evidence
from tracker.portfolio.queries.evidence import list_version_attachments
from tracker.records.forms import AnswerForm, ObjectionForm
from tracker.records.queries.reading import (
    list_deciders,
    list_record_claims,
    list_versions,
    select_readable,
)
from tracker.records.services.acknowledging import STATEMENTS, acknowledge_record, decide_objection
from tracker.records.views import records
from tracker.vocabulary import AcknowledgementAnswer, RecordStanding, Role
from tracker.web.authorise import RolesInRecord, get_record
from tracker.web.current_user import me
from tracker.web.forms import errors_on_form
from tracker.web.idempotency import idempotent
from tracker.web.permissions import Act
from tracker.web.requests import parse_id
from tracker.web.route_rules import requires
from tracker.web.text_direction import isolate


@records.get("/records/<int:record_id>")
@requires(Act.READ_EVIDENCE)
def show_record(record_id: int) -> ResponseReturnValue:
    """Show a version of a record, the newest unless the address names one, with what its reader can answer."""
    record, _, reader = get_record(record_id, Act.READ_EVIDENCE)
    number = parse_id(request.args["version"]) or 0 if "version" in request.args else None
    return render_record(record, reader, AnswerForm(), ObjectionForm(), number)


@records.post("/records/<int:record_id>/acknowledge")
@requires(Act.ACKNOWLEDGE_RECORD)
@idempotent
def acknowledge(record_id: int) -> ResponseReturnValue:
    """Record that the candidate agrees to the record or objects to it."""
    record, actor, reader = get_record(record_id, Act.ACKNOWLEDGE_RECORD)
    form = AnswerForm()
    if form.validate_on_submit():
        with errors_on_form(form, Invalid, Conflict):
            answer = AcknowledgementAnswer(form.answer.data)
            acknowledge_record(record, answer, form.reason.data or "", actor, form.seen_version)
            if answer is AcknowledgementAnswer.AGREED:
                flash("You have agreed to this record. Your assessor can now use it.")
            else:
                names = [person.name for person in list_deciders(record)]
                decides = f" {' or '.join(map(isolate, names))} decides it." if names else ""
                flash(f"Your objection is recorded.{decides}")
            return redirect(url_for(".show_record", record_id=record.id), 303)
    return render_record(record, reader, form, ObjectionForm(formdata=None)), 422


@records.post("/records/<int:record_id>/objection")
@requires(Act.DECIDE_OBJECTION)
@idempotent
def decide(record_id: int) -> ResponseReturnValue:
    """Uphold or dismiss the candidate's objection to a record."""
    record, actor, reader = get_record(record_id, Act.DECIDE_OBJECTION)
    form = ObjectionForm()
    if form.validate_on_submit():
        with errors_on_form(form, Invalid):
            is_upheld = AcknowledgementAnswer(form.answer.data) is AcknowledgementAnswer.UPHELD
            decide_objection(
                record,
                is_upheld=is_upheld,
                reason=form.reason.data or "",
                actor=actor,
                seen_version=form.seen_version,
            )
            words = "upheld: the record does not count" if is_upheld else "dismissed: the record counts"
            flash(f"The objection is {words}.")
            return redirect(url_for(".show_record", record_id=record.id), 303)
    return render_record(record, reader, AnswerForm(formdata=None), form), 422


def render_record(
    record: Evidence,
    reader: RolesInRecord,
    answer_form: AnswerForm,
    objection_form: ObjectionForm,
    number: int | None = None,
) -> str:
    """Render the page of a record, with the form that its reader needs in one of their roles.

    Args:
        record: the record.
        reader: the reader's roles in it.
        answer_form: the candidate's answer.
        objection_form: the decision on an objection.
        number: the version to show; None for the newest that the reader sees.

    Raises:
        NotFound: the reader sees no such version.
    """
    is_author, roles = record.author_id == me().person_id, reader.roles
    versions = list_versions(record)
    standings = {version.number: find_standing(version) for version in versions}
    newest = versions[0].number if versions else 0
    decides = Role.INTERNAL_VERIFIER in roles and standings.get(newest) is RecordStanding.OBJECTED
    if not (is_author or Role.CANDIDATE in roles or decides):
        versions = select_readable(versions, reader.readable_attempts)
    version = next((each for each in versions if number in {None, each.number}), None)
    if version is None:
        raise NotFound
    standing, is_newest = standings[version.number], version.number == newest
    for form in (answer_form, objection_form):
        form.version.data = str(version.number)
    claims, other_codes = list_record_claims(record, reader.readable_attempts)
    deciders = list_deciders(record) if is_newest and standing is RecordStanding.OBJECTED else []
    return render_template(
        "records/show_record.html",
        record=record,
        version=version,
        versions=versions,
        standings=standings,
        is_newest=is_newest,
        attachments=list_version_attachments(version),
        standing=standing,
        claims=claims,
        other_codes=other_codes,
        is_author=is_author,
        is_candidate=Role.CANDIDATE in roles,
        can_answer=is_newest and Role.CANDIDATE in roles and standing is RecordStanding.WAITING,
        can_decide=decides and any(person.id == me().person_id for person in deciders),
        deciding=[person.name for person in deciders],
        answer_form=answer_form,
        objection_form=objection_form,
        statement=STATEMENTS[AcknowledgementAnswer.AGREED],
    )

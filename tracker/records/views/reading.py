"""Views for the readers of a finished record: the candidate's answer, and the decision on an objection."""

from collections.abc import Collection

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from tracker.errors import Invalid, NotFound
from tracker.matrix.record_standing import find_standing
from tracker.models import Evidence
from tracker.portfolio.queries.evidence import list_version_attachments
from tracker.records.forms import AnswerForm, ObjectionForm
from tracker.records.queries.reading import find_newest_version, list_record_claims, list_verifier_names
from tracker.records.services.acknowledging import STATEMENTS, acknowledge_record, decide_objection
from tracker.records.views import records
from tracker.vocabulary import AcknowledgementAnswer, RecordStanding, Role
from tracker.web.authorise import get_record
from tracker.web.current_user import me
from tracker.web.forms import errors_on_form
from tracker.web.idempotency import idempotent
from tracker.web.permissions import Act
from tracker.web.route_rules import requires


@records.get("/records/<int:record_id>")
@requires(Act.READ_EVIDENCE)
def show_record(record_id: int) -> ResponseReturnValue:
    """Show the newest version of a record, with what its reader can answer."""
    record, _, roles = get_record(record_id, Act.READ_EVIDENCE)
    return render_record(record, roles, AnswerForm(), ObjectionForm())


@records.post("/records/<int:record_id>/acknowledge")
@requires(Act.ACKNOWLEDGE_RECORD)
@idempotent
def acknowledge(record_id: int) -> ResponseReturnValue:
    """Record that the candidate agrees to the record or objects to it."""
    record, actor, roles = get_record(record_id, Act.ACKNOWLEDGE_RECORD)
    form = AnswerForm()
    if form.validate_on_submit():
        with errors_on_form(form, Invalid):
            answer = AcknowledgementAnswer(form.answer.data)
            acknowledge_record(record, answer, form.reason.data or "", actor, form.seen_version)
            if answer is AcknowledgementAnswer.AGREED:
                flash("You have agreed to this record. Your assessor can now use it.")
            else:
                flash("Your objection is recorded. The internal verifier decides it.")
            return redirect(url_for(".show_record", record_id=record.id), 303)
    return render_record(record, roles, form, ObjectionForm(formdata=None)), 422


@records.post("/records/<int:record_id>/objection")
@requires(Act.DECIDE_OBJECTION)
@idempotent
def decide(record_id: int) -> ResponseReturnValue:
    """Uphold or dismiss the candidate's objection to a record."""
    record, actor, roles = get_record(record_id, Act.DECIDE_OBJECTION)
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
    return render_record(record, roles, AnswerForm(formdata=None), form), 422


def render_record(
    record: Evidence, roles: Collection[Role], answer_form: AnswerForm, objection_form: ObjectionForm
) -> str:
    """Render the page of a record, with the form that its reader needs in one of their roles."""
    version = find_newest_version(record)
    if version is None:
        raise NotFound
    standing = find_standing(version)
    for form in (answer_form, objection_form):
        form.version.data = str(version.number)
    is_author = record.author_id == me().person_id
    return render_template(
        "records/show_record.html",
        record=record,
        version=version,
        attachments=list_version_attachments(version),
        standing=standing,
        claims=list_record_claims(record),
        is_author=is_author,
        is_candidate=Role.CANDIDATE in roles,
        can_answer=Role.CANDIDATE in roles and standing is RecordStanding.WAITING,
        can_decide=Role.INTERNAL_VERIFIER in roles and not is_author and standing is RecordStanding.OBJECTED,
        deciding=list_verifier_names(record) if standing is RecordStanding.OBJECTED else [],
        answer_form=answer_form,
        objection_form=objection_form,
        statement=STATEMENTS[AcknowledgementAnswer.AGREED],
    )

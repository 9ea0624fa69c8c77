"""Views for the readers of a finished record: the candidate's answer, and the decision on an objection."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.accounts.earlier_names import find_names_at
from tracker.errors import Conflict, Invalid, Refused
from tracker.models import Evidence, EvidenceVersion
from tracker.portfolio.queries.evidence import list_version_attachments
from tracker.portfolio.queries.remarks import RemarksOnItem, list_released_remarks, list_remarks_in
from tracker.portfolio.views.printing import send_sheet
from tracker.records.forms import AnswerForm, ObjectionForm, WithdrawForm
from tracker.records.kinds import WRITTEN_KINDS, get_written_kind
from tracker.records.printing import build_record
from tracker.records.queries.named_criteria import list_named_units
from tracker.records.queries.reading import (
    find_shown_version,
    list_attempts_to_decide,
    list_deciders,
    list_record_claims,
)
from tracker.records.services.acknowledging import STATEMENTS, acknowledge_record, decide_objection
from tracker.records.services.use import find_remaining
from tracker.records.services.withdrawing import WITHDRAWABLE, withdraw_record
from tracker.records.testimony_printing import build_testimony
from tracker.records.views import records
from tracker.vocabulary import AcknowledgementAnswer, RecordKind, RecordStanding, Role
from tracker.web.authorise import RolesInRecord, get_own_record, get_record
from tracker.web.current_user import me
from tracker.web.fair_shares import PRINTING, in_turn
from tracker.web.forms import VersionedForm, errors_on_form
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
    return render_record(record, reader, number=read_version_number())


@records.get("/records/<int:record_id>/record.pdf")
@requires(Act.READ_EVIDENCE)
@in_turn(PRINTING)
def print_record(record_id: int) -> ResponseReturnValue:
    """Send a version of a record as PDF, the newest unless the address names one."""
    record, _, reader = get_record(record_id, Act.READ_EVIDENCE)
    shown = find_shown_version(record, reader, me().person_id, read_version_number())
    if record.record_kind is RecordKind.WITNESS_TESTIMONY:
        return send_sheet(build_testimony(record, shown), f"testimony-{record.number}")
    slug = get_written_kind(record.record_kind).slug
    return send_sheet(build_record(record, shown), f"{slug}-{record.number}-version-{shown.version.number}")


@records.post("/records/<int:record_id>/acknowledge")
@requires(Act.ACKNOWLEDGE_RECORD)
@idempotent
def acknowledge(record_id: int) -> ResponseReturnValue:
    """Record that the candidate agrees to the record or objects to it."""
    record, actor, reader = get_record(record_id, Act.ACKNOWLEDGE_RECORD)
    form = AnswerForm()
    if form.validate_on_submit():
        with errors_on_form(form, Invalid, Conflict, Refused):
            answer = AcknowledgementAnswer(form.answer.data)
            acknowledge_record(record, answer, form.reason.data or "", actor, form.seen_version)
            if answer is AcknowledgementAnswer.AGREED:
                flash("You have agreed to this record. Your assessor can now use it.")
            else:
                names = [person.name for person in list_deciders(record)]
                decides = f" {' or '.join(map(isolate, names))} decides it." if names else ""
                flash(f"Your objection is recorded.{decides}")
            return redirect(url_for(".show_record", record_id=record.id), 303)
    return render_record(record, reader, answer_form=form), 422


@records.post("/records/<int:record_id>/objection")
@requires(Act.DECIDE_OBJECTION)
@idempotent
def decide(record_id: int) -> ResponseReturnValue:
    """Uphold or dismiss the candidate's objection to a record."""
    record, actor, reader = get_record(record_id, Act.DECIDE_OBJECTION)
    form = ObjectionForm()
    if form.validate_on_submit():
        with errors_on_form(form, Invalid, Conflict, Refused):
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
    return render_record(record, reader, objection_form=form), 422


@records.post("/records/<int:record_id>/withdraw")
@requires(Act.WRITE_RECORD)
@idempotent
def withdraw(record_id: int) -> ResponseReturnValue:
    """Withdraw the newest version of a record, which its author wrote and its candidate has not agreed to."""
    record, _, reader = get_record(record_id, Act.READ_EVIDENCE)
    record, actor = get_own_record(record_id)
    form = WithdrawForm()
    if form.validate_on_submit():
        with errors_on_form(form, Invalid, Conflict, Refused):
            withdraw_record(record, form.reason.data or "", actor, form.seen_version)
            remaining = find_remaining(record.versions, record.versions[-1])
            counts = f" Version {remaining.number} still counts." if remaining else ""
            ended = f"Version {record.versions[-1].number}" if remaining else "The record"
            flash(f"{ended} is withdrawn. Its candidate can read the reason.{counts}")
            return redirect(url_for(".show_record", record_id=record.id), 303)
    return render_record(record, reader, withdraw_form=form), 422


def render_record(
    record: Evidence,
    reader: RolesInRecord,
    *,
    answer_form: AnswerForm | None = None,
    objection_form: ObjectionForm | None = None,
    withdraw_form: WithdrawForm | None = None,
    number: int | None = None,
) -> str:
    """Render the page of a record, with the form that its reader needs in one of their roles.

    Args:
        record: the record.
        reader: the reader's roles in it.
        answer_form: the candidate's answer that could not be recorded.
        objection_form: the decision on an objection that could not be recorded.
        withdraw_form: the author's withdrawal that could not be recorded.
        number: the version to show; None for the newest that the reader sees.

    Raises:
        NotFound: the reader sees no such version.
    """
    is_author, roles = record.author_id == me().person_id, reader.roles
    shown = find_shown_version(record, reader, me().person_id, number)
    version, standing, is_newest = shown.version, shown.standing, shown.is_newest
    shows_claims = shown.shows_claims
    claims, other_codes = list_record_claims(record, reader.readable_attempts) if shows_claims else ([], [])
    deciders = list_deciders(record) if is_newest and standing is RecordStanding.OBJECTED else []
    can_write = is_author and Role.ASSESSOR in roles and record.record_kind in WRITTEN_KINDS
    return render_template(
        "records/show_record.html",
        record=record,
        version=version,
        versions=shown.versions,
        standings=shown.standings,
        is_newest=is_newest,
        attachments=list_version_attachments(version),
        remarks=list_record_remarks(record, version, reader),
        standing=standing,
        claims=claims,
        other_codes=other_codes,
        shows_claims=shows_claims,
        newest_number=shown.newest_number,
        named_units=[] if shows_claims else list_named_units(version),
        to_decide=list_attempts_to_decide(reader, claims) if can_write else {},
        is_author=is_author,
        is_candidate=Role.CANDIDATE in roles,
        can_write=can_write,
        can_withdraw=can_write and is_newest and standing in WITHDRAWABLE,
        remaining=find_remaining(shown.versions, version),
        can_answer=is_newest and Role.CANDIDATE in roles and standing is RecordStanding.WAITING,
        can_decide=shown.decides and any(person.id == me().person_id for person in deciders),
        deciding=[person.name for person in deciders],
        names=find_names_at(shown.list_acts()),
        statement=STATEMENTS[AcknowledgementAnswer.AGREED],
        answer_form=name_version(answer_form or AnswerForm(formdata=None), version),
        objection_form=name_version(objection_form or ObjectionForm(formdata=None), version),
        withdraw_form=name_version(withdraw_form or WithdrawForm(formdata=None), version),
    )


def list_record_remarks(record: Evidence, version: EvidenceVersion, reader: RolesInRecord) -> RemarksOnItem:
    """List the remarks on a record: all to its candidate, to others those in the units that they read."""
    if Role.CANDIDATE in reader.roles:
        return list_released_remarks(record.id, version.id)
    return list_remarks_in([attempt.id for attempt in reader.readable_attempts], record.id, version.id)


def name_version(form: VersionedForm, version: EvidenceVersion) -> VersionedForm:
    """Write into a form the version that it is about, and return it."""
    form.version.data = str(version.number)
    return form


def read_version_number() -> int | None:
    """Return the version that the address names: None for none, and 0, which no version has, for no number."""
    return parse_id(request.args["version"]) or 0 if "version" in request.args else None

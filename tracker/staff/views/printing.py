"""Views that print a staff record, and the blank sheet for one."""

from dataclasses import replace
from io import BytesIO

from flask import send_file
from flask.typing import ResponseReturnValue

from tracker.clock import today
from tracker.extensions import db
from tracker.models import CpdEntry, InterestDeclaration, StaffAward, StaffCompetence
from tracker.recording_forms.form_cache import print_unissued
from tracker.recording_forms.staff_content import AWARDS, COMPETENCE, CPD, INTERESTS, StaffContent
from tracker.staff.members import get_staff_member
from tracker.staff.queries.staff_record import MAX_PRINTED_CPD, StaffRecord, load_staff_record
from tracker.staff.views import staff
from tracker.vocabulary import use_terms
from tracker.web.current_user import me
from tracker.web.fair_shares import PRINTING, in_turn
from tracker.web.formatting import day
from tracker.web.permissions import Act
from tracker.web.route_rules import requires
from tracker.web.text_direction import isolate


@staff.get("/centres/<int:centre_id>/staff/<int:staff_id>/record.pdf")
@requires(Act.READ_STAFF_RECORD)
@in_turn(PRINTING)
def print_staff_record(centre_id: int, staff_id: int) -> ResponseReturnValue:
    """Send a person's staff record as PDF."""
    member, _ = get_staff_member(centre_id, staff_id, Act.READ_STAFF_RECORD)
    return send_sheet(build_content(load_staff_record(member, max_cpd=MAX_PRINTED_CPD + 1)))


@staff.get("/staff/blank-record.pdf")
@requires(Act.READ_STAFF_RECORD)
@in_turn(PRINTING)
def print_blank_record() -> ResponseReturnValue:
    """Send the blank sheet."""
    chosen = me().chosen
    return send_sheet(StaffContent("", "", "", None, chosen.terms if chosen else StaffContent.terms))


def send_sheet(content: StaffContent) -> ResponseReturnValue:
    """Render a sheet and send it, with no transaction open: it takes longer than any query."""
    db.session.rollback()
    pdf = print_unissued(content, me().person_id)
    return send_file(BytesIO(pdf), mimetype="application/pdf", download_name="staff-record.pdf")


def build_content(record: StaffRecord) -> StaffContent:
    """Return a staff record as it is printed."""
    member = record.member
    terms = member.centre.terms
    title = f"{CPD.title} (the newest {MAX_PRINTED_CPD} entries)" if len(record.cpd) > MAX_PRINTED_CPD else CPD.title
    return StaffContent(
        name=member.person.name,
        centre_name=member.centre.name,
        roles=", ".join(use_terms(role.label, terms) for role in member.current_roles),
        printed_for=today(),
        terms=terms,
        tables=(
            replace(AWARDS, rows=tuple(build_award_row(each) for each in record.awards)),
            replace(COMPETENCE, rows=tuple(build_competence_row(each) for each in record.competences)),
            replace(CPD, title=title, rows=tuple(build_cpd_row(each) for each in record.cpd[:MAX_PRINTED_CPD])),
            replace(INTERESTS, rows=tuple(build_interest_row(each) for each in record.declarations)),
        ),
    )


def build_award_row(award: StaffAward) -> tuple[str, ...]:
    """Return an award as it is printed."""
    if not award.is_held:
        return award.name, "", "", f"Worked towards, by {day(award.target_on)}", "", ""
    seen_by = f"{isolate(award.confirmed_by.name)}, {day(award.confirmed_at)}" if award.confirmed_by else ""
    return (
        award.name, award.awarding_body or "", award.certificate_number or "", day(award.awarded_on),
        day(award.ends_on) or "no end", seen_by,
    )  # fmt: skip


def build_competence_row(competence: StaffCompetence) -> tuple[str, ...]:
    """Return a competence as it is printed."""
    return competence.area, competence.basis, day(competence.recorded_at)


def build_cpd_row(entry: CpdEntry) -> tuple[str, ...]:
    """Return an entry of the CPD log as it is printed."""
    return day(entry.happened_on), entry.title, entry.learning, entry.evidence, f"{entry.hours:g}"


def build_interest_row(declaration: InterestDeclaration) -> tuple[str, ...]:
    """Return a declaration as it is printed."""
    ended = f"{day(declaration.ended_at)}: {isolate(declaration.ended_reason or '')}" if declaration.ended_at else ""
    return (
        day(declaration.declared_at),
        declaration.interest or "No conflict of interest",
        declaration.answer or "",
        ended,
    )

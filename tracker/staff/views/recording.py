"""Views in which administrators record awards and competence, and answer declarations of interest."""

from collections.abc import Callable

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue

from tracker.errors import Invalid
from tracker.ledger.events import Actor
from tracker.library.queries.units import find_unit_by_code
from tracker.models import InterestDeclaration, StaffAward, StaffCompetence
from tracker.staff.forms import PLANNED, AnswerForm, AwardForm, CertificateForm, CompetenceForm, ReasonForm
from tracker.staff.members import StaffMember, get_staff_member
from tracker.staff.queries.staff_record import get_entry
from tracker.staff.services import awards, own_entries
from tracker.staff.services.awards import Certificate
from tracker.staff.views import staff
from tracker.vocabulary import AwardKind
from tracker.web.forms import errors_on_form, render_form
from tracker.web.idempotency import idempotent
from tracker.web.permissions import Act
from tracker.web.route_rules import requires
from tracker.web.text_direction import isolate


@staff.route("/centres/<int:centre_id>/staff/<int:staff_id>/awards/add", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
@idempotent
def record_award(centre_id: int, staff_id: int) -> ResponseReturnValue:
    """Record an award that a person holds or works towards."""
    member, actor = get_staff_member(centre_id, staff_id, Act.ADMINISTER_CENTRE)
    form = AwardForm()
    if form.validate_on_submit():
        with errors_on_form(form):
            add_award(member, form, actor)
            return redirect_to_record(member, "The award is recorded.")
    return render_form("staff/record_award.html", form, member=member)


def add_award(member: StaffMember, form: AwardForm, actor: Actor) -> StaffAward:
    """Record the award that a form says. Raises as the services do."""
    kind, title = AwardKind(form.kind.data), form.title.data or ""
    if form.state.data == PLANNED:
        return awards.record_planned_award(member.person, member.centre, kind, title, form.target_on.data, actor)
    return awards.record_held_award(member.person, member.centre, kind, title, read_certificate(form), actor)


@staff.route("/centres/<int:centre_id>/staff/<int:staff_id>/awards/<int:award_id>/confirm", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
@idempotent
def confirm_award(centre_id: int, staff_id: int, award_id: int) -> ResponseReturnValue:
    """Confirm that an award that was worked towards is held."""
    member, actor = get_staff_member(centre_id, staff_id, Act.ADMINISTER_CENTRE)
    award = get_entry(StaffAward, member, award_id)
    form = CertificateForm()
    if form.validate_on_submit():
        with errors_on_form(form):
            awards.confirm_award(award, member.person, read_certificate(form), actor)
            return redirect_to_record(member, f"The award is confirmed. {isolate(member.person.name)} holds it.")
    return render_form("staff/confirm_award.html", form, member=member, award=award)


@staff.route("/centres/<int:centre_id>/staff/<int:staff_id>/awards/<int:award_id>/remove", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
def remove_award(centre_id: int, staff_id: int, award_id: int) -> ResponseReturnValue:
    """Remove an award from the register, with a reason."""
    member, actor = get_staff_member(centre_id, staff_id, Act.ADMINISTER_CENTRE)
    award = get_entry(StaffAward, member, award_id)
    return end_entry(
        member,
        lambda reason: awards.remove_award(award, member.person, reason, actor),
        heading=f"Remove {isolate(award.name)}",
        button="Remove the award",
        consequence="From now on the award no longer counts. What was decided before stays as it is.",
        done="The award is removed. It no longer counts.",
    )


@staff.route("/centres/<int:centre_id>/staff/<int:staff_id>/competence/add", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
@idempotent
def record_competence(centre_id: int, staff_id: int) -> ResponseReturnValue:
    """Record a person's occupational competence in a unit or sector."""
    member, actor = get_staff_member(centre_id, staff_id, Act.ADMINISTER_CENTRE)
    form = CompetenceForm()
    if form.validate_on_submit():
        with errors_on_form(form):
            code = find_code(form.unit_code.data or "", centre_id)
            awards.record_competence(
                member.person, member.centre, code, form.sector.data or "", form.basis.data or "", actor
            )
            return redirect_to_record(member, "The competence is recorded.")
    return render_form("staff/record_competence.html", form, member=member)


@staff.route(
    "/centres/<int:centre_id>/staff/<int:staff_id>/competence/<int:competence_id>/remove", methods=["GET", "POST"]
)
@requires(Act.ADMINISTER_CENTRE)
def remove_competence(centre_id: int, staff_id: int, competence_id: int) -> ResponseReturnValue:
    """Remove a competence from the register, with a reason."""
    member, actor = get_staff_member(centre_id, staff_id, Act.ADMINISTER_CENTRE)
    competence = get_entry(StaffCompetence, member, competence_id)
    return end_entry(
        member,
        lambda reason: awards.remove_competence(competence, member.person, reason, actor),
        heading=f"Remove competence in {isolate(competence.area)}",
        button="Remove the competence",
        consequence="The register no longer shows it. The record keeps it.",
        done="The competence is removed.",
    )


@staff.route(
    "/centres/<int:centre_id>/staff/<int:staff_id>/interests/<int:interest_id>/answer", methods=["GET", "POST"]
)
@requires(Act.ADMINISTER_CENTRE)
@idempotent
def answer_interest(centre_id: int, staff_id: int, interest_id: int) -> ResponseReturnValue:
    """Record what the centre does about a declared interest."""
    member, actor = get_staff_member(centre_id, staff_id, Act.ADMINISTER_CENTRE)
    declaration = get_entry(InterestDeclaration, member, interest_id)
    form = AnswerForm()
    if form.validate_on_submit():
        with errors_on_form(form):
            own_entries.answer_interest(declaration, member.person, form.answer.data or "", actor)
            return redirect_to_record(member, "The answer is recorded.")
    return render_form("staff/answer_interest.html", form, member=member, declaration=declaration)


def find_code(typed: str, centre_id: int) -> str:
    """Return the code of a unit of the centre's library; empty if none was typed. Raises Invalid for another code."""
    if not typed.strip():
        return ""
    unit = find_unit_by_code(typed, centre_ids=(centre_id,))
    if unit is None:
        raise Invalid(
            "There is no unit with this code. Enter a code such as CFACC15, or a sector instead.", "unit_code"
        )
    return unit.code


def read_certificate(form: CertificateForm) -> Certificate:
    """Return what a form says of a certificate."""
    return Certificate(
        form.awarding_body.data or "",
        form.certificate_number.data or "",
        form.awarded_on.data,
        form.ends_on.data,
        form.is_seen.data,
    )


def end_entry(
    member: StaffMember, end: Callable[[str], None], *, heading: str, button: str, consequence: str, done: str
) -> ResponseReturnValue:
    """Ask for the reason for which an entry of a staff record is removed or ended, and do it.

    Args:
        member: whose record it is.
        end: does it, with the reason.
        heading: the page's heading.
        button: what the button says.
        consequence: what becomes of the entry.
        done: what is said afterwards.
    """
    form = ReasonForm()
    if form.validate_on_submit():
        with errors_on_form(form):
            end(form.reason.data or "")
            return redirect_to_record(member, done)
    return render_form(
        "staff/remove_entry.html", form, member=member, heading=heading, button=button, consequence=consequence
    )


def redirect_to_record(member: StaffMember, sentence: str) -> ResponseReturnValue:
    """Say what was done, and go to the person's staff record."""
    flash(sentence)
    return redirect(url_for(".show_staff_record", centre_id=member.centre.id, staff_id=member.person.id), 303)

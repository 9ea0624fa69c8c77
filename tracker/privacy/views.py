"""Views of privacy: one's own data, the portfolio access log, retention, retention holds and erasures."""

from functools import partial
from typing import Any

from flask import Blueprint, flash, redirect, render_template, send_file, url_for
from flask.typing import ResponseReturnValue

from tracker.accounts.password_confirmation import requires_password
from tracker.clock import today
from tracker.errors import Invalid
from tracker.extensions import db
from tracker.ledger.transactions import reading
from tracker.models import Person
from tracker.privacy import (
    access_list,
    data_export,
    erasure,
    retention,
    retention_list,
    staff_erasure,
    witness_erasure,
)
from tracker.privacy.forms import EraseForm, ErasureForm, ExportForm, RetentionForm, RetentionHoldForm
from tracker.registrations.retention_periods import DEFAULT_PERIODS, list_rules
from tracker.staff.members import get_staff_member
from tracker.web.authorise import get_centre, get_registration
from tracker.web.current_user import me
from tracker.web.fair_shares import EXPORTING, in_turn
from tracker.web.forms import errors_on_form, render_form
from tracker.web.list_views import send_list
from tracker.web.permissions import Act
from tracker.web.route_rules import requires, signed_in
from tracker.witness_list.queries import get_entry

privacy = Blueprint("privacy", __name__)


@privacy.get("/account/data")
@signed_in
def show_own_data() -> ResponseReturnValue:
    """Show the page from which somebody downloads everything stored about them."""
    return render_template("privacy/show_own_data.html", form=ExportForm(formdata=None))


@privacy.post("/account/data")
@signed_in
@requires_password
@in_turn(EXPORTING)
def download_own_data() -> ResponseReturnValue:
    """Download everything stored about oneself as a ZIP, read and packed while no lock is held."""
    form = ExportForm()
    if not form.validate():
        return render_form("privacy/show_own_data.html", form)
    person = me()
    with reading():
        data, packed = data_export.export_own_data(person.person_id)
    data_export.record_data_export(db.session.get_one(Person, person.person_id), person.as_actor(None), data)
    return send_file(
        packed, mimetype="application/zip", as_attachment=True, download_name=f"my-data-{today().isoformat()}.zip"
    )


@privacy.get("/account/access-log")
@requires(Act.ADD_EVIDENCE)
def show_own_access_log() -> ResponseReturnValue:
    """Show a candidate who opened their portfolio, at every centre."""
    return send_access_log("privacy/show_own_access_log.html", me().person_id, None)


@privacy.get("/registrations/<int:registration_id>/access-log")
@requires(Act.ADMINISTER_CENTRE)
def show_access_log(registration_id: int) -> ResponseReturnValue:
    """Show an administrator who opened a candidate's portfolio at their centre."""
    registration, _ = get_registration(registration_id, Act.READ_REGISTRATION)
    get_centre(registration.centre_id)
    return send_access_log(
        "privacy/show_access_log.html",
        registration.candidate_id,
        registration.centre_id,
        registration=registration,
    )


def send_access_log(template: str, candidate_id: int, centre_id: int | None, **context: Any) -> ResponseReturnValue:
    """Show a candidate's access log, or send it as a CSV file."""
    return send_list(
        access_list.ACCESSES,
        partial(access_list.list_accesses, candidate_id, centre_id),
        template,
        [access_list.PARTS, access_list.ROLES],
        describe_times=access_list.describe_times,
        **context,
    )


@privacy.route("/centres/<int:centre_id>/retention", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
def list_retention(centre_id: int) -> ResponseReturnValue:
    """List the registrations that have ended or are on hold, and their retention; a POST sets a retention rule."""
    centre, actor = get_centre(centre_id)
    form = RetentionForm()
    if form.validate_on_submit():
        with errors_on_form(form, Invalid):
            retention.set_rule(
                centre,
                form.awarding_body.data or "",
                form.evidence_months.data or 0,
                form.record_months.data or 0,
                actor,
            )
            flash("The retention periods are set. They also apply to registrations that have already ended.")
            return redirect(url_for(".list_retention", centre_id=centre.id), 303)
    return send_list(
        retention_list.RETENTION,
        partial(retention_list.list_retention_statuses, centre.id),
        "privacy/list_retention.html",
        [retention_list.SHOWN],
        form=form,
        centre=centre,
        today=today(),
        rules=list_rules(centre.id),
        default=DEFAULT_PERIODS,
    )


@privacy.route("/registrations/<int:registration_id>/retention-hold", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
def change_retention_hold(registration_id: int) -> ResponseReturnValue:
    """Put a registration on retention hold, or lift the hold it is on; either with a reason."""
    registration, _ = get_registration(registration_id, Act.READ_REGISTRATION)
    centre, actor = get_centre(registration.centre_id)
    form, hold = RetentionHoldForm(), retention.find_retention_hold(registration)
    if form.validate_on_submit():
        with errors_on_form(form):
            if hold:
                retention.lift_retention_hold(hold, form.reason.data or "", actor)
                flash("The retention hold is lifted.")
            else:
                retention.place_retention_hold(registration, form.reason.data or "", actor)
                flash("The registration is on retention hold. Nothing of it is erased until the hold is lifted.")
            return redirect(url_for(".list_retention", centre_id=centre.id), 303)
    return render_form("privacy/change_retention_hold.html", form, registration=registration, hold=hold)


@privacy.route("/registrations/<int:registration_id>/erase", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
@requires_password
def erase_portfolio(registration_id: int) -> ResponseReturnValue:
    """Erase what is due of a candidate at a centre, once the administrator has confirmed their password."""
    registration, _ = get_registration(registration_id, Act.READ_REGISTRATION)
    centre, actor = get_centre(registration.centre_id)
    form, due = EraseForm(), erasure.find_due_scope(registration)
    if form.validate_on_submit():
        erasure.erase_portfolio(registration, form.what.data == EraseForm.EVERYTHING, actor)
        flash("The data is erased. The ledger records what was erased and when.")
        return redirect(url_for(".list_retention", centre_id=centre.id), 303)
    form.what.data = form.EVERYTHING if due else form.EVIDENCE
    return render_form(
        "privacy/erase_portfolio.html",
        form,
        registration=registration,
        due=due,
        statuses=retention.list_candidate_retention(registration),
        today=today(),
    )


@privacy.route("/centres/<int:centre_id>/staff/<int:staff_id>/erase", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
@requires_password
def erase_staff_record(centre_id: int, staff_id: int) -> ResponseReturnValue:
    """Erase what people wrote in a staff record, once the administrator has confirmed their password."""
    member, actor = get_staff_member(centre_id, staff_id, Act.ADMINISTER_CENTRE)
    form = ErasureForm()
    if form.validate_on_submit():
        with errors_on_form(form):
            staff_erasure.erase_staff_record(member, actor)
            flash("The texts are erased. The ledger records when.")
            return redirect(url_for("staff.show_staff_record", centre_id=centre_id, staff_id=staff_id), 303)
    return render_form(
        "privacy/erase_staff_record.html",
        form,
        member=member,
        retention=staff_erasure.find_staff_retention(member),
    )


@privacy.route("/centres/<int:centre_id>/witnesses/<int:listed_witness_id>/erase", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
@requires_password
def erase_listed_witness(centre_id: int, listed_witness_id: int) -> ResponseReturnValue:
    """Erase what was written in an entry of the witness list, once the administrator has confirmed their password."""
    centre, actor = get_centre(centre_id)
    entry = get_entry(centre, listed_witness_id)
    form = ErasureForm()
    if form.validate_on_submit():
        with errors_on_form(form):
            witness_erasure.erase_listed_witness(entry, actor)
            flash("The entry is erased. The ledger records when.")
            return redirect(url_for("witness_list.list_witnesses", centre_id=centre_id), 303)
    return render_form(
        "privacy/erase_listed_witness.html",
        form,
        centre=centre,
        entry=entry,
        retention=witness_erasure.find_entry_retention(entry),
    )

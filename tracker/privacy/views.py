"""Privacy over HTTP: one's own data, who opened a portfolio, how long it is kept and what is held."""

from flask import Blueprint, flash, redirect, render_template, send_file, url_for
from flask.typing import ResponseReturnValue

from tracker.accounts.forms import show_refusal
from tracker.accounts.password_confirmation import requires_password
from tracker.clock import today
from tracker.errors import Invalid, Refused
from tracker.extensions import db
from tracker.ledger.transactions import reading
from tracker.models import Person
from tracker.privacy import access_log, data_export, erasure, retention
from tracker.privacy.forms import EraseForm, ExportForm, HoldForm, RetentionForm
from tracker.web.authorise import get_centre, get_registration
from tracker.web.current_user import me
from tracker.web.pagination import Page
from tracker.web.permissions import Act
from tracker.web.requests import asked_page
from tracker.web.route_rules import requires, signed_in

privacy = Blueprint("privacy", __name__)


@privacy.get("/account/data")
@signed_in
def show_own_data() -> ResponseReturnValue:
    return render_template("privacy/show_own_data.html", form=ExportForm(formdata=None))


@privacy.post("/account/data")
@signed_in
@requires_password
def download_own_data() -> ResponseReturnValue:
    """Read and packed while no lock is held; only then is it told of."""
    form = ExportForm()
    if not form.validate():
        return render_template("privacy/show_own_data.html", form=form), 422
    person = me()
    with reading():
        data, packed = data_export.export_own_data(person.person_id)
    data_export.record_export(db.session.get_one(Person, person.person_id), person.acting_under(None), data)
    return send_file(
        packed, mimetype="application/zip", as_attachment=True, download_name=f"my-data-{today().isoformat()}.zip"
    )


@privacy.get("/account/access-log")
@requires(Act.ADD_EVIDENCE)
def show_own_access_log() -> ResponseReturnValue:
    """Who opened one's own portfolio, at every centre."""
    page = asked_page()
    found, more = access_log.list_accesses(me().person_id, None, page)
    return render_template("privacy/show_own_access_log.html", found=found, page=Page(page, more))


@privacy.get("/registrations/<int:registration_id>/access-log")
@requires(Act.ADMINISTER_CENTRE)
def show_access_log(registration_id: int) -> ResponseReturnValue:
    registration, _ = get_registration(registration_id, Act.READ_REGISTRATION)
    get_centre(registration.centre_id)
    page = asked_page()
    found, more = access_log.list_accesses(registration.candidate_id, registration.centre_id, page)
    return render_template(
        "privacy/show_access_log.html", registration=registration, found=found, page=Page(page, more)
    )


@privacy.route("/centres/<int:centre_id>/retention", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
def list_retention(centre_id: int) -> ResponseReturnValue:
    """What has ended: until when it is kept, what is due for erasure, what is held; posting sets a rule."""
    centre, actor = get_centre(centre_id)
    form, page = RetentionForm(), asked_page()
    if form.validate_on_submit():
        try:
            retention.set_rule(
                centre,
                form.awarding_body.data or "",
                form.evidence_months.data or 0,
                form.record_months.data or 0,
                actor,
            )
        except Invalid as refusal:
            show_refusal(form, refusal)
        else:
            flash("The rule is set, and counts for what has ended already too.")
            return redirect(url_for(".list_retention", centre_id=centre.id), 303)
    kept, more = retention.list_retention_statuses(centre.id, page)
    found = render_template(
        "privacy/list_retention.html",
        centre=centre,
        form=form,
        kept=kept,
        page=Page(page, more),
        today=today(),
        rules=retention.list_rules(centre.id),
        default=retention.DEFAULT,
    )
    return found, (422 if form.is_submitted() else 200)


@privacy.route("/registrations/<int:registration_id>/retention-hold", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
def change_retention_hold(registration_id: int) -> ResponseReturnValue:
    """Hold a registration, or lift the hold it is under; either with a reason."""
    registration, _ = get_registration(registration_id, Act.READ_REGISTRATION)
    centre, actor = get_centre(registration.centre_id)
    form, hold = HoldForm(), retention.find_hold(registration)
    if form.validate_on_submit():
        try:
            if hold:
                retention.lift_hold(hold, form.reason.data or "", actor)
            else:
                retention.hold(registration, form.reason.data or "", actor)
        except (Invalid, Refused) as refusal:
            show_refusal(form, refusal)
        else:
            flash(
                "The hold is lifted."
                if hold
                else "Held: until it is lifted, nothing of this candidate is erased here."
            )
            return redirect(url_for(".list_retention", centre_id=centre.id), 303)
    page = render_template("privacy/change_retention_hold.html", registration=registration, form=form, hold=hold)
    return page, (422 if form.is_submitted() else 200)


@privacy.route("/registrations/<int:registration_id>/erase", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
@requires_password
def erase_portfolio(registration_id: int) -> ResponseReturnValue:
    """Erase what is due of a candidate at a centre, once the administrator has proved who they are."""
    registration, _ = get_registration(registration_id, Act.READ_REGISTRATION)
    centre, actor = get_centre(registration.centre_id)
    form, due = EraseForm(), erasure.find_due_scope(registration)
    if form.validate_on_submit():
        erasure.erase_portfolio(registration, form.what.data == EraseForm.EVERYTHING, actor)
        flash("It is erased. The ledger says so, and which files went.")
        return redirect(url_for(".list_retention", centre_id=centre.id), 303)
    form.what.data = form.EVERYTHING if due else form.EVIDENCE
    page = render_template(
        "privacy/erase_portfolio.html",
        registration=registration,
        form=form,
        due=due,
        kept=retention.list_candidate_retention(registration),
        today=today(),
    )
    return page, (422 if form.is_submitted() else 200)

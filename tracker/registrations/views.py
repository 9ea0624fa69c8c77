"""Registrations over HTTP, for a centre's administrator."""

from datetime import date, datetime, time

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import SelectField

from tracker.clock import LONDON, now, today
from tracker.errors import Invalid, NotFound, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor
from tracker.library.queries.qualifications import list_qualifications
from tracker.library.queries.units import list_newest_units, list_warnings
from tracker.models import Centre, Person, Qualification, Registration
from tracker.registrations import queries, services, visits
from tracker.registrations.forms import (
    NOBODY_YET,
    SINGLE_UNITS,
    SOMEBODY_NEW,
    AllocateForm,
    ChooseQualificationForm,
    ReasonForm,
    RegisterForm,
    VisitForm,
)
from tracker.registrations.progress import find_objection, find_progress
from tracker.vocabulary import Role
from tracker.web.authorise import get_attempt, get_centre, get_registration
from tracker.web.current_user import in_terms, me
from tracker.web.formatting import counted
from tracker.web.pagination import Page
from tracker.web.permissions import Act
from tracker.web.requests import asked_page
from tracker.web.route_rules import requires

registrations = Blueprint("registrations", __name__)


@registrations.get("/registrations")
@requires(Act.ADMINISTER_CENTRE)
def list_registrations() -> ResponseReturnValue:
    """The candidates of the centre one administers; of the chosen one, where there are several."""
    grant = me().holds(Role.ADMINISTRATOR)
    return redirect(url_for(".list_centre_registrations", centre_id=grant.centre_id if grant else 0))


@registrations.get("/centres/<int:centre_id>/registrations")
@requires(Act.ADMINISTER_CENTRE)
def list_centre_registrations(centre_id: int) -> ResponseReturnValue:
    centre, _ = get_centre(centre_id)
    words, page = request.args.get("q", "")[:100], asked_page()
    found, more = queries.list_registrations(centre, words, page)
    return render_template(
        "registrations/list_registrations.html", centre=centre, found=found, page=Page(page, more), words=words
    )


@registrations.route("/centres/<int:centre_id>/registrations/new", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
def register_candidate(centre_id: int) -> ResponseReturnValue:
    """Enter somebody for units, invite them where they are new, and name who assesses and verifies."""
    centre, actor = get_centre(centre_id)
    form = RegisterForm()
    offer_choices(form, centre)
    if form.validate_on_submit():
        try:
            registration = register(form, centre, actor)
        except (Invalid, Refused) as refusal:
            keep(form, refusal)
        else:
            flash(f"{registration.candidate.name} is registered. {what_is_next(form)}")
            return redirect(url_for("portfolio.show_registration", registration_id=registration.id), 303)
    warnings = {str(key): said for key, said in list_warnings(list_newest_units([centre.id]), today()).items()}
    page = render_template("registrations/register_candidate.html", centre=centre, form=form, warnings=warnings)
    return page, (422 if form.is_submitted() else 200)


def offer_choices(form: RegisterForm, centre: Centre) -> None:
    people = queries.list_people_with_role(centre, Role.CANDIDATE)
    form.candidate.choices = {
        str(SOMEBODY_NEW): "Choose, or write somebody new below",
        **{str(person.id): f"{person.name}, {person.email}" for person in people},
    }
    form.qualification.choices = named_qualifications(centre)
    form.units.choices = {str(unit.id): f"{unit.code} {unit.title}" for unit in list_newest_units([centre.id])}
    for role, field in holders_of(form).items():
        field.choices = {
            str(NOBODY_YET): "Nobody yet",
            **named_with_load(queries.list_people_with_load(centre, role)),
        }


def register(form: RegisterForm, centre: Centre, actor: Actor) -> Registration:
    """What the form asks for, all of it or nothing."""
    chosen = db.session.get(Person, form.candidate.data) if form.candidate.data else None
    registration = services.register_candidate(
        chosen
        or services.find_or_invite_candidate(form.email.data or "", (form.name.data or "").strip(), centre, actor),
        centre,
        (form.candidate_number.data or "").strip(),
        (form.awarding_body_number.data or "").strip(),
        form.awarding_body_date.data or today(),
        [unit for unit in list_newest_units([centre.id]) if unit.id in (form.units.data or [])],
        actor,
        qualification=asked_qualification(form.qualification, centre),
    )
    holders = {role: db.session.get(Person, field.data) for role, field in holders_of(form).items() if field.data}
    services.allocate_all(registration, {role: person for role, person in holders.items() if person}, actor)
    return registration


def named_qualifications(centre: Centre) -> dict[str, str]:
    found = list_qualifications([centre.id])
    return {
        str(SINGLE_UNITS): "None: single units",
        **{str(each.id): f"{each.title} ({each.code})" for each in found},
    }


def asked_qualification(field: SelectField, centre: Centre) -> Qualification | None:
    """The one chosen; its field offered only what the centre may register for."""
    return next((each for each in list_qualifications([centre.id]) if each.id == field.data), None)


def holders_of(form: RegisterForm) -> dict[Role, SelectField]:
    return {Role.ASSESSOR: form.assessor, Role.INTERNAL_VERIFIER: form.internal_verifier}


def named_with_load(people: list[tuple[Person, int]]) -> dict[str, str]:
    return {str(person.id): f"{person.name}, {counted(held, 'unit')} now" for person, held in people}


def what_is_next(form: RegisterForm) -> str:
    if all(field.data for field in holders_of(form).values()):
        return in_terms("Their assessor and internal verifier have been told.")
    return in_terms("Next: name an assessor and an internal verifier for each unit.")


@registrations.post("/registrations/<int:registration_id>/units")
@requires(Act.ADMINISTER_CENTRE)
def add_unit(registration_id: int) -> ResponseReturnValue:
    registration, _ = get_registration(registration_id, Act.READ_REGISTRATION)
    _, actor = get_centre(registration.centre_id)
    chosen = request.form.get("unit", "")
    unit = next((each for each in list_newest_units([registration.centre_id]) if str(each.id) == chosen), None)
    if unit is None:
        raise NotFound
    found = find_progress(registration)
    objection = find_objection(found, unit.code) if found else None
    if objection and not request.form.get("even_so"):
        return render_template(
            "registrations/add_unit.html", registration=registration, unit=unit, objection=objection
        )
    services.start_attempt(registration, unit, actor)
    warning = list_warnings([unit], today()).get(unit.id)
    flash(" ".join(filter(None, (f"{unit.code} is added.", warning, "Name who assesses and verifies it."))))
    return redirect(url_for("portfolio.show_registration", registration_id=registration.id), 303)


@registrations.route("/registrations/<int:registration_id>/qualification", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
def choose_qualification(registration_id: int) -> ResponseReturnValue:
    """Name, change or take away the qualification that a registration is for."""
    registration, _ = get_registration(registration_id, Act.READ_REGISTRATION)
    centre, actor = get_centre(registration.centre_id)
    form = ChooseQualificationForm()
    form.qualification.choices = named_qualifications(centre)
    if form.validate_on_submit():
        try:
            chosen = asked_qualification(form.qualification, centre)
            services.choose_qualification(registration, chosen, actor)
        except Refused as refusal:
            form.form_errors.append(str(refusal))
        else:
            flash(
                f"The registration is for {chosen.title} now." if chosen else "The registration is for single units."
            )
            return redirect(url_for("portfolio.show_registration", registration_id=registration.id), 303)
    if not form.is_submitted():
        form.qualification.data = registration.qualification_id or SINGLE_UNITS
    page = render_template("registrations/choose_qualification.html", registration=registration, form=form)
    return page, (422 if form.is_submitted() else 200)


@registrations.route("/registrations/<int:registration_id>/withdraw", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
def withdraw_candidate(registration_id: int) -> ResponseReturnValue:
    registration, _ = get_registration(registration_id, Act.READ_REGISTRATION)
    _, actor = get_centre(registration.centre_id)
    form = ReasonForm()
    if form.validate_on_submit():
        services.withdraw_candidate(registration, form.reason.data or "", actor)
        flash("The candidate is withdrawn. What they did is kept.")
        return redirect(url_for("portfolio.show_registration", registration_id=registration.id), 303)
    page = render_template("registrations/withdraw_candidate.html", registration=registration, form=form)
    return page, (422 if form.is_submitted() else 200)


@registrations.route("/attempts/<int:attempt_id>/allocate/<word>", methods=["GET", "POST"])
@requires(Act.ALLOCATE)
def allocate(attempt_id: int, word: str) -> ResponseReturnValue:
    """Name or change who assesses (`assessor`) or verifies (`internal_verifier`)."""
    attempt, actor = get_attempt(attempt_id, Act.ALLOCATE)
    if word not in {role.value for role in services.ALLOCATION_VERBS}:
        raise NotFound
    role, form = Role(word), AllocateForm()
    current = services.find_current_allocation(attempt, role)
    barred = {attempt.candidate_id, current.person_id if current else None}
    people = [each for each in queries.list_people_with_load(attempt.centre, role) if each[0].id not in barred]
    form.person.choices = {str(NOBODY_YET): "Choose", **named_with_load(people)}
    if form.validate_on_submit():
        try:
            person = next(person for person, _ in people if person.id == form.person.data)
            services.allocate(attempt, person, role, form.reason.data or "", actor)
        except (Invalid, Refused) as refusal:
            keep(form, refusal)
        else:
            flash(f"{person.name} holds {attempt.unit.code} of {attempt.candidate.name} now.")
            return redirect(url_for("portfolio.show_registration", registration_id=attempt.registration_id), 303)
    page = render_template(
        "registrations/allocate.html", attempt=attempt, role=role, form=form, current=current, people=people
    )
    return page, (422 if form.is_submitted() else 200)


@registrations.route("/attempts/<int:attempt_id>/void", methods=["GET", "POST"])
@requires(Act.ALLOCATE)
def void_attempt(attempt_id: int) -> ResponseReturnValue:
    attempt, actor = get_attempt(attempt_id, Act.ALLOCATE)
    form = ReasonForm()
    if form.validate_on_submit():
        services.void_attempt(attempt, form.reason.data or "", actor)
        flash(f"{attempt.unit.code} is void. The evidence is kept.")
        return redirect(url_for("portfolio.show_registration", registration_id=attempt.registration_id), 303)
    page = render_template("registrations/void_attempt.html", attempt=attempt, form=form)
    return page, (422 if form.is_submitted() else 200)


@registrations.get("/centres/<int:centre_id>/allocations")
@requires(Act.ADMINISTER_CENTRE)
def list_allocations(centre_id: int) -> ResponseReturnValue:
    centre, _ = get_centre(centre_id)
    page = asked_page()
    held, more = queries.list_allocations(centre.id, page)
    return render_template("registrations/list_allocations.html", centre=centre, held=held, page=Page(page, more))


@registrations.route("/centres/<int:centre_id>/visits", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
def list_visits(centre_id: int) -> ResponseReturnValue:
    """The visits of a centre; posting opens one."""
    centre, actor = get_centre(centre_id)
    form, people = VisitForm(), queries.list_people_with_role(centre, Role.EXTERNAL_VERIFIER)
    attempts = queries.list_centre_attempts(centre)
    form.person.choices = {str(NOBODY_YET): "Choose", **{str(person.id): person.name for person in people}}
    form.attempts.choices = {
        str(each.id): f"{each.candidate.name}, {each.unit.code}: {each.state.label.lower()}" for each in attempts
    }
    if form.validate_on_submit():
        try:
            visit = visits.open_visit(
                next(person for person in people if person.id == form.person.data),
                centre,
                moment_of(form.starts.data, time.min),
                moment_of(form.ends.data, time.max),
                [each for each in attempts if each.id in (form.attempts.data or [])],
                actor,
            )
        except (Invalid, Refused) as refusal:
            keep(form, refusal)
        else:
            flash(f"The visit is open for {visit.person.name}.")
            return redirect(url_for(".list_visits", centre_id=centre.id), 303)
    page = render_template(
        "registrations/list_visits.html",
        centre=centre,
        form=form,
        people=people,
        visits=queries.list_visits(centre),
        moment=now(),
    )
    return page, (422 if form.is_submitted() else 200)


@registrations.post("/centres/<int:centre_id>/visits/<int:visit_id>/end")
@requires(Act.ADMINISTER_CENTRE)
def end_visit(centre_id: int, visit_id: int) -> ResponseReturnValue:
    centre, actor = get_centre(centre_id)
    visit = queries.find_visit(centre, visit_id)
    if visit is None:
        raise NotFound
    visits.end_visit(visit, actor)
    flash("The visit is ended. Nothing can be read under it any more.")
    return redirect(url_for(".list_visits", centre_id=centre.id), 303)


def moment_of(day: date | None, at: time) -> datetime:
    """A day as its first or last moment in London; the form has made sure that there is a day."""
    return datetime.combine(day or today(), at, LONDON)


def keep(form: AllocateForm | RegisterForm | VisitForm, refusal: Invalid | Refused) -> None:
    """Put a refusal beside the field it is about, or above the form."""
    field = form._fields.get(getattr(refusal, "field", None) or "")
    if field is None:
        form.form_errors.append(str(refusal))
    else:
        field.errors = [*field.errors, str(refusal)]

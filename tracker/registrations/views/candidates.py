"""Views of registrations and allocations, for a centre's administrators."""

from functools import partial

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import SelectField

from tracker.background import emails
from tracker.clock import today
from tracker.errors import NotFound, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor
from tracker.library.queries.qualifications import list_qualifications
from tracker.library.queries.units import list_newest_units, list_warnings
from tracker.models import Centre, Person, Qualification, Registration
from tracker.registrations import allocations, registration_list, services
from tracker.registrations.current_allocations import ALLOCATED_ROLES
from tracker.registrations.forms import (
    NEW_PERSON,
    NOBODY_YET,
    SINGLE_UNITS,
    AllocateForm,
    ChooseQualificationForm,
    ReasonForm,
    RegisterForm,
)
from tracker.registrations.person_choices import PersonChoices
from tracker.registrations.progress import find_objection, find_progress
from tracker.registrations.views import registrations
from tracker.registrations.views.person_fields import (
    describe_candidate,
    fill_staff_field,
    find_choices,
    is_search,
)
from tracker.vocabulary import Role
from tracker.web.authorise import get_attempt, get_centre, get_registration
from tracker.web.current_user import in_terms, me
from tracker.web.forms import errors_on_form, render_form
from tracker.web.list_views import send_list
from tracker.web.permissions import Act
from tracker.web.route_rules import requires
from tracker.web.text_direction import isolate


@registrations.get("/registrations")
@requires(Act.ADMINISTER_CENTRE)
def list_registrations() -> ResponseReturnValue:
    """Redirect to the candidates of the administrator's centre, the chosen one where they have several."""
    grant = me().find_grant(Role.ADMINISTRATOR)
    return redirect(url_for(".list_centre_registrations", centre_id=grant.centre_id if grant else 0))


@registrations.get("/centres/<int:centre_id>/registrations")
@requires(Act.ADMINISTER_CENTRE)
def list_centre_registrations(centre_id: int) -> ResponseReturnValue:
    """List the candidates of a centre."""
    centre, _ = get_centre(centre_id)
    definition = registration_list.choose_definition(centre)
    return send_list(
        definition,
        partial(registration_list.list_registrations, centre, definition=definition),
        "registrations/list_registrations.html",
        [registration_list.SHOWN],
        centre=centre,
    )


@registrations.route("/centres/<int:centre_id>/registrations/new", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
def register_candidate(centre_id: int) -> ResponseReturnValue:
    """Register a candidate, inviting a new person, and allocate their assessor and internal verifier."""
    centre, actor = get_centre(centre_id)
    form = RegisterForm()
    choices = fill_choices(form, centre)
    if not is_search() and form.validate_on_submit():
        with errors_on_form(form):
            registration = register(form, centre, actor)
            flash(f"{isolate(registration.candidate.name)} is registered. {describe_next_step(form)}")
            return redirect_to_registration(registration.id)
    warnings = {str(key): text for key, text in list_warnings(list_newest_units([centre.id]), today()).items()}
    page, status = render_form(
        "registrations/register_candidate.html",
        form,
        centre=centre,
        choices=choices,
        warnings=warnings,
        delivers=emails.can_deliver(),
    )
    return page, 200 if is_search() else status


def redirect_to_registration(registration_id: int) -> ResponseReturnValue:
    """Redirect to the page of a registration."""
    return redirect(url_for("portfolio.show_registration", registration_id=registration_id), 303)


def fill_choices(form: RegisterForm, centre: Centre) -> dict[str, PersonChoices]:
    """Fill the lists of the form with the centre's people, qualifications and units; return the people by field."""
    candidates = find_choices(form.candidate, form.find_candidate, centre, Role.CANDIDATE)
    form.candidate.choices = {
        str(NEW_PERSON): "Choose, or enter a new person",
        **{str(person.id): describe_candidate(person) for person in candidates.people},
    }
    form.qualification.choices = list_qualification_choices(centre)
    form.units.choices = {
        str(unit.id): f"{unit.code} {isolate(unit.title)}" for unit in list_newest_units([centre.id])
    }
    nobody = {str(NOBODY_YET): "Nobody yet"}
    return {
        "candidate": candidates,
        **{
            role.value: fill_staff_field(field, form[f"find_{field.name}"], centre, role, nobody, set())
            for role, field in get_role_fields(form).items()
        },
    }


def register(form: RegisterForm, centre: Centre, actor: Actor) -> Registration:
    """Register the candidate and allocate the people named in the form, all of it or nothing."""
    candidate = db.session.get(Person, form.candidate.data) if form.candidate.data else None
    numbers = form.read_numbers()
    registration = services.register_candidate(
        candidate
        or services.find_or_invite_candidate(form.email.data or "", (form.name.data or "").strip(), centre, actor),
        centre,
        numbers.candidate_number,
        numbers.awarding_body_number,
        numbers.awarding_body_date,
        [unit for unit in list_newest_units([centre.id]) if unit.id in (form.units.data or [])],
        actor,
        qualification=find_chosen_qualification(form.qualification, centre),
    )
    chosen = {role: db.session.get(Person, field.data) for role, field in get_role_fields(form).items() if field.data}
    allocations.allocate_all(
        registration.attempts, {role: person for role, person in chosen.items() if person}, "", actor
    )
    return registration


def list_qualification_choices(centre: Centre) -> dict[str, str]:
    """List the qualifications that a centre can register for, as choices of a form."""
    return {
        str(SINGLE_UNITS): "None: single units",
        **{str(each.id): f"{isolate(each.title)} ({each.code})" for each in list_qualifications([centre.id])},
    }


def find_chosen_qualification(field: SelectField, centre: Centre) -> Qualification | None:
    """Return the chosen qualification, or None for single units."""
    return next((each for each in list_qualifications([centre.id]) if each.id == field.data), None)


def get_role_fields(form: RegisterForm) -> dict[Role, SelectField]:
    """Return the fields in which an assessor and an internal verifier are chosen."""
    return {Role.ASSESSOR: form.assessor, Role.INTERNAL_VERIFIER: form.internal_verifier}


def describe_next_step(form: RegisterForm) -> str:
    """Return what is to do after a registration."""
    if all(field.data for field in get_role_fields(form).values()):
        return in_terms("Every unit has an assessor and an internal verifier.")
    return in_terms("Next, allocate an assessor and an internal verifier to each unit.")


@registrations.post("/registrations/<int:registration_id>/units")
@requires(Act.ADMINISTER_CENTRE)
def add_unit(registration_id: int) -> ResponseReturnValue:
    """Add a unit to a registration; ask first if it would not count towards the qualification."""
    registration, _ = get_registration(registration_id, Act.READ_REGISTRATION)
    _, actor = get_centre(registration.centre_id)
    chosen = request.form.get("unit", "")
    unit = next((each for each in list_newest_units([registration.centre_id]) if str(each.id) == chosen), None)
    if unit is None:
        raise NotFound
    progress = find_progress(registration)
    objection = find_objection(progress, unit.code) if progress else None
    if objection and not request.form.get("even_so"):
        return render_template(
            "registrations/add_unit.html", registration=registration, unit=unit, objection=objection
        )
    services.start_attempt(registration, unit, actor)
    warning = list_warnings([unit], today()).get(unit.id)
    next_step = "Allocate its assessor and internal verifier."
    flash(" ".join(filter(None, (f"{unit.code} is added.", warning, next_step))))
    return redirect_to_registration(registration.id)


@registrations.route("/registrations/<int:registration_id>/qualification", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
def choose_qualification(registration_id: int) -> ResponseReturnValue:
    """Set, change or remove the qualification that a registration is for."""
    registration, _ = get_registration(registration_id, Act.READ_REGISTRATION)
    centre, actor = get_centre(registration.centre_id)
    form = ChooseQualificationForm()
    form.qualification.choices = list_qualification_choices(centre)
    if form.validate_on_submit():
        with errors_on_form(form, Refused):
            chosen = find_chosen_qualification(form.qualification, centre)
            services.choose_qualification(registration, chosen, actor)
            flash(f"The registration is now for {chosen.title if chosen else 'single units'}.")
            return redirect_to_registration(registration.id)
    if not form.is_submitted():
        form.qualification.data = registration.qualification_id or SINGLE_UNITS
    return render_form("registrations/choose_qualification.html", form, registration=registration)


@registrations.route("/registrations/<int:registration_id>/withdraw", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
def withdraw_candidate(registration_id: int) -> ResponseReturnValue:
    """Withdraw a candidate from a registration."""
    registration, _ = get_registration(registration_id, Act.READ_REGISTRATION)
    _, actor = get_centre(registration.centre_id)
    form = ReasonForm()
    if form.validate_on_submit():
        services.withdraw_candidate(registration, form.reason.data or "", actor)
        flash("The candidate is withdrawn. Their work is kept.")
        return redirect_to_registration(registration.id)
    return render_form("registrations/withdraw_candidate.html", form, registration=registration)


@registrations.route("/attempts/<int:attempt_id>/allocate/<role_value>", methods=["GET", "POST"])
@requires(Act.ALLOCATE)
def allocate(attempt_id: int, role_value: str) -> ResponseReturnValue:
    """Allocate an attempt to an assessor (`assessor`) or a verifier (`internal_verifier`)."""
    attempt, actor = get_attempt(attempt_id, Act.ALLOCATE)
    if role_value not in {role.value for role in ALLOCATED_ROLES}:
        raise NotFound
    role, form = Role(role_value), AllocateForm()
    current = allocations.find_open_allocation(attempt, role)
    excluded = {attempt.candidate_id, current.person_id if current else None}
    nobody = {str(NOBODY_YET): "Choose"}
    choices = fill_staff_field(form.person, form.find_person, attempt.centre, role, nobody, excluded)
    if not is_search() and form.validate_on_submit():
        with errors_on_form(form):
            person = next(person for person in choices.people if person.id == form.person.data)
            allocations.allocate(attempt, person, role, form.reason.data or "", actor)
            flash(f"{attempt.unit.code} of {isolate(attempt.candidate.name)} is allocated to {isolate(person.name)}.")
            return redirect_to_registration(attempt.registration_id)
    page, status = render_form(
        "registrations/allocate.html",
        form,
        attempt=attempt,
        role=role,
        current=current,
        choices=choices,
        delivers=emails.can_deliver(),
    )
    return page, 200 if is_search() else status


@registrations.route("/attempts/<int:attempt_id>/void", methods=["GET", "POST"])
@requires(Act.ALLOCATE)
def void_attempt(attempt_id: int) -> ResponseReturnValue:
    """Void an attempt."""
    attempt, actor = get_attempt(attempt_id, Act.ALLOCATE)
    form = ReasonForm()
    if form.validate_on_submit():
        services.void_attempt(attempt, form.reason.data or "", actor)
        flash(f"{attempt.unit.code} is void. Its evidence is kept.")
        return redirect_to_registration(attempt.registration_id)
    return render_form("registrations/void_attempt.html", form, attempt=attempt)

"""Acts on registrations: register and withdraw candidates, start and void their unit attempts."""

from collections.abc import Collection, Container
from datetime import date

from sqlalchemy import select

from tracker.accounts.services.people import find_live_grant, find_person, invite_person
from tracker.clock import now, today
from tracker.errors import Invalid, NotFound, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.ledger.transactions import lock_rows
from tracker.library.queries.units import describe_lapsed_registration, load_document
from tracker.models import Centre, Person, Qualification, Registration, Unit, UnitAttempt
from tracker.registrations.due_releases import end_countersignatures_in, release_due_assessments_in
from tracker.registrations.queries import list_live_roles
from tracker.registrations.registration_changes import RegistrationNumbers, check_numbers
from tracker.vocabulary import AttemptState, CountersignatureEnd, Role, use_terms
from tracker.web.text_direction import isolate


class UnitInOtherRegistration(Refused):
    """A unit that the candidate has under another candidate number at the centre."""

    field = "candidate_number"

    def __init__(self, code: str, candidate_number: str) -> None:
        super().__init__(
            f"The candidate already has {code} under the candidate number {isolate(candidate_number)}. Nothing was "
            "changed. Use that number, or leave the unit out."
        )


def register_candidate(
    candidate: Person,
    centre: Centre,
    candidate_number: str,
    awarding_body_number: str | None,
    awarding_body_date: date | None,
    units: Collection[Unit],
    actor: Actor,
    *,
    qualification: Qualification | None = None,
) -> Registration:
    """Register a candidate for units, or for a qualification and the first of its units.

    Raises:
        Invalid: neither a unit nor a qualification, or as `add_registration` does.
        Refused, NotFound: as `add_registration` and `start_attempt` do.
    """
    if not units and not qualification:
        raise Invalid("Choose a qualification or at least one unit. Nobody was registered.", "units")
    numbers = RegistrationNumbers(candidate_number, awarding_body_number, awarding_body_date)
    registration = add_registration(candidate, centre, numbers, actor, qualification=qualification)
    for unit in units:
        start_attempt(registration, unit, actor)
    return registration


def add_registration(
    candidate: Person,
    centre: Centre,
    numbers: RegistrationNumbers,
    actor: Actor,
    *,
    qualification: Qualification | None,
) -> Registration:
    """Add a registration without units.

    Raises:
        Invalid: a candidate number in use, a future date, or a date or number without the other.
        Refused: the actor registers themselves.
        NotFound: another centre's qualification.
    """
    assert actor.person_id is not None  # noqa: S101 - an administrator registers, never the operator
    if qualification and qualification.owner_centre_id not in {None, centre.id}:
        raise NotFound
    if candidate.id == actor.person_id:
        raise Refused("You cannot register yourself. Ask another administrator. Nothing was changed.")
    check_numbers(centre, numbers)
    registration = Registration(
        centre=centre,
        candidate=candidate,
        candidate_number=numbers.candidate_number,
        awarding_body_number=numbers.awarding_body_number,
        awarding_body_date=numbers.awarding_body_date,
        registered_at=now(),
        registered_by_id=actor.person_id,
        qualification=qualification,
    )
    db.session.add(registration)
    db.session.flush()
    content_hash = qualification.content_hash if qualification else None
    record(
        "candidate_registered",
        registration,
        actor,
        candidate=candidate.id,
        centre=centre.id,
        qualification=content_hash,
    )
    return registration


def choose_qualification(registration: Registration, qualification: Qualification | None, actor: Actor) -> None:
    """Set the qualification a registration is for, or None for single units. Units and evidence are kept."""
    check_open_registration(registration)
    if qualification and qualification.owner_centre_id not in {None, registration.centre_id}:
        raise NotFound
    if registration.qualification_id == (qualification.id if qualification else None):
        raise Refused("The registration already has this choice. Nothing was changed.")
    before = registration.qualification
    registration.qualification = qualification
    record(
        "qualification_chosen",
        registration,
        actor,
        before=before.content_hash if before else None,
        qualification=qualification.content_hash if qualification else None,
    )


def check_open_registration(registration: Registration) -> None:
    """Raise `Refused` if the candidate has been withdrawn."""
    if registration.withdrawn_at:
        raise Refused("This candidate has been withdrawn. Nothing was changed.")


def find_or_invite_candidate(email: str, name: str, centre: Centre, actor: Actor) -> Person:
    """Return the candidate with this email address at the centre, invited now if there is none."""
    person = find_person(email)
    if person and find_live_grant(person.id, centre.id, Role.CANDIDATE):
        return person
    return invite_person(email, name, centre, Role.CANDIDATE, actor)


def start_attempt(registration: Registration, unit: Unit, actor: Actor) -> UnitAttempt:
    """Start an attempt at a unit (docs/rules.md, Units and versions).

    A candidate has one attempt at a unit that is not void, over all registrations at the centre; another version
    counts as the same unit.

    Raises:
        Refused: the candidate has the unit already, has been withdrawn, or the unit has lapsed.
        UnitInOtherRegistration: they have it under another candidate number.
        NotFound: another centre's unit.
    """
    check_open_registration(registration)
    check_has_role(registration.candidate, registration.centre, Role.CANDIDATE)
    _check_unit_available(registration, unit)
    lock_rows(Person, [registration.candidate_id])  # when two people add the same unit at once, the second is refused
    existing = (
        select(UnitAttempt)
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .where(
            UnitAttempt.centre_id == registration.centre_id,
            UnitAttempt.candidate_id == registration.candidate_id,
            Unit.code == unit.code,
            UnitAttempt.state != AttemptState.VOID,
        )
    )
    if earlier := db.session.scalars(existing).first():
        if earlier.registration_id != registration.id:
            raise UnitInOtherRegistration(unit.code, earlier.registration.candidate_number)
        if earlier.unit_id == unit.id:
            raise Refused(f"The candidate already has {unit.code}. Nothing was changed.")
        raise Refused(
            f"The candidate already has {unit.code}, in version {earlier.unit.version}, revision "
            f"{earlier.unit.revision}. Nothing was changed. Move that unit to the other version, or void it."
        )
    attempt = UnitAttempt(
        registration=registration,
        centre=registration.centre,
        candidate=registration.candidate,
        unit=unit,
        state=AttemptState.IN_PROGRESS,
        round=1,
        started_at=now(),
    )
    db.session.add(attempt)
    db.session.flush()
    record("attempt_started", attempt, actor, registration=registration.id, unit=unit.content_hash, code=unit.code)
    return attempt


def withdraw_candidate(registration: Registration, reason: str, actor: Actor) -> None:
    """Withdraw a candidate from a registration, with a reason. Their work is kept and cannot be changed any more."""
    query = select(UnitAttempt.id).where(UnitAttempt.registration_id == registration.id)
    lock_rows(UnitAttempt, db.session.scalars(query))  # a signature made meanwhile comes wholly before or after this
    if registration.withdrawn_at:
        raise Refused("This candidate has already been withdrawn. Nothing was changed.")
    if not reason.strip():
        raise Invalid("Enter the reason for the withdrawal. Nothing was changed.", "reason")
    release_due_assessments_in(registration.attempts)
    end_countersignatures_in(registration.attempts, CountersignatureEnd.WITHDRAWAL, actor)
    registration.withdrawn_at, registration.withdrawn_reason = now(), reason.strip()
    record("candidate_withdrawn", registration, actor, texts={"reason": reason})


def void_attempt(attempt: UnitAttempt, reason: str, actor: Actor) -> None:
    """Void an attempt that has no certificate claim, with a reason. The evidence is kept."""
    if attempt.state is AttemptState.CERTIFICATE_CLAIMED:
        raise Refused("The certificate for this unit has been claimed, so it cannot be voided. Nothing was changed.")
    if attempt.state is AttemptState.VOID:
        raise Refused("This unit is already void. Nothing was changed.")
    if not reason.strip():
        raise Invalid("Enter the reason for voiding the unit. Nothing was changed.", "reason")
    release_due_assessments_in([attempt])
    end_countersignatures_in([attempt], CountersignatureEnd.VOID, actor)
    before = attempt.state
    attempt.state, attempt.void_reason = AttemptState.VOID, reason.strip()
    record("attempt_voided", attempt, actor, texts={"reason": reason}, before=before.value, state="void")


def check_has_role(
    person: Person, centre: Centre, role: Role, live_roles: Container[tuple[int, Role]] | None = None
) -> None:
    """Raise `Refused` unless this person has the role at the centre now.

    Args:
        person: the person.
        centre: the centre.
        role: the role.
        live_roles: who has which role at the centre, as `list_live_roles` returns it, if that is loaded already.
    """
    if (person.id, role) not in (list_live_roles(centre.id, [person.id]) if live_roles is None else live_roles):
        name = use_terms(role.label, centre.terms).lower()
        raise Refused(f"{isolate(person.name)} does not have the role of {name} here now. Nothing was changed.")


def _check_unit_available(registration: Registration, unit: Unit) -> None:
    """Raise `NotFound` for another centre's unit, and `Refused` for a lapsed one."""
    if unit.owner_centre_id not in {None, registration.centre_id}:
        raise NotFound
    if lapsed := describe_lapsed_registration(load_document(unit), today()):
        raise Refused(f"{unit.code} {lapsed[0].lower()}{lapsed[1:]} Nothing was changed.")

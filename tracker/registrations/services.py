"""Acts on registrations: register and withdraw candidates, start, allocate and void their unit attempts."""

from collections.abc import Collection, Mapping
from datetime import date, datetime

from sqlalchemy import select

from tracker.accounts.services.people import find_live_grant, find_person, invite_person
from tracker.background import emails
from tracker.clock import now, today
from tracker.errors import Invalid, NotFound, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.ledger.transactions import lock_rows
from tracker.library.queries.units import describe_lapsed_registration, load_document
from tracker.models import Allocation, Centre, Grant, Person, Qualification, Registration, Unit, UnitAttempt
from tracker.registrations import emails as email_texts
from tracker.registrations.due_releases import release_due_assessments_in
from tracker.registrations.separation_of_duties import (
    check_may_assess,
    check_may_verify,
    check_not_withdrawn,
    check_not_withdrawn_before_completion,
)
from tracker.vocabulary import AttemptState, Role, use_terms

ALLOCATED_ROLES = frozenset({Role.ASSESSOR, Role.INTERNAL_VERIFIER})
"""The roles in which an attempt is allocated to somebody."""


def register_candidate(
    candidate: Person,
    centre: Centre,
    candidate_number: str,
    awarding_body_number: str,
    awarding_body_date: date,
    units: Collection[Unit],
    actor: Actor,
    *,
    qualification: Qualification | None = None,
) -> Registration:
    """Register a candidate for units, or for a qualification and the first of its units.

    Raises:
        Invalid: a candidate number in use, a future date, or neither a unit nor a qualification.
        Refused: the actor registers themselves.
        NotFound: another centre's qualification or unit.
    """
    assert actor.person_id is not None  # noqa: S101 - an administrator registers, never the operator
    if not units and not qualification:
        raise Invalid("Choose a qualification or at least one unit. Nobody was registered.", "units")
    if qualification and qualification.owner_centre_id not in {None, centre.id}:
        raise NotFound
    if awarding_body_date > today():
        raise Invalid("Enter a registration date that is not in the future.", "awarding_body_date")
    if candidate.id == actor.person_id:
        raise Refused("You cannot register yourself. Ask another administrator. Nothing was changed.")
    same_number = select(Registration.id).where(
        Registration.centre_id == centre.id, Registration.candidate_number == candidate_number
    )
    if db.session.scalar(same_number):
        raise Invalid(
            f"Another candidate at this centre has the number {candidate_number}. Enter a different one.",
            "candidate_number",
        )
    registration = Registration(
        centre=centre,
        candidate=candidate,
        candidate_number=candidate_number,
        awarding_body_number=awarding_body_number,
        awarding_body_date=awarding_body_date,
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
    for unit in units:
        start_attempt(registration, unit, actor)
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
        if earlier.unit_id == unit.id:
            raise Refused(f"The candidate already has {unit.code}. Nothing was changed. Void that unit first.")
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


def allocate(attempt: UnitAttempt, person: Person, role: Role, reason: str, actor: Actor) -> Allocation:
    """Allocate an attempt to an assessor or verifier from now on, and email the people concerned.

    An earlier allocation in the role ends, and is kept (docs/rules.md, Roles and permissions).

    Raises:
        Refused: a withdrawn candidate, a void attempt, a person without the role, or separation of duties.
        Invalid: a change without a reason.
    """
    assert actor.person_id is not None  # noqa: S101 - an administrator allocates, never the operator
    if role is Role.INTERNAL_VERIFIER:
        check_not_withdrawn_before_completion(attempt)
    else:
        check_not_withdrawn(attempt)
    release_due_assessments_in(attempt)
    _check_allocatable(attempt, person, role)
    current = find_current_allocation(attempt, role)
    if current and current.person_id == person.id:
        raise Refused(f"This unit is already allocated to {person.name}. Nothing was changed.")
    if current and not reason.strip():
        raise Invalid("Enter the reason for the change. Nothing was changed.", "reason")
    moment = now()
    if current:
        _end_allocation(current, attempt, moment, actor)
    allocation = Allocation(
        attempt_id=attempt.id,
        person_id=person.id,
        role=role,
        starts_at=moment,
        reason=reason.strip() or "First allocation",
        allocated_by_id=actor.person_id,
    )
    db.session.add(allocation)
    db.session.flush()
    record(
        "allocation_made",
        allocation,
        actor,
        texts={"reason": allocation.reason},
        attempt=attempt.id,
        person=person.id,
        role=role.value,
    )
    _notify_of_allocation(allocation, attempt, person)
    return allocation


def allocate_all(registration: Registration, people: Mapping[Role, Person], actor: Actor) -> None:
    """Allocate every unit of a new registration to the same people."""
    for attempt in registration.attempts:
        for role, person in people.items():
            allocate(attempt, person, role, "", actor)


def withdraw_candidate(registration: Registration, reason: str, actor: Actor) -> None:
    """Withdraw a candidate from a registration, with a reason. Their work is kept and cannot be changed any more."""
    query = select(UnitAttempt.id).where(UnitAttempt.registration_id == registration.id)
    lock_rows(UnitAttempt, db.session.scalars(query))  # a signature made meanwhile comes wholly before or after this
    if registration.withdrawn_at:
        raise Refused("This candidate has already been withdrawn. Nothing was changed.")
    if not reason.strip():
        raise Invalid("Enter the reason for the withdrawal. Nothing was changed.", "reason")
    for attempt in registration.attempts:
        release_due_assessments_in(attempt)
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
    release_due_assessments_in(attempt)
    before = attempt.state
    attempt.state, attempt.void_reason = AttemptState.VOID, reason.strip()
    record("attempt_voided", attempt, actor, texts={"reason": reason}, before=before.value, state="void")


def find_current_allocation(attempt: UnitAttempt, role: Role) -> Allocation | None:
    """Return the current allocation of an attempt in this role, or None."""
    query = select(Allocation).where(
        Allocation.attempt_id == attempt.id, Allocation.role == role, Allocation.ends_at.is_(None)
    )
    return db.session.scalars(query).one_or_none()


def check_has_role(person: Person, centre: Centre, role: Role) -> None:
    """Raise `Refused` unless this person has the role at the centre now."""
    query = select(Grant).where(Grant.person_id == person.id, Grant.centre_id == centre.id, Grant.role == role)
    if person.deactivated_at or not any(grant.is_live(now()) for grant in db.session.scalars(query)):
        name = use_terms(role.label, centre.terms).lower()
        raise Refused(f"{person.name} does not have the role of {name} here now. Nothing was changed.")


def _check_unit_available(registration: Registration, unit: Unit) -> None:
    """Raise `NotFound` for another centre's unit, and `Refused` for a lapsed one."""
    if unit.owner_centre_id not in {None, registration.centre_id}:
        raise NotFound
    if lapsed := describe_lapsed_registration(load_document(unit), today()):
        raise Refused(f"{unit.code} {lapsed[0].lower()}{lapsed[1:]} Nothing was changed.")


def _check_allocatable(attempt: UnitAttempt, person: Person, role: Role) -> None:
    if role not in ALLOCATED_ROLES:
        raise NotFound
    if attempt.state is AttemptState.VOID:
        raise Refused("This unit is void. Nothing was changed.")
    check_has_role(person, attempt.centre, role)
    check = check_may_assess if role is Role.ASSESSOR else check_may_verify
    check(person.id, attempt)
    other = find_current_allocation(attempt, Role.INTERNAL_VERIFIER if role is Role.ASSESSOR else Role.ASSESSOR)
    if other and other.person_id == person.id:
        raise Refused("The same person cannot assess and verify a unit. Nothing was changed. Choose somebody else.")


def _end_allocation(current: Allocation, attempt: UnitAttempt, moment: datetime, actor: Actor) -> None:
    current.ends_at = moment
    db.session.flush()  # before the next allocation: a unique index allows one live allocation for each role
    record("allocation_ended", current, actor, attempt=attempt.id, role=current.role.value)
    unit, url = attempt.unit, emails.build_url("/account")
    message = email_texts.build_allocation_ended_email(
        current.role, unit.code, unit.title, attempt.candidate.name, url
    )
    emails.notify(current.person, f"allocation_ended:{attempt.id}:{current.role.value}", *message)


def _notify_of_allocation(allocation: Allocation, attempt: UnitAttempt, person: Person) -> None:
    role, unit, url = allocation.role, attempt.unit, emails.build_url(f"/attempts/{attempt.id}")
    message = email_texts.build_allocation_made_email(role, unit.code, unit.title, attempt.candidate.name, url)
    emails.notify(person, f"allocation_made:{attempt.id}:{role.value}", *message)
    if role is Role.ASSESSOR:
        message = email_texts.build_assessor_allocated_email(person.name, unit.code, unit.title, url)
        emails.notify(attempt.candidate, f"allocation_made:{attempt.id}:candidate", *message)

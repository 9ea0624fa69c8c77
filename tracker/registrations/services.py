"""Registering candidates for units, allocating who assesses and verifies, withdrawing, voiding."""

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
from tracker.registrations.due_releases import release_due_assessments_in
from tracker.registrations.separation_of_duties import check_may_assess, check_may_verify, check_not_withdrawn
from tracker.vocabulary import AttemptState, Role, use_terms

ALLOCATION_VERBS = {Role.ASSESSOR: "assess", Role.INTERNAL_VERIFIER: "verify"}
"""The roles in which somebody holds an attempt, and what they do with it."""


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
    """Enter a candidate for units, or for a qualification of which some units are known already.

    Raises `Invalid` for a number taken, a future date, or neither a unit nor a qualification.
    """
    assert actor.person_id is not None  # noqa: S101 - an administrator registers, never the operator
    if not units and not qualification:
        raise Invalid("Choose a qualification or at least one unit. Nobody was registered.", "units")
    if qualification and qualification.owner_centre_id not in {None, centre.id}:
        raise NotFound
    if awarding_body_date > today():
        raise Invalid("The awarding body's registration date lies in the future.", "awarding_body_date")
    if candidate.id == actor.person_id:
        raise Refused("Nobody can register themselves. Another administrator can. Nothing was changed.")
    taken = select(Registration.id).where(
        Registration.centre_id == centre.id, Registration.candidate_number == candidate_number
    )
    if db.session.scalar(taken):
        raise Invalid(f"The candidate number {candidate_number} is taken at this centre.", "candidate_number")
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
    hashed = qualification.content_hash if qualification else None
    record(
        "candidate_registered", registration, actor, candidate=candidate.id, centre=centre.id, qualification=hashed
    )
    for unit in units:
        start_attempt(registration, unit, actor)
    return registration


def choose_qualification(registration: Registration, qualification: Qualification | None, actor: Actor) -> None:
    """Say which qualification a registration is for, or that it is for single units. What was done stays."""
    check_open_registration(registration)
    if qualification and qualification.owner_centre_id not in {None, registration.centre_id}:
        raise NotFound
    if registration.qualification_id == (qualification.id if qualification else None):
        raise Refused("It is for that already. Nothing was changed.")
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
    if registration.withdrawn_at:
        raise Refused("This candidate was withdrawn. Nothing was changed.")


def find_or_invite_candidate(email: str, name: str, centre: Centre, actor: Actor) -> Person:
    """Somebody to register by their address: who has the role here, or whoever is invited now."""
    person = find_person(email)
    if person and find_live_grant(person.id, centre.id, Role.CANDIDATE):
        return person
    return invite_person(email, name, centre, Role.CANDIDATE, actor)


def start_attempt(registration: Registration, unit: Unit, actor: Actor) -> UnitAttempt:
    """One unit more. A second attempt at the same unit needs the first one void, also in another registration.

    Another version is the same unit: the attempt moves to it.
    """
    check_open_registration(registration)
    check_has_role(registration.candidate, registration.centre, Role.CANDIDATE)
    _check_open_to(registration, unit)
    lock_rows(Person, [registration.candidate_id])  # of two who add the same unit at once, the second finds it there
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
    if held := db.session.scalars(existing).first():
        if held.unit_id == unit.id:
            raise Refused(f"The candidate has {unit.code} already. Void that attempt first. Nothing was changed.")
        raise Refused(
            f"The candidate has {unit.code} already, in version {held.unit.version}, revision {held.unit.revision}. "
            "Move that attempt to the other version, or void it. Nothing was changed."
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
    """Name who assesses or verifies from now on. A change needs a reason and never rewrites the past."""
    assert actor.person_id is not None  # noqa: S101 - an administrator allocates, never the operator
    check_not_withdrawn(attempt)
    release_due_assessments_in(attempt)
    _check_allocatable(attempt, person, role)
    current = find_current_allocation(attempt, role)
    if current and current.person_id == person.id:
        raise Refused(f"{person.name} holds this unit already. Nothing was changed.")
    if current and not reason.strip():
        raise Invalid("Say why the unit changes hands. Nothing was changed.", "reason")
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
    _tell_of_allocation(allocation, attempt, person)
    return allocation


def allocate_all(registration: Registration, holders: Mapping[Role, Person], actor: Actor) -> None:
    """The same people for every unit of a new registration."""
    for attempt in registration.attempts:
        for role, person in holders.items():
            allocate(attempt, person, role, "", actor)


def withdraw_candidate(registration: Registration, reason: str, actor: Actor) -> None:
    """End a registration. What was done is kept; nothing more is done on it."""
    query = select(UnitAttempt.id).where(UnitAttempt.registration_id == registration.id)
    lock_rows(UnitAttempt, db.session.scalars(query))  # whoever signs meanwhile is before it or after it
    if registration.withdrawn_at:
        raise Refused("This candidate was withdrawn already. Nothing was changed.")
    if not reason.strip():
        raise Invalid("Say why the candidate is withdrawn. Nothing was changed.", "reason")
    for attempt in registration.attempts:
        release_due_assessments_in(attempt)
    registration.withdrawn_at, registration.withdrawn_reason = now(), reason.strip()
    record("candidate_withdrawn", registration, actor, texts={"reason": reason})


def void_attempt(attempt: UnitAttempt, reason: str, actor: Actor) -> None:
    """Strike an attempt, in any state before claimed. The evidence survives."""
    if attempt.state in {AttemptState.CERTIFICATE_CLAIMED, AttemptState.VOID}:
        raise Refused(f"This attempt is {attempt.state.label.lower()}. Nothing was changed.")
    if not reason.strip():
        raise Invalid("Say why the attempt is void. Nothing was changed.", "reason")
    release_due_assessments_in(attempt)
    before = attempt.state
    attempt.state, attempt.void_reason = AttemptState.VOID, reason.strip()
    record("attempt_voided", attempt, actor, texts={"reason": reason}, before=before.value, state="void")


def find_current_allocation(attempt: UnitAttempt, role: Role) -> Allocation | None:
    """The live allocation of a role on an attempt."""
    query = select(Allocation).where(
        Allocation.attempt_id == attempt.id, Allocation.role == role, Allocation.ends_at.is_(None)
    )
    return db.session.scalars(query).one_or_none()


def check_has_role(person: Person, centre: Centre, role: Role) -> None:
    """Raise `Refused` unless this person holds the role at the centre now."""
    query = select(Grant).where(Grant.person_id == person.id, Grant.centre_id == centre.id, Grant.role == role)
    if person.deactivated_at or not any(grant.is_live(now()) for grant in db.session.scalars(query)):
        name = use_terms(role.label, centre.terms).lower()
        raise Refused(f"{person.name} does not have the role of {name} here now. Nothing was changed.")


def _check_open_to(registration: Registration, unit: Unit) -> None:
    """A unit takes new registrations until it lapses, and another centre's own never."""
    if unit.owner_centre_id not in {None, registration.centre_id}:
        raise NotFound
    if lapsed := describe_lapsed_registration(load_document(unit), today()):
        raise Refused(f"{unit.code} {lapsed[0].lower()}{lapsed[1:]} Nothing was changed.")


def _check_allocatable(attempt: UnitAttempt, person: Person, role: Role) -> None:
    if role not in ALLOCATION_VERBS:
        raise NotFound
    if attempt.state is AttemptState.VOID:
        raise Refused("This attempt is void. Nothing was changed.")
    check_has_role(person, attempt.centre, role)
    check = check_may_assess if role is Role.ASSESSOR else check_may_verify
    check(person.id, attempt)
    other = find_current_allocation(attempt, Role.INTERNAL_VERIFIER if role is Role.ASSESSOR else Role.ASSESSOR)
    if other and other.person_id == person.id:
        raise Refused(
            "The same person never assesses and verifies a unit. Nothing was changed. Choose somebody else."
        )


def _end_allocation(current: Allocation, attempt: UnitAttempt, moment: datetime, actor: Actor) -> None:
    current.ends_at = moment
    db.session.flush()  # the live one is freed before its successor takes its place
    record("allocation_ended", current, actor, attempt=attempt.id, role=current.role.value)
    emails.notify(
        current.person,
        f"allocation_ended:{attempt.id}:{current.role.value}",
        f"{attempt.unit.code} of {attempt.candidate.name} has changed hands",
        f"It is for somebody else to {ALLOCATION_VERBS[current.role]} {attempt.unit.code}, {attempt.unit.title}, of "
        f"{attempt.candidate.name} from now on. What you signed stays yours: {emails.build_url('/account')}",
    )


def _tell_of_allocation(allocation: Allocation, attempt: UnitAttempt, person: Person) -> None:
    role, link = allocation.role, emails.build_url(f"/attempts/{attempt.id}")
    emails.notify(
        person,
        f"allocation_made:{attempt.id}:{role.value}",
        f"{attempt.unit.code} of {attempt.candidate.name} is yours",
        f"You now {ALLOCATION_VERBS[role]} {attempt.unit.code}, {attempt.unit.title}, of "
        f"{attempt.candidate.name}: {link}",
    )
    if role is Role.ASSESSOR:
        emails.notify(
            attempt.candidate,
            f"allocation_made:{attempt.id}:candidate",
            f"Your assessor for {attempt.unit.code}",
            f"{person.name} assesses your {attempt.unit.code}, {attempt.unit.title}, from now on: {link}",
        )

"""Registrations, holders and visits, as an administrator's pages list them."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import aliased, joinedload

from tracker.clock import now
from tracker.extensions import db
from tracker.models import (
    Allocation,
    Centre,
    Grant,
    Person,
    Registration,
    Unit,
    UnitAttempt,
    Visit,
    VisitAttempt,
)
from tracker.vocabulary import AttemptState, Role

PAGE = 50


@dataclass(frozen=True, slots=True)
class Registered:
    registration_id: int
    candidate: str
    candidate_number: str
    registered_at: datetime
    withdrawn_at: datetime | None
    units: int
    waiting: int
    """Open units that nobody assesses yet."""


@dataclass(frozen=True, slots=True)
class Held:
    """An attempt at a centre, and who holds it since when."""

    attempt_id: int
    registration_id: int
    code: str
    candidate: str
    state: AttemptState
    holder: str | None
    role: Role | None
    since: datetime | None


def list_registrations(centre: Centre, words: str, page: int) -> tuple[list[Registered], bool]:
    """Registrations by what they wait for, then by name; and whether there are more."""
    assessing = and_(
        Allocation.attempt_id == UnitAttempt.id, Allocation.role == Role.ASSESSOR, Allocation.until_at.is_(None)
    )
    waiting = func.count(UnitAttempt.id).filter(
        Allocation.id.is_(None), UnitAttempt.state == AttemptState.IN_PROGRESS, Registration.withdrawn_at.is_(None)
    )
    query = (
        select(
            Registration.id,
            Person.name,
            Registration.candidate_number,
            Registration.registered_at,
            Registration.withdrawn_at,
            func.count(UnitAttempt.id).filter(UnitAttempt.state != AttemptState.VOID),
            waiting,
        )
        .join(Person, Person.id == Registration.candidate_id)
        .outerjoin(UnitAttempt, UnitAttempt.registration_id == Registration.id)
        .outerjoin(Allocation, assessing)
        .where(Registration.centre_id == centre.id)
        .group_by(Registration.id, Person.name)
        .order_by(waiting.desc(), Person.name, Registration.id)
    )
    if words := words.strip().lower():
        query = query.where(
            or_(
                func.lower(Person.name).contains(words, autoescape=True),
                func.lower(Registration.candidate_number).contains(words, autoescape=True),
            )
        )
    found = [Registered(*row) for row in db.session.execute(query.limit(PAGE + 1).offset(PAGE * (page - 1)))]
    return found[:PAGE], len(found) > PAGE


def list_attempts(registration: Registration) -> list[UnitAttempt]:
    query = (
        select(UnitAttempt)
        .where(UnitAttempt.registration_id == registration.id)
        .options(joinedload(UnitAttempt.unit))
        .order_by(UnitAttempt.id)
    )
    return list(db.session.scalars(query))


def list_allocations(attempt_ids: list[int]) -> dict[int, list[Allocation]]:
    """Every allocation of these attempts, past ones included, oldest first."""
    query = (
        select(Allocation)
        .where(Allocation.attempt_id.in_(attempt_ids))
        .options(joinedload(Allocation.person))
        .order_by(Allocation.id)
    )
    found: dict[int, list[Allocation]] = {}
    for allocation in db.session.scalars(query):
        found.setdefault(allocation.attempt_id, []).append(allocation)
    return found


def list_holders(centre: Centre) -> list[Held]:
    """Who holds each open unit and since when, held longest first; unheld ones before all."""
    candidate, holder = aliased(Person), aliased(Person)
    query = (
        select(
            UnitAttempt.id,
            UnitAttempt.registration_id,
            Unit.code,
            candidate.name,
            UnitAttempt.state,
            holder.name,
            Allocation.role,
            Allocation.from_at,
        )
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .join(candidate, candidate.id == UnitAttempt.candidate_id)
        .join(Registration, Registration.id == UnitAttempt.registration_id)
        .outerjoin(Allocation, and_(Allocation.attempt_id == UnitAttempt.id, Allocation.until_at.is_(None)))
        .outerjoin(holder, holder.id == Allocation.person_id)
        .where(
            UnitAttempt.centre_id == centre.id,
            UnitAttempt.state.in_([AttemptState.IN_PROGRESS, AttemptState.ASSESSED, AttemptState.CONFIRMED]),
            Registration.withdrawn_at.is_(None),
        )
        .order_by(Allocation.from_at.is_not(None), Allocation.from_at, UnitAttempt.id)
        .limit(1000)
    )
    return [Held(*row) for row in db.session.execute(query)]


def list_people_with(centre: Centre, role: Role) -> list[Person]:
    """People who hold a role at a centre now, by name."""
    moment = now()
    query = (
        select(Person)
        .join(Grant, Grant.person_id == Person.id)
        .where(
            Grant.centre_id == centre.id,
            Grant.role == role,
            Grant.from_at <= moment,
            or_(Grant.until_at.is_(None), Grant.until_at > moment),
            Person.deactivated_at.is_(None),
        )
        .distinct()
        .order_by(Person.name)
        .limit(2000)
    )
    return list(db.session.scalars(query))


def list_visits(centre: Centre) -> list[Visit]:
    query = (
        select(Visit)
        .where(Visit.centre_id == centre.id)
        .options(joinedload(Visit.person), joinedload(Visit.attempts).joinedload(VisitAttempt.attempt))
        .order_by(Visit.until_at.desc())
        .limit(100)
    )
    return list(db.session.scalars(query).unique())


def find_visit(centre: Centre, visit_id: int) -> Visit | None:
    return db.session.scalars(select(Visit).where(Visit.id == visit_id, Visit.centre_id == centre.id)).one_or_none()


def list_centre_attempts(centre: Centre) -> list[UnitAttempt]:
    """Every attempt at a centre that is not void, by candidate and unit: what a visit may name."""
    query = (
        select(UnitAttempt)
        .join(Person, Person.id == UnitAttempt.candidate_id)
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .where(UnitAttempt.centre_id == centre.id, UnitAttempt.state != AttemptState.VOID)
        .options(joinedload(UnitAttempt.unit), joinedload(UnitAttempt.candidate))
        .order_by(Person.name, Unit.code)
        .limit(2000)
    )
    return list(db.session.scalars(query))

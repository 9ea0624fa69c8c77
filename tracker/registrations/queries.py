"""Registrations, holders and visits, as an administrator's pages list them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, or_, select
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
OPEN = (AttemptState.IN_PROGRESS, AttemptState.ASSESSED, AttemptState.CONFIRMED)
"""States in which somebody has still to act."""


@dataclass(frozen=True, slots=True)
class Registered:
    registration_id: int
    candidate: str
    candidate_number: str
    registered_at: datetime
    withdrawn_at: datetime | None
    units: int
    waiting: int
    """Open units that still need an assessor or an internal verifier."""


@dataclass(frozen=True, slots=True)
class AttemptToAllocate:
    """An open attempt that still needs somebody."""

    registration_id: int
    code: str
    candidate: str
    started_at: datetime
    needs_assessor: bool
    needs_verifier: bool


@dataclass(frozen=True, slots=True)
class AllocatedAttempt:
    """An open attempt at a centre, and who holds it since when."""

    attempt_id: int
    registration_id: int
    code: str
    candidate: str
    state: AttemptState
    assessor: str | None
    assessor_since: datetime | None
    verifier: str | None
    verifier_since: datetime | None


def has_allocation(role: Role) -> ColumnElement[bool]:
    """SQL: somebody is allocated to the attempt in this role, and still holds the role."""
    return (
        select(Allocation.id)
        .join(Grant, and_(Grant.person_id == Allocation.person_id, Grant.role == Allocation.role))
        .join(Person, Person.id == Allocation.person_id)
        .where(
            Allocation.attempt_id == UnitAttempt.id,
            Allocation.role == role,
            Allocation.ends_at.is_(None),
            Grant.centre_id == UnitAttempt.centre_id,
            _is_live(),
            Person.deactivated_at.is_(None),
        )
        .exists()
    )


def needs_assessor() -> ColumnElement[bool]:
    return and_(UnitAttempt.state == AttemptState.IN_PROGRESS, ~has_allocation(Role.ASSESSOR))


def needs_verifier() -> ColumnElement[bool]:
    return and_(UnitAttempt.state.in_(OPEN), ~has_allocation(Role.INTERNAL_VERIFIER))


def list_registrations(centre: Centre, words: str, page: int) -> tuple[list[Registered], bool]:
    """Registrations by what they wait for, then by name; and whether there are more."""
    waiting = func.count(UnitAttempt.id).filter(
        or_(needs_assessor(), needs_verifier()), Registration.withdrawn_at.is_(None)
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


def list_attempts_to_allocate(centre_id: int, most: int) -> list[AttemptToAllocate]:
    """Open attempts that need an assessor or an internal verifier, those that began first before the others."""
    query = (
        select(
            UnitAttempt.registration_id,
            Unit.code,
            Person.name,
            UnitAttempt.started_at,
            needs_assessor(),
            needs_verifier(),
        )
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .join(Person, Person.id == UnitAttempt.candidate_id)
        .join(Registration, Registration.id == UnitAttempt.registration_id)
        .where(
            UnitAttempt.centre_id == centre_id,
            Registration.withdrawn_at.is_(None),
            or_(needs_assessor(), needs_verifier()),
        )
        .order_by(UnitAttempt.started_at, UnitAttempt.id)
        .limit(most)
    )
    return [AttemptToAllocate(*row) for row in db.session.execute(query)]


def list_attempts(registration: Registration) -> list[UnitAttempt]:
    query = (
        select(UnitAttempt)
        .where(UnitAttempt.registration_id == registration.id)
        .options(joinedload(UnitAttempt.unit))
        .order_by(UnitAttempt.id)
    )
    return list(db.session.scalars(query))


def list_allocation_history(attempt_ids: list[int]) -> dict[int, list[Allocation]]:
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


def list_allocations(
    centre_id: int, page: int, size: int = PAGE, *, assessed_only: bool = False
) -> tuple[list[AllocatedAttempt], bool]:
    """Who holds each open unit and since when, those nobody assesses first, then held longest first."""
    candidate, assessor, verifier = aliased(Person), aliased(Person), aliased(Person)
    assessing, verifying = aliased(Allocation), aliased(Allocation)
    query = (
        select(
            UnitAttempt.id,
            UnitAttempt.registration_id,
            Unit.code,
            candidate.name,
            UnitAttempt.state,
            assessor.name,
            assessing.starts_at,
            verifier.name,
            verifying.starts_at,
        )
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .join(candidate, candidate.id == UnitAttempt.candidate_id)
        .join(Registration, Registration.id == UnitAttempt.registration_id)
        .outerjoin(assessing, _holding(assessing, Role.ASSESSOR))
        .outerjoin(assessor, assessor.id == assessing.person_id)
        .outerjoin(verifying, _holding(verifying, Role.INTERNAL_VERIFIER))
        .outerjoin(verifier, verifier.id == verifying.person_id)
        .where(
            UnitAttempt.centre_id == centre_id,
            UnitAttempt.state.in_(OPEN),
            Registration.withdrawn_at.is_(None),
        )
        .order_by(assessing.starts_at.is_not(None), assessing.starts_at, UnitAttempt.id)
        .limit(size + 1)
        .offset(size * (page - 1))
    )
    if assessed_only:
        query = query.where(assessing.id.is_not(None))
    found = [AllocatedAttempt(*row) for row in db.session.execute(query)]
    return found[:size], len(found) > size


def list_people_with_load(centre: Centre, role: Role) -> list[tuple[Person, int]]:
    """People who hold a role at a centre now, by name, and how many open units each has in it."""
    query = (
        select(Allocation.person_id, func.count())
        .join(UnitAttempt, UnitAttempt.id == Allocation.attempt_id)
        .where(
            UnitAttempt.centre_id == centre.id,
            UnitAttempt.state.in_(OPEN),
            Allocation.role == role,
            Allocation.ends_at.is_(None),
        )
        .group_by(Allocation.person_id)
    )
    held: dict[int, int] = dict(db.session.execute(query).all())
    return [(person, held.get(person.id, 0)) for person in list_people_with_role(centre, role)]


def list_live_roles(centre_id: int, person_ids: Collection[int]) -> set[tuple[int, Role]]:
    """The roles that these people hold at a centre now."""
    query = (
        select(Grant.person_id, Grant.role)
        .join(Person, Person.id == Grant.person_id)
        .where(
            Grant.centre_id == centre_id,
            Grant.person_id.in_(person_ids),
            _is_live(),
            Person.deactivated_at.is_(None),
        )
    )
    return {(row[0], row[1]) for row in db.session.execute(query)}


def list_people_with_role(centre: Centre, role: Role) -> list[Person]:
    """People who hold a role at a centre now, by name."""
    query = (
        select(Person)
        .join(Grant, Grant.person_id == Person.id)
        .where(
            Grant.centre_id == centre.id,
            Grant.role == role,
            _is_live(),
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
        .options(
            joinedload(Visit.person),
            joinedload(Visit.attempts).joinedload(VisitAttempt.attempt).joinedload(UnitAttempt.unit),
            joinedload(Visit.attempts).joinedload(VisitAttempt.attempt).joinedload(UnitAttempt.candidate),
        )
        .order_by(Visit.ends_at.desc())
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


def _holding(allocation: type[Allocation], role: Role) -> ColumnElement[bool]:
    return and_(allocation.attempt_id == UnitAttempt.id, allocation.role == role, allocation.ends_at.is_(None))


def _is_live() -> ColumnElement[bool]:
    """SQL: a grant that has begun and has not ended."""
    moment = now()
    return and_(Grant.starts_at <= moment, or_(Grant.ends_at.is_(None), Grant.ends_at > moment))

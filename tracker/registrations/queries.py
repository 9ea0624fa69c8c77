"""Queries for the administrator's pages: registrations, people and visits."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Integer,
    Select,
    Subquery,
    and_,
    bindparam,
    case,
    cast,
    func,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import aliased, joinedload

from tracker.extensions import db
from tracker.models import (
    Allocation,
    Centre,
    Grant,
    Person,
    Registration,
    UnallocatedAttempt,
    Unit,
    UnitAttempt,
    Visit,
)
from tracker.registrations.current_allocations import (
    ALLOCATED_ROLES,
    select_live_grants,
    select_people_without_role,
)
from tracker.statements import fetch_rows
from tracker.vocabulary import OPEN_ATTEMPT_STATES, AttemptState, Role


@dataclass(frozen=True, slots=True)
class RegistrationToAllocate:
    """A registration with open attempts that still need an assessor or an internal verifier."""

    registration_id: int
    candidate: str
    units: int
    """The number of these attempts."""
    code: str
    """The code of the first of them."""
    without_assessor: int
    without_verifier: int
    started_at: datetime
    """When the oldest of them was started."""
    units_of_all: int
    """The number of such attempts of all registrations, those that are not listed included."""


def needs_assessor(is_allocated: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return as SQL whether the attempt is in progress and has no assessor."""
    return and_(UnitAttempt.state == AttemptState.IN_PROGRESS, ~is_allocated)


def needs_verifier(is_allocated: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return as SQL whether the attempt is open and has no internal verifier."""
    return and_(UnitAttempt.state.in_(OPEN_ATTEMPT_STATES), ~is_allocated)


def needs_allocation(has_assessor: ColumnElement[bool], has_verifier: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return as SQL whether the attempt needs an assessor or an internal verifier.

    A withdrawn candidate's attempt needs none, unless they completed the unit and it waits for its verifier.

    Args:
        has_assessor: the SQL condition that the attempt has a current allocation to an assessor.
        has_verifier: the same for an internal verifier.
    """
    return or_(
        and_(Registration.withdrawn_at.is_(None), or_(needs_assessor(has_assessor), needs_verifier(has_verifier))),
        and_(UnitAttempt.state == AttemptState.CONFIRMED, needs_verifier(has_verifier)),
    )


def is_not_registered() -> ColumnElement[bool]:
    """Return as SQL whether the awarding body has still to register the candidate, who is not withdrawn.

    docs/rules.md, Things, rule 17.
    """
    return and_(Registration.awarding_body_number.is_(None), Registration.withdrawn_at.is_(None))


@dataclass(frozen=True)
class AttemptsToAllocate:
    """The attempts of a centre that need allocating, in SQL, and whom each needs."""

    statement: Select[UnitAttempt]
    needs_assessor: ColumnElement[bool]
    needs_verifier: ColumnElement[bool]


def select_attempts_to_allocate(centre_id: int | BindParameter[int]) -> AttemptsToAllocate:
    """Select the attempts of a centre that need allocating, with their registrations: none of the others is read."""
    lacking = _select_lacking(centre_id)
    has_assessor, has_verifier = lacking.c.lacks_assessor == 0, lacking.c.lacks_verifier == 0
    statement = (
        select(UnitAttempt)
        .join(lacking, lacking.c.attempt_id == UnitAttempt.id)
        .join(Registration, Registration.id == UnitAttempt.registration_id)
        .where(
            UnitAttempt.centre_id == centre_id,
            UnitAttempt.state.in_(OPEN_ATTEMPT_STATES),
            needs_allocation(has_assessor, has_verifier),
        )
    )
    return AttemptsToAllocate(statement, needs_assessor(has_assessor), needs_verifier(has_verifier))


def _select_lacking(centre_id: int | BindParameter[int]) -> Subquery:
    """Select attempts of a centre, and whether each has no current allocation to an assessor or a verifier.

    They are those that have no allocation in a role, which triggers keep (`UnallocatedAttempt`), and those allocated
    to somebody who has the role no longer, or not yet: few people, who are found by their roles.
    """
    former, allocation = select_people_without_role(ALLOCATED_ROLES, centre_id), aliased(Allocation)
    pairs = union_all(
        select(UnallocatedAttempt.attempt_id, UnallocatedAttempt.role).where(
            UnallocatedAttempt.centre_id == centre_id
        ),
        select(allocation.attempt_id, allocation.role).join(
            former,
            and_(
                allocation.person_id == former.c.person_id,
                allocation.role == former.c.role,
                allocation.ends_at.is_(None),
            ),
        ),
    ).subquery()
    return (
        select(
            pairs.c.attempt_id,
            *(
                func.max(case((pairs.c.role == role, 1), else_=0)).label(name)
                for role, name in ((Role.ASSESSOR, "lacks_assessor"), (Role.INTERNAL_VERIFIER, "lacks_verifier"))
            ),
        )
        .group_by(pairs.c.attempt_id)
        .subquery()
    )


def _select_to_allocate() -> Select[*tuple[Any, ...]]:
    """Select the registrations to allocate at the centre `centre_id`, in the order of `RegistrationToAllocate`."""
    attempts = select_attempts_to_allocate(bindparam("centre_id"))
    started_at, units = func.min(UnitAttempt.started_at), func.count()
    return (
        attempts.statement.join(Unit, Unit.id == UnitAttempt.unit_id)
        .join(Person, Person.id == UnitAttempt.candidate_id)
        .with_only_columns(
            UnitAttempt.registration_id,
            Person.name,
            units,
            func.min(Unit.code),
            func.sum(case((attempts.needs_assessor, 1), else_=0)),
            func.sum(case((attempts.needs_verifier, 1), else_=0)),
            started_at,
            cast(func.sum(units).over(), Integer),
        )
        .group_by(UnitAttempt.registration_id, Person.name)
        .order_by(started_at, UnitAttempt.registration_id)
        .limit(bindparam("limit"))
    )


TO_ALLOCATE = _select_to_allocate()


def list_registrations_to_allocate(centre_id: int, limit: int) -> list[RegistrationToAllocate]:
    """List the registrations with open attempts that need an assessor or an internal verifier, oldest first."""
    return [RegistrationToAllocate(*row) for row in fetch_rows(TO_ALLOCATE, centre_id=centre_id, limit=limit)]


def list_attempts(registration: Registration) -> list[UnitAttempt]:
    """List the attempts of a registration with their units, oldest first."""
    query = (
        select(UnitAttempt)
        .where(UnitAttempt.registration_id == registration.id)
        .options(joinedload(UnitAttempt.unit))
        .order_by(UnitAttempt.id)
    )
    return list(db.session.scalars(query))


def list_allocation_history(attempt_ids: list[int]) -> dict[int, list[Allocation]]:
    """List every allocation of these attempts, past ones included, oldest first, by attempt."""
    query = (
        select(Allocation)
        .where(Allocation.attempt_id.in_(attempt_ids))
        .options(joinedload(Allocation.person))
        .order_by(Allocation.id)
    )
    history: dict[int, list[Allocation]] = {}
    for allocation in db.session.scalars(query):
        history.setdefault(allocation.attempt_id, []).append(allocation)
    return history


def list_live_roles(centre_id: int, person_ids: Collection[int]) -> set[tuple[int, Role]]:
    """Return the (person's id, role) pairs that these people have at a centre now."""
    query = select_live_grants(Grant, Person, Grant.person_id, Grant.role).where(
        Grant.centre_id == centre_id, Grant.person_id.in_(person_ids)
    )
    return {(row[0], row[1]) for row in db.session.execute(query)}


def find_visit(centre: Centre, visit_id: int) -> Visit | None:
    """Return a visit of this centre, or None."""
    return db.session.scalars(select(Visit).where(Visit.id == visit_id, Visit.centre_id == centre.id)).one_or_none()


def list_attempts_of(centre: Centre, candidate_ids: Collection[int]) -> list[UnitAttempt]:
    """List the attempts of candidates at a centre that are not void, by candidate and unit: a visit may name them."""
    query = (
        select(UnitAttempt)
        .join(Person, Person.id == UnitAttempt.candidate_id)
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .where(
            UnitAttempt.centre_id == centre.id,
            UnitAttempt.state != AttemptState.VOID,
            UnitAttempt.candidate_id.in_(candidate_ids),
        )
        .options(joinedload(UnitAttempt.unit), joinedload(UnitAttempt.candidate))
        .order_by(Person.name, Person.id, Unit.code, UnitAttempt.id)
    )
    return list(db.session.scalars(query))


def list_candidate_ids(centre: Centre, attempt_ids: Collection[int]) -> set[int]:
    """Return the ids of the candidates of these attempts, as far as they are a centre's."""
    query = select(UnitAttempt.candidate_id).where(
        UnitAttempt.id.in_(attempt_ids), UnitAttempt.centre_id == centre.id
    )
    return set(db.session.scalars(query))

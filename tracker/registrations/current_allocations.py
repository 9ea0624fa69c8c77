"""Which allocations count now: those that have not ended, of people who still have the role.

docs/rules.md, Things, rule 9. Every list, count and notification about the assessor or the internal verifier of an
attempt asks here.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Select, Subquery, and_, or_, select
from sqlalchemy.orm import aliased

from tracker.extensions import db
from tracker.models import Allocation, Grant, Person, UnitAttempt
from tracker.statements import moment_of_reading
from tracker.vocabulary import Role
from tracker.web.text_direction import isolate

ALLOCATED_ROLES = (Role.ASSESSOR, Role.INTERNAL_VERIFIER)
"""The roles in which an attempt is allocated to somebody, in the order in which they are allocated."""


def is_current(allocation: type[Allocation] = Allocation) -> ColumnElement[bool]:
    """Return as SQL whether an allocation counts now. The statement also selects from its `UnitAttempt`."""
    return and_(allocation.ends_at.is_(None), has_role_now(allocation))


def is_open_in_role(allocation: type[Allocation], role: Role) -> ColumnElement[bool]:
    """Return as SQL whether an allocation is that of `UnitAttempt` in a role and has not ended."""
    return and_(allocation.attempt_id == UnitAttempt.id, allocation.role == role, allocation.ends_at.is_(None))


def has_role_now(allocation: type[Allocation] = Allocation) -> ColumnElement[bool]:
    """Return as SQL whether the person of an allocation has its role at the centre of its `UnitAttempt` now."""
    return _select_role(allocation).exists()


def is_role_found(allocation: type[Allocation]) -> ColumnElement[bool]:
    """Return the same as SQL for a page of rows: it looks each up, where PostgreSQL would first hash every role."""
    return _select_role(allocation).limit(1).scalar_subquery().is_not(None)


def _select_role(allocation: type[Allocation]) -> Select[Any]:
    grant, person = aliased(Grant), aliased(Person)
    return (
        select_live_grants(grant, person, grant.id)
        .where(
            grant.person_id == allocation.person_id,
            grant.role == allocation.role,
            grant.centre_id == UnitAttempt.centre_id,
        )
        .correlate(allocation, UnitAttempt)
    )


def describe_allocated(name: str | None, has_role: bool) -> str | None:
    """Return the name of the person of an allocation, with words after it if they no longer have the role."""
    return f"{isolate(name)} (no longer has this role)" if name and not has_role else name


def has_allocation(role: Role) -> ColumnElement[bool]:
    """Return as SQL whether the attempt has a current allocation in this role."""
    allocation = aliased(Allocation)
    return (
        select(allocation.id)
        .where(allocation.attempt_id == UnitAttempt.id, allocation.role == role, is_current(allocation))
        .correlate(UnitAttempt)
        .exists()
    )


def select_live_grants(grant: type[Grant], person: type[Person], *columns: Any) -> Select[Any]:
    """Select columns of the grants that have started and not ended, of people whose accounts are open."""
    return (
        select(*columns)
        .select_from(grant)
        .join(person, person.id == grant.person_id)
        .where(
            grant.starts_at <= moment_of_reading(),
            or_(grant.ends_at.is_(None), grant.ends_at > moment_of_reading()),
            person.deactivated_at.is_(None),
        )
    )


def select_people_in_role(role: Role, centre_id: int | BindParameter[int]) -> Subquery:
    """Select the ids of the people who have a role at a centre now, each once.

    Where all attempts of a centre are read, they are joined to these rows. `has_role_now` would look up each.
    """
    grant, person = aliased(Grant), aliased(Person)
    return (
        select_live_grants(grant, person, grant.person_id)
        .where(grant.centre_id == centre_id, grant.role == role)
        .distinct()
        .subquery()
    )


def select_people_without_role(roles: Collection[Role], centre_id: int | BindParameter[int]) -> Subquery:
    """Select the ids and roles of people who had one of the roles at a centre, or will have it, but not now."""
    grant, live, person = aliased(Grant), aliased(Grant), aliased(Person)
    is_live = (
        select_live_grants(live, person, live.id)
        .where(live.person_id == grant.person_id, live.centre_id == grant.centre_id, live.role == grant.role)
        .exists()
    )
    may_have_ended = or_(  # so that only the roles of few people are looked up
        grant.ends_at.is_not(None),
        grant.starts_at > moment_of_reading(),
        grant.person_id.in_(select(Person.id).where(Person.deactivated_at.is_not(None))),
    )
    return (
        select(grant.person_id, grant.role)
        .where(grant.centre_id == centre_id, grant.role.in_(roles), may_have_ended, ~is_live)
        .distinct()
        .subquery()
    )


def find_current_allocation(attempt: UnitAttempt, role: Role) -> Allocation | None:
    """Return the allocation of an attempt in this role that counts now, or None."""
    query = (
        select(Allocation)
        .join(UnitAttempt, UnitAttempt.id == Allocation.attempt_id)
        .where(Allocation.attempt_id == attempt.id, Allocation.role == role, is_current())
    )
    return db.session.scalars(query).one_or_none()

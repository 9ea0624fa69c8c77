"""The list of a centre's units to allocate or reallocate, and those longest in progress."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, or_, select
from sqlalchemy.orm import aliased

from tracker.clock import day_of
from tracker.extensions import db
from tracker.models import Allocation, Centre, Grant, Person, Registration, Unit, UnitAttempt
from tracker.registrations import person_choices
from tracker.registrations.current_allocations import (
    ALLOCATED_ROLES,
    describe_allocated,
    has_role_now,
    is_open_in_role,
    is_role_found,
    select_people_in_role,
)
from tracker.registrations.searches import is_registration_found
from tracker.statements import fetch_rows
from tracker.vocabulary import OPEN_ATTEMPT_STATES, AttemptState, Role, use_terms
from tracker.web.list_pages import is_long, load_page
from tracker.web.list_positions import by_name
from tracker.web.lists import Column, Filter, ListDefinition, ListPage, ListQuery, contains_words

NOBODY = "none"
"""The value of a filter for units that are not allocated to anybody who still has the role."""
Candidate, Assessor, Verifier = aliased(Person), aliased(Person), aliased(Person)
Assessing, Verifying = aliased(Allocation), aliased(Allocation)


@dataclass(frozen=True, slots=True)
class AllocatedAttempt:
    """An open attempt at a centre, and to whom it has been allocated since when."""

    attempt_id: int
    registration_id: int
    code: str
    candidate: str
    state: AttemptState
    withdrawn_at: datetime | None
    """When the candidate was withdrawn, who had completed the unit; it still needs verifying."""
    assessor: str | None
    assessor_since: datetime | None
    assessor_has_role: bool
    """Whether the assessor still has the role; without it the attempt counts as not allocated."""
    verifier: str | None
    verifier_since: datetime | None
    verifier_has_role: bool


@dataclass(frozen=True, slots=True)
class AllocatedRegistration:
    """The open attempts of a registration that are allocated to one assessor."""

    registration_id: int
    candidate: str
    assessor: str
    units: int
    """The number of these attempts."""
    code: str
    """The code of the first of them."""
    since: datetime
    """Since when the first of them is allocated to the assessor."""


ALLOCATIONS = ListDefinition[AllocatedAttempt](
    "allocations",
    (
        Column("Candidate", lambda row: row.candidate, can_sort=True),
        Column("Unit", lambda row: row.code, can_sort=True),
        Column("State", lambda row: row.state.label),
        Column("Assessor", lambda row: describe_allocated(row.assessor, row.assessor_has_role), can_sort=True),
        Column("Assessor since", lambda row: row.assessor_since and day_of(row.assessor_since), only_in_csv=True),
        Column(
            "Internal verifier", lambda row: describe_allocated(row.verifier, row.verifier_has_role), can_sort=True
        ),
        Column(
            "Internal verifier since", lambda row: row.verifier_since and day_of(row.verifier_since), only_in_csv=True
        ),
        Column("Withdrawn", lambda row: row.withdrawn_at and day_of(row.withdrawn_at), only_in_csv=True),
    ),
    own_order="No assessor first",
)
LARGE_ALLOCATIONS = replace(ALLOCATIONS, own_order="Newest first")


@dataclass(frozen=True)
class AllocationFilters:
    """The choices that narrow the list."""

    filters: list[Filter]
    names_all_staff: bool
    """False where the staff are too many to offer: then only the one who is chosen is among the choices."""


def list_allocation_filters(centre: Centre, chosen: Collection[int]) -> AllocationFilters:
    """List the choices that narrow the list: the people to whom open units are allocated, also former staff.

    Args:
        centre: the centre.
        chosen: the ids of those who are chosen.
    """
    staff = select(Grant.person_id).where(Grant.centre_id == centre.id, Grant.role.in_(ALLOCATED_ROLES))
    limit = person_choices.MAX_CHOICES
    names_all = len(db.session.scalars(staff.distinct().limit(limit + 1)).all()) <= limit
    is_offered = _has_listed_attempt(centre.id) if names_all else Person.id.in_(chosen)
    query = (
        select(Grant.role, Person.id, Person.name)
        .join(Person, Person.id == Grant.person_id)
        .where(Grant.centre_id == centre.id, Grant.role.in_(ALLOCATED_ROLES), is_offered)
        .distinct()
        .order_by(Person.name, Person.id)
    )
    people: dict[Role, dict[str, str]] = {role: {NOBODY: "Not allocated"} for role in ALLOCATED_ROLES}
    for role, person_id, name in db.session.execute(query):
        people[role][str(person_id)] = name
    labels = {role: use_terms(role.label, centre.terms) for role in ALLOCATED_ROLES}
    filters = [
        Filter("assessor", labels[Role.ASSESSOR], "All assessors", people[Role.ASSESSOR]),
        Filter(
            "verifier",
            labels[Role.INTERNAL_VERIFIER],
            f"All {labels[Role.INTERNAL_VERIFIER].lower()}s",
            people[Role.INTERNAL_VERIFIER],
        ),
        Filter("state", "State", "All states", {state.value: state.label for state in OPEN_ATTEMPT_STATES}),
    ]
    return AllocationFilters(filters, names_all)


def _has_listed_attempt(centre_id: int) -> ColumnElement[bool]:
    """Return as SQL whether an attempt in the list is allocated to the person and in the role of a `Grant`."""
    return (
        select(Allocation.id)
        .join(UnitAttempt, UnitAttempt.id == Allocation.attempt_id)
        .join(Registration, Registration.id == UnitAttempt.registration_id)
        .where(
            Allocation.person_id == Grant.person_id,
            Allocation.role == Grant.role,
            UnitAttempt.centre_id == centre_id,
            _is_listed(),
            Allocation.ends_at.is_(None),
        )
        .limit(1)  # one is enough; PostgreSQL would otherwise join them all
        .scalar_subquery()
        .is_not(None)
    )


def choose_definition(centre: Centre) -> ListDefinition[AllocatedAttempt]:
    """Return the list of a centre's allocations: of a large one the newest are first unless sorted.

    Who has lost the role is not stored with the attempt, so to begin with them all would have to be looked at.
    """
    attempts = select(UnitAttempt.id).where(UnitAttempt.centre_id == centre.id)
    return LARGE_ALLOCATIONS if is_long(attempts) else ALLOCATIONS


def list_allocations(
    centre: Centre, query: ListQuery, definition: ListDefinition[AllocatedAttempt] = ALLOCATIONS
) -> ListPage[AllocatedAttempt]:
    """List a page of the attempts to allocate or reallocate: without an assessor first, then longest in progress."""
    statement = _select_open_attempts(centre.id)
    if query.words:
        statement = statement.where(_is_found(query, centre.id))
    for name, allocation in (("assessor", Assessing), ("verifier", Verifying)):
        if person := query.get(name):
            statement = statement.where(
                ~has_role_now(allocation) if person == NOBODY else allocation.person_id == int(person)
            )
    if state := query.get("state"):
        statement = statement.where(UnitAttempt.state == AttemptState(state))
    without_assessor = [has_role_now(Assessing), Assessing.id.is_not(None), Assessing.starts_at]
    return load_page(
        definition,
        query,
        statement,
        lambda row: AllocatedAttempt(*row),
        key=UnitAttempt.id,
        order_by={
            "": without_assessor if definition is ALLOCATIONS else [UnitAttempt.id.desc()],
            "candidate": [by_name(Candidate.name)],
            "unit": [Unit.code],
            "assessor": [func.lower(Assessor.name)],
            "internal-verifier": [func.lower(Verifier.name)],
        },
    )


def _is_found(query: ListQuery, centre_id: int) -> ColumnElement[bool]:
    """Return as SQL whether what is searched for is the unit, or in the registration. Runs two SQL statements.

    The units are found first: in one condition with the registrations, every attempt would be looked at.
    """
    found = is_registration_found(query.words, centre_id, UnitAttempt.registration_id)
    units = db.session.scalars(select(Unit.id).where(contains_words(query, Unit.code))).all()
    return or_(found, UnitAttempt.unit_id.in_(units)) if units else found


def list_longest_in_progress(centre_id: int, limit: int) -> list[AllocatedRegistration]:
    """List registrations by assessor, those first whose open attempts have been with the assessor longest."""
    return [AllocatedRegistration(*row) for row in fetch_rows(IN_PROGRESS_LONGEST, centre_id=centre_id, limit=limit)]


def _select_open_attempts(centre_id: int) -> Select[*tuple[Any, ...]]:
    return (
        select(
            UnitAttempt.id,
            UnitAttempt.registration_id,
            Unit.code,
            Candidate.name,
            UnitAttempt.state,
            Registration.withdrawn_at,
            Assessor.name,
            Assessing.starts_at,
            is_role_found(Assessing),
            Verifier.name,
            Verifying.starts_at,
            is_role_found(Verifying),
        )
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .join(Candidate, Candidate.id == UnitAttempt.candidate_id)
        .join(Registration, Registration.id == UnitAttempt.registration_id)
        .outerjoin(Assessing, is_open_in_role(Assessing, Role.ASSESSOR))
        .outerjoin(Assessor, Assessor.id == Assessing.person_id)
        .outerjoin(Verifying, is_open_in_role(Verifying, Role.INTERNAL_VERIFIER))
        .outerjoin(Verifier, Verifier.id == Verifying.person_id)
        .where(UnitAttempt.centre_id == centre_id, _is_listed())
    )


def _is_listed() -> ColumnElement[bool]:
    """Return as SQL whether the attempt is open; of a withdrawn candidate, whether it waits for its verifier.

    docs/rules.md, Unit states, rule 8.
    """
    return or_(
        and_(Registration.withdrawn_at.is_(None), UnitAttempt.state.in_(OPEN_ATTEMPT_STATES)),
        UnitAttempt.state == AttemptState.CONFIRMED,
    )


def _select_longest_in_progress() -> Select[*tuple[Any, ...]]:
    """Select the fields of `AllocatedRegistration` at the centre `centre_id`; only those listed get their names."""
    assessors = select_people_in_role(Role.ASSESSOR, bindparam("centre_id"))
    since = func.min(Assessing.starts_at)
    groups = (
        select(
            UnitAttempt.registration_id,
            UnitAttempt.candidate_id,
            Assessing.person_id,
            func.count().label("units"),
            func.min(Unit.code).label("code"),
            since.label("since"),
        )
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .join(Registration, Registration.id == UnitAttempt.registration_id)
        .join(Assessing, is_open_in_role(Assessing, Role.ASSESSOR))
        .join(assessors, assessors.c.person_id == Assessing.person_id)
        .where(
            UnitAttempt.centre_id == bindparam("centre_id"), UnitAttempt.state.in_(OPEN_ATTEMPT_STATES), _is_listed()
        )
        .group_by(UnitAttempt.registration_id, UnitAttempt.candidate_id, Assessing.person_id)
        .order_by(since, UnitAttempt.registration_id)
        .limit(bindparam("limit"))
        .subquery()
    )
    return (
        select(groups.c.registration_id, Candidate.name, Assessor.name, groups.c.units, groups.c.code, groups.c.since)
        .join(Candidate, Candidate.id == groups.c.candidate_id)
        .join(Assessor, Assessor.id == groups.c.person_id)
        .order_by(groups.c.since, groups.c.registration_id)
    )


IN_PROGRESS_LONGEST = _select_longest_in_progress()

"""The list of a centre's candidates, a row for each registration."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, func, select

from tracker.clock import day_of
from tracker.extensions import db
from tracker.models import Centre, Person, Registration, UnitAttempt
from tracker.registrations.current_allocations import has_allocation
from tracker.registrations.queries import is_not_registered, needs_allocation, select_attempts_to_allocate
from tracker.registrations.searches import is_registration_found
from tracker.vocabulary import AttemptState, Role
from tracker.web.list_pages import is_among, is_long, load_page
from tracker.web.list_positions import by_name
from tracker.web.lists import Column, Filter, ListDefinition, ListPage, ListQuery


@dataclass(frozen=True, slots=True)
class RegistrationRow:
    """A registration in the list of a centre's candidates."""

    registration_id: int
    candidate: str
    candidate_number: str
    is_registered: bool
    """Whether the awarding body has registered the candidate."""
    registered_at: datetime
    withdrawn_at: datetime | None
    units: int
    to_allocate: int
    """Open units that still need an assessor or an internal verifier."""


REGISTRATIONS = ListDefinition[RegistrationRow](
    "candidates",
    (
        Column("Candidate", lambda row: row.candidate, can_sort=True),
        Column("Number", lambda row: row.candidate_number, can_sort=True),
        Column(
            "With the awarding body",
            lambda row: "Registered" if row.is_registered else "Not yet registered",
            only_in_csv=True,
        ),
        Column("Registered", lambda row: day_of(row.registered_at), can_sort=True, largest_first=True),
        Column("Units", lambda row: row.units, can_sort=True, largest_first=True, is_number=True),
        Column("Needs allocating", lambda row: row.to_allocate),
        Column("Withdrawn", lambda row: row.withdrawn_at and day_of(row.withdrawn_at), only_in_csv=True),
    ),
    own_order="Needs allocating",
)
LARGE_REGISTRATIONS = replace(REGISTRATIONS, default_sort="-registered", own_order="")
SHOWN = Filter(
    "show",
    "Show",
    "All candidates",
    {"to-allocate": "Needs allocating", "not-registered": "Not yet registered", "withdrawn": "Withdrawn"},
)


def choose_definition(centre: Centre) -> ListDefinition[RegistrationRow]:
    """Return the list of a centre's candidates: of a large one the newest are first unless sorted.

    Which candidates need allocating is not stored, so to begin with them all would have to be looked at.
    """
    registrations = select(Registration.id).where(Registration.centre_id == centre.id)
    return LARGE_REGISTRATIONS if is_long(registrations) else REGISTRATIONS


def list_registrations(
    centre: Centre, query: ListQuery, definition: ListDefinition[RegistrationRow] = REGISTRATIONS
) -> ListPage[RegistrationRow]:
    """List a page of registrations, most units to allocate first unless sorted. Runs three SQL statements."""
    statement = select_registrations(
        centre,
        query,
        Registration.id,
        Person.name,
        Registration.candidate_number,
        Registration.awarding_body_number.is_not(None),
        Registration.registered_at,
        Registration.withdrawn_at,
    )
    listed: ListPage[Any] = load_page(
        definition,
        query,
        statement,
        tuple,
        key=Registration.id,
        order_by={
            "": [_count(_needs_allocation()).desc(), by_name(Person.name)],
            "candidate": [by_name(Person.name)],
            "number": [Registration.candidate_number],
            "registered": [Registration.registered_at],
            "units": [_count(_is_not_void())],
        },
    )
    counts = _count_units([row[0] for row in listed.rows])
    return replace(listed, rows=[RegistrationRow(*(*row, *counts.get(row[0], (0, 0)))) for row in listed.rows])


def select_registrations(centre: Centre, query: ListQuery, *columns: Any) -> Select[Any]:
    """Select columns of the registrations that the search and the filter of the list leave, without an order."""
    statement = (
        select(*columns)
        .select_from(Registration)
        .join(Person, Person.id == Registration.candidate_id)
        .where(
            Registration.centre_id == centre.id,
            is_registration_found(query.words, centre.id),
        )
    )
    match query.get("show"):
        case "to-allocate":
            attempts = select_attempts_to_allocate(centre.id).statement
            ids = attempts.with_only_columns(UnitAttempt.registration_id).distinct()
            return statement.where(is_among(Registration.id, ids))
        case "not-registered":
            return statement.where(is_not_registered())
        case "withdrawn":
            return statement.where(Registration.withdrawn_at.is_not(None))
    return statement


def _is_not_void() -> ColumnElement[bool]:
    return UnitAttempt.state != AttemptState.VOID


def _needs_allocation() -> ColumnElement[bool]:
    return needs_allocation(has_allocation(Role.ASSESSOR), has_allocation(Role.INTERNAL_VERIFIER))


def _select_attempts(*columns: Any) -> Select[Any]:
    """Select columns of the attempts of a statement's `Registration`."""
    return select(*columns).where(UnitAttempt.registration_id == Registration.id).correlate(Registration)


def _count(condition: ColumnElement[bool]) -> ScalarSelect[int]:
    return _select_attempts(func.count(UnitAttempt.id)).where(condition).scalar_subquery()


def _count_units(ids: list[int]) -> dict[int, tuple[int, int]]:
    """Return how many units the registrations with these ids have, and how many of them need allocating."""
    query = (
        select(
            UnitAttempt.registration_id,
            func.count(UnitAttempt.id).filter(_is_not_void()),
            func.count(UnitAttempt.id).filter(_needs_allocation()),
        )
        .join(Registration, Registration.id == UnitAttempt.registration_id)
        .where(UnitAttempt.registration_id.in_(ids))
        .group_by(UnitAttempt.registration_id)
    )
    return {row[0]: (row[1], row[2]) for row in db.session.execute(query)}

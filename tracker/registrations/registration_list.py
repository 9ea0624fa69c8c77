"""The list of a centre's candidates, a row for each registration."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from tracker.clock import day_of
from tracker.models import Centre, Person, Registration, UnitAttempt
from tracker.registrations.queries import is_not_registered, needs_allocation
from tracker.vocabulary import AttemptState
from tracker.web.lists import Column, Filter, ListDefinition, ListPage, ListQuery, contains_words, load_page


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
SHOWN = Filter(
    "show",
    "Show",
    "All candidates",
    {"to-allocate": "Needs allocating", "not-registered": "Not yet registered", "withdrawn": "Withdrawn"},
)


def list_registrations(centre: Centre, query: ListQuery) -> ListPage[RegistrationRow]:
    """List a page of registrations, most units to allocate first unless sorted. Runs two SQL statements."""
    units = func.count(UnitAttempt.id).filter(UnitAttempt.state != AttemptState.VOID)
    to_allocate = func.count(UnitAttempt.id).filter(needs_allocation())
    statement = (
        select(
            Registration.id,
            Person.name,
            Registration.candidate_number,
            Registration.awarding_body_number.is_not(None),
            Registration.registered_at,
            Registration.withdrawn_at,
            units,
            to_allocate,
        )
        .join(Person, Person.id == Registration.candidate_id)
        .outerjoin(UnitAttempt, UnitAttempt.registration_id == Registration.id)
        .where(
            Registration.centre_id == centre.id,
            contains_words(query, Person.name, Registration.candidate_number, Registration.awarding_body_number),
        )
        .group_by(Registration.id, Person.name)
    )
    match query.get("show"):
        case "to-allocate":
            statement = statement.having(to_allocate > 0)
        case "not-registered":
            statement = statement.where(is_not_registered())
        case "withdrawn":
            statement = statement.where(Registration.withdrawn_at.is_not(None))
    return load_page(
        REGISTRATIONS,
        query,
        statement,
        lambda row: RegistrationRow(*row),
        key=Registration.id,
        order_by={
            "": [to_allocate.desc(), func.lower(Person.name)],
            "candidate": [func.lower(Person.name)],
            "number": [Registration.candidate_number],
            "registered": [Registration.registered_at],
            "units": [units],
        },
    )

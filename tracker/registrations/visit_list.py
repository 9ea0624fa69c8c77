"""The list of external verifiers' visits to a centre."""

from sqlalchemy import select
from sqlalchemy.orm import contains_eager, selectinload

from tracker.clock import day_of, now
from tracker.models import Centre, Person, UnitAttempt, Visit, VisitAttempt
from tracker.web.list_pages import load_page
from tracker.web.list_positions import by_name
from tracker.web.lists import Column, Filter, ListDefinition, ListPage, ListQuery, contains_words


def describe_scope(visit: Visit) -> str:
    """Return the units in scope of a visit, each with its candidate, in one line."""
    return ", ".join(f"{each.attempt.unit.code} of {each.attempt.candidate.name}" for each in visit.attempts)


VISITS = ListDefinition[Visit](
    "visits",
    (
        Column("External verifier", lambda visit: visit.person.name, can_sort=True),
        Column("First day", lambda visit: day_of(visit.starts_at), can_sort=True, largest_first=True),
        Column("Last day", lambda visit: visit.last_day, can_sort=True, largest_first=True),
        Column("Units in scope", describe_scope),
    ),
    default_sort="-last-day",
)
STATES = Filter("state", "Visits", "All visits", {"open": "Open or to come", "ended": "Ended"})


def list_visits(centre: Centre, query: ListQuery) -> ListPage[Visit]:
    """List a page of a centre's visits with their attempts, latest end first unless sorted. Runs three statements."""
    statement = (
        select(Visit)
        .join(Visit.person)
        .where(Visit.centre_id == centre.id, contains_words(query, Person.name))
        .options(
            contains_eager(Visit.person),
            selectinload(Visit.attempts).joinedload(VisitAttempt.attempt).joinedload(UnitAttempt.unit),
            selectinload(Visit.attempts).joinedload(VisitAttempt.attempt).joinedload(UnitAttempt.candidate),
        )
    )
    if state := query.get("state"):
        is_over = Visit.ends_at <= now()
        statement = statement.where(is_over if state == "ended" else ~is_over)
    return load_page(
        VISITS,
        query,
        statement,
        lambda row: row.Visit,
        key=Visit.id,
        order_by={
            "external-verifier": [by_name(Person.name)],
            "first-day": [Visit.starts_at],
            "last-day": [Visit.ends_at],
        },
    )

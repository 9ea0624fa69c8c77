"""The list of who opened a candidate's portfolio: the portfolio access log as people read it."""

from sqlalchemy import select
from sqlalchemy.orm import contains_eager

from tracker.models import Person, PortfolioAccess
from tracker.vocabulary import PortfolioPart, Role
from tracker.web.formatting import clock
from tracker.web.list_pages import load_page
from tracker.web.list_positions import by_name
from tracker.web.lists import Column, Filter, ListDefinition, ListPage, ListQuery, contains_words


def describe_times(access: PortfolioAccess) -> str:
    """Return when the portfolio was first and last opened on that day: one time if both are the same minute."""
    first, last = clock(access.first_at), clock(access.last_at)
    return first if first == last else f"{first}–{last}"


ACCESSES = ListDefinition[PortfolioAccess](
    "access-log",
    (
        Column("Person", lambda row: row.person.name, can_sort=True),
        Column("Role", lambda row: row.role.label, can_sort=True, has_terms=True),
        Column("Opened", lambda row: row.part.label, can_sort=True),
        Column("Date", lambda row: row.day, can_sort=True, largest_first=True),
        Column("Time", describe_times),
    ),
    default_sort="-date",
)
PARTS = Filter("opened", "Opened", "All parts", {part.value: part.label for part in PortfolioPart})
ROLES = Filter(
    "role",
    "Role",
    "All roles",
    {role.value: role.label for role in Role if role is not Role.CANDIDATE},
    has_terms=True,
)


def list_accesses(candidate_id: int, centre_id: int | None, query: ListQuery) -> ListPage[PortfolioAccess]:
    """List a page of a candidate's access log, at one centre or all, newest first unless sorted."""
    statement = (
        select(PortfolioAccess)
        .join(PortfolioAccess.person)
        .where(PortfolioAccess.candidate_id == candidate_id, contains_words(query, Person.name))
        .options(contains_eager(PortfolioAccess.person))
    )
    if centre_id is not None:
        statement = statement.where(PortfolioAccess.centre_id == centre_id)
    if part := query.get("opened"):
        statement = statement.where(PortfolioAccess.part == PortfolioPart(part))
    if role := query.get("role"):
        statement = statement.where(PortfolioAccess.role == Role(role))
    return load_page(
        ACCESSES,
        query,
        statement,
        lambda row: row.PortfolioAccess,
        key=tuple(PortfolioAccess.__table__.primary_key),
        order_by={
            "person": [by_name(Person.name)],
            "role": [PortfolioAccess.role],
            "opened": [PortfolioAccess.part],
            "date": [PortfolioAccess.day, PortfolioAccess.last_at],
        },
    )

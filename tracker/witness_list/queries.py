"""The witness list of a centre, a page at a time, and one of its entries."""

from datetime import date

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import joinedload

from tracker.clock import today
from tracker.errors import NotFound
from tracker.extensions import db
from tracker.models import Centre, ListedWitness
from tracker.vocabulary import ListedStatus
from tracker.web.list_pages import load_page
from tracker.web.list_positions import by_name
from tracker.web.lists import Column, Filter, ListDefinition, ListPage, ListQuery, contains_words

WITNESSES = ListDefinition[ListedWitness](
    "witness-list",
    (
        Column("Name", lambda row: row.name, can_sort=True),
        Column("Job or relationship", lambda row: row.relationship),
        Column("Status", lambda row: row.status.label, can_sort=True),
        Column("From", lambda row: row.starts_on, can_sort=True, largest_first=True),
        Column("Until", lambda row: row.ends_on),
        Column("Induction", lambda row: row.inducted_on),
        Column("CV", lambda row: row.cv, only_in_csv=True),
        Column("Email address", lambda row: row.email, only_in_csv=True),
        Column("Listed by", lambda row: row.recorded_by.name),
    ),
    default_sort="name",
)
ENDED = "ended"
FILTERS = (
    Filter("status", "Status", "All statuses", {each.value: each.label for each in ListedStatus}),
    Filter("show", "Show", "On the list now", {ENDED: "Ended or removed"}),
)
MAX_PRINTED = 500
"""The most witnesses on a printed list."""


def list_witnesses(centre: Centre, query: ListQuery) -> ListPage[ListedWitness]:
    """List a page of a centre's witness list. Two statements."""
    statement = (
        select(ListedWitness)
        .where(
            ListedWitness.centre_id == centre.id,
            _is_ended(today()) if query.get("show") == ENDED else ~_is_ended(today()),
            contains_words(query, ListedWitness.name, ListedWitness.relationship),
        )
        .options(joinedload(ListedWitness.recorded_by))
    )
    if status := query.get("status"):
        statement = statement.where(ListedWitness.status == ListedStatus(status))
    return load_page(
        WITNESSES,
        query,
        statement,
        lambda row: row.ListedWitness,
        key=ListedWitness.id,
        order_by={
            "name": [by_name(ListedWitness.name)],
            "status": [ListedWitness.status],
            "from": [ListedWitness.starts_on],
        },
    )


def list_printed(centre_id: int) -> list[ListedWitness]:
    """List the witnesses who are on a centre's list now, by name: one more than are printed, if there are more."""
    query = (
        select(ListedWitness)
        .where(ListedWitness.centre_id == centre_id, ~_is_ended(today()))
        .order_by(ListedWitness.name, ListedWitness.id)
        .limit(MAX_PRINTED + 1)
    )
    return list(db.session.scalars(query))


def get_entry(centre: Centre, entry_id: int) -> ListedWitness:
    """Return an entry of a centre's witness list; raise NotFound for any other."""
    query = select(ListedWitness).where(ListedWitness.id == entry_id, ListedWitness.centre_id == centre.id)
    entry = db.session.scalars(query).one_or_none()
    if entry is None:
        raise NotFound
    return entry


def _is_ended(day: date) -> ColumnElement[bool]:
    """Return as SQL `tracker.witness_list.status_on_day.has_ended`."""
    ends_before = and_(ListedWitness.ends_on.is_not(None), ListedWitness.ends_on < day)
    return or_(ListedWitness.removed_at.is_not(None), ends_before)

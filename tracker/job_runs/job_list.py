"""The list of job runs: a person's own, and for administrators those of their centres."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, false, func, or_, select

from tracker.clock import day_of
from tracker.models import JobRun, Person
from tracker.vocabulary import JobState
from tracker.web.list_pages import load_page
from tracker.web.lists import Column, Filter, ListDefinition, ListPage, ListQuery, contains_words


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job run in the list."""

    run_id: int
    title: str
    state: JobState
    done: int
    total: int
    started_by: str
    started_at: datetime
    ended_at: datetime | None


JOBS = ListDefinition[JobRow](
    "jobs",
    (
        Column("Job", lambda row: row.title, can_sort=True),
        Column("State", lambda row: row.state.label),
        Column("Done", lambda row: f"{row.done} of {row.total}"),
        Column("Started by", lambda row: row.started_by, can_sort=True),
        Column("Started", lambda row: day_of(row.started_at), can_sort=True, largest_first=True),
    ),
    default_sort="-started",
)
STATES = Filter("state", "State", "All states", {state.value: state.label for state in JobState})
WHOSE = Filter("whose", "Whose", "My jobs", {"centre": "My centre"})
"""For administrators only."""


def list_jobs(
    person_id: int, centres: Mapping[str, Collection[int]], administered: Collection[int], query: ListQuery
) -> ListPage[JobRow]:
    """List a page of job runs, the newest first unless sorted. Runs two SQL statements.

    Args:
        person_id: whose job runs they are, unless the list is of the centres.
        centres: for each kind, the centres at which this person may see their own job runs of it now.
        administered: the centres of which this person is an administrator.
        query: the search, the filters and the page.
    """
    visible = (and_(JobRun.kind == kind, JobRun.centre_id.in_(ids)) for kind, ids in centres.items())
    is_own = and_(JobRun.started_by_id == person_id, or_(false(), *visible))
    statement = (
        select(
            JobRun.id,
            JobRun.title,
            JobRun.state,
            JobRun.done,
            JobRun.total,
            Person.name,
            JobRun.started_at,
            JobRun.ended_at,
        )
        .join(Person, Person.id == JobRun.started_by_id)
        .where(
            JobRun.centre_id.in_(administered) if query.get("whose") == "centre" else is_own,
            contains_words(query, JobRun.title, Person.name),
        )
    )
    if state := query.get("state"):
        statement = statement.where(JobRun.state == JobState(state))
    return load_page(
        JOBS,
        query,
        statement,
        lambda row: JobRow(*row),
        key=JobRun.id,
        order_by={
            "job": [func.lower(JobRun.title)],
            "started-by": [func.lower(Person.name)],
            "started": [JobRun.started_at],
        },
    )

"""The list of a centre's registrations that have ended or are on hold, with until when each is kept."""

from dataclasses import replace
from typing import Any

from tracker.clock import day_of, today
from tracker.models import Person, Registration
from tracker.privacy.retention import (
    RetentionStatus,
    build_statuses,
    ended_at,
    list_due,
    select_ended_or_on_hold,
    select_on_hold,
)
from tracker.web.list_pages import cut_page, load_page
from tracker.web.list_positions import by_name
from tracker.web.lists import Column, Filter, ListDefinition, ListPage, ListQuery, contains_words

RETENTION = ListDefinition[RetentionStatus](
    "retention",
    (
        Column("Candidate", lambda row: row.registration.candidate.name, can_sort=True),
        Column("Candidate number", lambda row: row.registration.candidate_number, only_in_csv=True),
        Column("Awarding body", lambda row: row.awarding_body, only_in_csv=True),
        Column("Ended", lambda row: row.ended_on, can_sort=True),
        Column("Ended by", lambda row: row.ended_by, only_in_csv=True),
        Column("Evidence until", lambda row: "erased" if row.is_evidence_erased else row.evidence_until),
        Column("Decisions until", lambda row: "erased" if row.is_fully_erased else row.records_until),
        Column("Retention hold", lambda row: f"since {day_of(row.hold.set_at)}" if row.hold else ""),
    ),
    default_sort="ended",
)
SHOWN = Filter("show", "Show", "All registrations", {"due": "Due for erasure", "on-hold": "On retention hold"})


def list_retention_statuses(centre_id: int, query: ListQuery) -> ListPage[RetentionStatus]:
    """List a page of a centre's registrations that have ended or are on hold, earliest end first unless sorted.

    What is due for erasure depends on the awarding body's periods and on what is erased already, so those
    registrations are found among all that have ended, as for the reminders.
    """
    if query.get("show") == "due":
        return _list_due(centre_id, query)
    selected = select_on_hold(centre_id) if query.get("show") == "on-hold" else select_ended_or_on_hold(centre_id)
    statement = selected.where(contains_words(query, Person.name, Registration.candidate_number))
    listed: ListPage[Any] = load_page(
        RETENTION,
        query,
        statement,
        tuple,
        key=Registration.id,
        order_by={"candidate": [by_name(Person.name)], "ended": [ended_at()]},
    )
    return replace(listed, rows=list(build_statuses(centre_id, listed.rows)))


def _list_due(centre_id: int, query: ListQuery) -> ListPage[RetentionStatus]:
    words = query.words.lower()
    rows = [
        row
        for row in list_due(centre_id, today())
        if words in row.registration.candidate.name.lower() or words in row.registration.candidate_number.lower()
    ]
    return cut_page(
        RETENTION,
        query,
        rows,
        {"candidate": lambda row: row.registration.candidate.name.lower(), "ended": lambda row: row.ended_on},
        key=lambda row: row.registration.id,
    )

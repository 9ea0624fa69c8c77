"""The list of a centre's registrations that have ended or are on hold, with until when each is kept."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import contains_eager, join, joinedload

from tracker.clock import day_of, end_of_day, today
from tracker.extensions import db
from tracker.models import Person, Qualification, Registration, RegistrationRetention, RetentionHold
from tracker.privacy.retention import (
    REGISTRATIONS_AT_ONCE,
    EndedRegistration,
    RetentionSchedule,
    RetentionStatus,
    describe_retention,
    find_last_day_due,
    load_schedule,
    read_awarding_body,
)
from tracker.registrations.progress import load_progress
from tracker.registrations.retention_periods import RetentionPeriods
from tracker.registrations.searches import is_registration_found
from tracker.web.list_pages import load_page
from tracker.web.list_positions import by_name
from tracker.web.lists import Column, Filter, ListDefinition, ListPage, ListQuery

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

    They are found by the rows that triggers derive (`RegistrationRetention`), not by the centre's registrations.
    """
    schedule = load_schedule(centre_id)
    statement = _select_listed(centre_id).where(
        is_registration_found(query.words, centre_id, RegistrationRetention.registration_id)
    )
    match query.get("show"):
        case "due":
            statement = statement.where(_is_due(schedule, today()))
            statement = statement.where(Registration.id.not_in(_list_incomplete(statement)))
        case "on-hold":
            statement = statement.where(RetentionHold.id.is_not(None))
    listed: ListPage[Any] = load_page(
        RETENTION,
        query,
        statement,
        lambda row: EndedRegistration(*row),
        key=RegistrationRetention.registration_id,
        order_by={"candidate": [by_name(Person.name)], "ended": [RegistrationRetention.ended_at]},
    )
    return replace(listed, rows=list(describe_retention(schedule, listed.rows)))


def _select_listed(centre_id: int) -> Select[*tuple[Any, ...]]:
    """Select the registrations that have ended or are on hold, in the order of `EndedRegistration`."""
    is_held = and_(RetentionHold.registration_id == Registration.id, RetentionHold.lifted_at.is_(None))
    joined = (
        join(RegistrationRetention, Registration, Registration.id == RegistrationRetention.registration_id)
        .join(Person, Person.id == Registration.candidate_id)
        .outerjoin(RetentionHold, is_held)
    )
    return (
        select(
            Registration,
            RegistrationRetention.ended_at,
            RegistrationRetention.is_evidence_erased,
            RegistrationRetention.is_fully_erased,
            RetentionHold,
        )
        .select_from(joined)
        .where(
            RegistrationRetention.centre_id == centre_id,
            or_(RegistrationRetention.ended_at.is_not(None), RegistrationRetention.is_on_hold),
        )
        .options(contains_eager(Registration.candidate), joinedload(Registration.qualification))
    )


def _is_due(schedule: RetentionSchedule, day: date) -> ColumnElement[bool]:
    """Return as SQL whether a period of the registration is over, what it kept is not erased, and it is not on hold.

    A registration that ends with its qualification may still be incomplete.
    """
    others = schedule.get_periods("")
    own: dict[RetentionPeriods, list[int]] = {}
    for qualification_id, body in _list_awarding_bodies() if schedule.names_bodies else ():
        if (periods := schedule.get_periods(body)) != others:
            own.setdefault(periods, []).append(qualification_id)
    column = Registration.qualification_id
    is_other = or_(column.is_(None), column.not_in([each for ids in own.values() for each in ids]))
    return and_(
        ~RegistrationRetention.is_on_hold,
        or_(
            and_(is_other, _is_over(others, day)),
            *(and_(column.in_(ids), _is_over(periods, day)) for periods, ids in own.items()),
        ),
    )


def _list_awarding_bodies() -> Iterator[tuple[int, str]]:
    """Yield each qualification's id and awarding body."""
    for qualification_id, document in db.session.execute(select(Qualification.id, Qualification.document)):
        yield qualification_id, read_awarding_body(document)


def _is_over(periods: RetentionPeriods, day: date) -> ColumnElement[bool]:
    """Return as SQL whether something that was kept for these periods is due: evidence, or the records too."""
    kept = RegistrationRetention
    is_evidence_due = kept.ended_at <= end_of_day(find_last_day_due(periods.evidence, day))
    are_records_due = kept.ended_at <= end_of_day(find_last_day_due(periods.records, day))
    return and_(
        ~kept.is_fully_erased,
        or_(and_(~kept.is_evidence_erased, is_evidence_due), and_(kept.is_evidence_erased, are_records_due)),
    )


def _list_incomplete(statement: Select[*tuple[Any, ...]]) -> list[int]:
    """Return which of the registrations that a statement selects are for a qualification that is not complete."""
    query = statement.with_only_columns(Registration.id, maintain_column_froms=True).where(
        RegistrationRetention.ends_with_qualification
    )
    ids, incomplete = db.session.scalars(query).all(), []
    for start in range(0, len(ids), REGISTRATIONS_AT_ONCE):
        progress = load_progress(ids[start : start + REGISTRATIONS_AT_ONCE])
        incomplete += [key for key, each in progress.items() if not each.result.complete]
    return incomplete

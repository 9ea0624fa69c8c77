"""Queries for the units allocated to an internal verifier: those to verify, and the others."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, and_, func, select
from sqlalchemy.orm import aliased

from tracker.clock import day_of
from tracker.extensions import db
from tracker.models import Allocation, Person, Sample, Signature, Unit, UnitAttempt
from tracker.registrations.current_allocations import is_current
from tracker.vocabulary import AttemptState, Role, SignatureRole
from tracker.web.list_pages import load_page
from tracker.web.list_positions import SortKey, by_name
from tracker.web.lists import Column, Filter, ListDefinition, ListPage, ListQuery, contains_words

Assessor, Assessing = aliased(Person), aliased(Allocation)


@dataclass(frozen=True, slots=True)
class AllocatedAttempt:
    """An attempt allocated to an internal verifier."""

    attempt_id: int
    state: AttemptState
    round: int
    code: str
    title: str
    candidate: str
    assessor: str | None
    confirmed_at: datetime | None
    sampled_at: datetime | None
    """When this round was last sampled."""


CANDIDATE = Column[AllocatedAttempt]("Candidate", lambda row: row.candidate, can_sort=True)
UNIT = Column[AllocatedAttempt]("Unit", lambda row: row.code, can_sort=True)
TITLE = Column[AllocatedAttempt]("Title", lambda row: row.title, only_in_csv=True)
ROUND = Column[AllocatedAttempt]("Round", lambda row: row.round, only_in_csv=True)
ASSESSOR = Column[AllocatedAttempt]("Assessor", lambda row: row.assessor, can_sort=True)
LAST_SAMPLED = Column[AllocatedAttempt](
    "Last sampled", lambda row: row.sampled_at and day_of(row.sampled_at), can_sort=True, largest_first=True
)
TO_VERIFY = ListDefinition[AllocatedAttempt](
    "units-to-verify",
    (
        CANDIDATE,
        UNIT,
        TITLE,
        ROUND,
        ASSESSOR,
        Column(
            "Confirmed",
            lambda row: row.confirmed_at and day_of(row.confirmed_at),
            can_sort=True,
            order_words="Waiting longest",
        ),
        LAST_SAMPLED,
    ),
    default_sort="confirmed",
)
OTHER_UNITS = ListDefinition[AllocatedAttempt](
    "other-units",
    (CANDIDATE, UNIT, TITLE, ROUND, Column("State", lambda row: row.state.label), ASSESSOR, LAST_SAMPLED),
    own_order="Not yet signed off first",
)
OTHER_STATES = tuple(state for state in AttemptState if state not in (AttemptState.CONFIRMED, AttemptState.VOID))
SAMPLED = Filter("sampled", "Sampled", "All units", {"no": "Not in this round", "yes": "In this round"})
STATES = Filter("state", "State", "All states", {state.value: state.label for state in OTHER_STATES})


def count_attempts_to_verify(person_id: int) -> int:
    """Count the confirmed attempts allocated to an internal verifier."""
    return _count_rows(select_allocated(person_id, UnitAttempt.id).where(UnitAttempt.state == AttemptState.CONFIRMED))


def list_attempts_to_verify(person_id: int, query: ListQuery) -> ListPage[AllocatedAttempt]:
    """List a page of the confirmed attempts allocated to an internal verifier. Runs two SQL statements."""
    statement = _select_attempts(person_id, query).where(UnitAttempt.state == AttemptState.CONFIRMED)
    order_by = {**_order_by(), "confirmed": [SortKey(Signature.signed_at)]}
    return load_page(
        TO_VERIFY, query, statement, lambda row: AllocatedAttempt(*row), key=UnitAttempt.id, order_by=order_by
    )


def find_next_to_verify(person_id: int) -> AllocatedAttempt | None:
    """Return the first row of `list_attempts_to_verify`, the unit confirmed the longest ago; None without one."""
    return next(iter(list_attempts_to_verify(person_id, ListQuery(sort=TO_VERIFY.default_sort, size=1)).rows), None)


def count_other_attempts(person_id: int) -> int:
    """Count the attempts allocated to an internal verifier that are neither confirmed nor void."""
    return _count_rows(select_allocated(person_id, UnitAttempt.id).where(_is_other()))


def list_other_attempts(person_id: int, query: ListQuery) -> ListPage[AllocatedAttempt]:
    """List a page of the other attempts, in progress or assessed before verified. Runs two SQL statements."""
    statement = _select_attempts(person_id, query).where(_is_other())
    if state := query.get("state"):
        statement = statement.where(UnitAttempt.state == AttemptState(state))
    is_open = UnitAttempt.state.in_((AttemptState.IN_PROGRESS, AttemptState.ASSESSED))
    order_by = {**_order_by(), "": [is_open.desc(), by_name(Person.name)]}
    return load_page(
        OTHER_UNITS, query, statement, lambda row: AllocatedAttempt(*row), key=UnitAttempt.id, order_by=order_by
    )


def select_allocated(person_id: int, *columns: Any) -> Select[Any]:
    """Select columns of the attempts allocated now to an internal verifier."""
    return (
        select(*columns)
        .select_from(UnitAttempt)
        .join(Allocation, Allocation.attempt_id == UnitAttempt.id)
        .where(
            Allocation.person_id == person_id,
            Allocation.role == Role.INTERNAL_VERIFIER,
            is_current(),
        )
    )


def _select_attempts(person_id: int, query: ListQuery) -> Select[Any]:
    """Select the fields of an `AllocatedAttempt`, of the attempts that the search and the filter "Sampled" leave.

    `Person` is the candidate, and `Signature` the candidate's own.
    """
    is_confirmation = and_(
        Signature.attempt_id == UnitAttempt.id,
        Signature.role == SignatureRole.CANDIDATE,
        Signature.superseded_at.is_(None),
    )
    statement = (
        select_allocated(
            person_id,
            UnitAttempt.id,
            UnitAttempt.state,
            UnitAttempt.round,
            Unit.code,
            Unit.title,
            Person.name,
            Assessor.name,
            Signature.signed_at,
            _last_sampled_at(),
        )
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .join(Person, Person.id == UnitAttempt.candidate_id)
        .outerjoin(Assessing, _is_current_assessor(Assessing))
        .outerjoin(Assessor, Assessor.id == Assessing.person_id)
        .outerjoin(Signature, is_confirmation)
        .where(contains_words(query, Person.name, Unit.code, Unit.title, Assessor.name))
    )
    if sampled := query.get("sampled"):
        was_sampled = _last_sampled_at().is_not(None)
        statement = statement.where(was_sampled if sampled == "yes" else ~was_sampled)
    return statement


def _order_by() -> dict[str, list[Any]]:
    """Return what the columns sort by that both lists have."""
    return {
        "candidate": [by_name(Person.name)],
        "unit": [Unit.code],
        "assessor": [func.lower(Assessor.name)],
        "last-sampled": [_last_sampled_at()],
    }


def _last_sampled_at() -> ScalarSelect[datetime]:
    """Return as SQL when the attempt's round was last sampled."""
    return (
        select(func.max(Sample.sampled_at))
        .where(Sample.attempt_id == UnitAttempt.id, Sample.round == UnitAttempt.round)
        .correlate(UnitAttempt)
        .scalar_subquery()
    )


def _is_current_assessor(allocation: Any) -> ColumnElement[bool]:
    return and_(
        allocation.attempt_id == UnitAttempt.id, allocation.role == Role.ASSESSOR, allocation.ends_at.is_(None)
    )


def _is_other() -> ColumnElement[bool]:
    return UnitAttempt.state.not_in((AttemptState.CONFIRMED, AttemptState.VOID))


def _count_rows(query: Select[Any]) -> int:
    return db.session.scalar(select(func.count()).select_from(query.subquery())) or 0

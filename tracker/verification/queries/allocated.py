"""Reads of what is allocated to an internal verifier: units by what waits for them, action points, sampling grid."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, select
from sqlalchemy.orm import aliased

from tracker.clock import start_of_day, today
from tracker.extensions import db
from tracker.models import ActionPoint, Allocation, Person, Sample, Signature, Unit, UnitAttempt
from tracker.vocabulary import AttemptState, Role, SignatureRole

PAGE_LENGTH = 50


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


@dataclass(frozen=True, slots=True)
class AllocatedActionPoint:
    """An action point on an attempt allocated to an internal verifier."""

    id: int
    attempt_id: int
    code: str
    candidate: str
    action: str
    raised_at: datetime
    due_on: date
    response: str | None
    responded_at: datetime | None
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class SamplingGrid:
    """Attempts sampled this quarter, by assessor and unit."""

    quarter: str
    codes: tuple[str, ...]
    rows: tuple[tuple[str, tuple[tuple[int, int], ...]], ...]
    """Each assessor, and for each code how many of their attempts were sampled, and how many there are."""


def count_attempts_to_verify(person_id: int) -> int:
    """Count the confirmed attempts allocated to an internal verifier."""
    return _count(_select_allocated(person_id, UnitAttempt.id).where(UnitAttempt.state == AttemptState.CONFIRMED))


def list_attempts_to_verify(person_id: int, page: int) -> tuple[list[AllocatedAttempt], bool]:
    """List a page of the confirmed attempts, those confirmed longest ago first; and whether more follow."""
    query = _select_attempts(person_id).where(UnitAttempt.state == AttemptState.CONFIRMED)
    return _read_page(query.order_by(Signature.signed_at, UnitAttempt.id), page)


def count_other_attempts(person_id: int) -> int:
    """Count the attempts allocated to an internal verifier that are neither confirmed nor void."""
    return _count(_select_allocated(person_id, UnitAttempt.id).where(_is_other()))


def list_other_attempts(person_id: int, page: int) -> tuple[list[AllocatedAttempt], bool]:
    """List a page of the other attempts, open ones before verified ones, by candidate; and whether more follow."""
    query = _select_attempts(person_id).where(_is_other())
    is_open = UnitAttempt.state.in_((AttemptState.IN_PROGRESS, AttemptState.ASSESSED))
    return _read_page(query.order_by(is_open.desc(), Person.name, UnitAttempt.id), page)


def count_open_action_points(person_id: int) -> int:
    """Count the open action points on attempts allocated to an internal verifier that are not void."""
    return _count(_select_action_points(person_id).where(ActionPoint.closed_at.is_(None)))


def list_allocated_action_points(
    person_id: int, page: int, *, only_open: bool
) -> tuple[list[AllocatedActionPoint], bool]:
    """List a page of action points: answered ones first, which wait for the verifier; and whether more follow."""
    query = _select_action_points(person_id)
    if only_open:
        query = query.where(ActionPoint.closed_at.is_(None))
    query = query.order_by(
        ActionPoint.closed_at.is_not(None), ActionPoint.responded_at.is_(None), ActionPoint.raised_at, ActionPoint.id
    )
    rows = db.session.execute(query.limit(PAGE_LENGTH + 1).offset(PAGE_LENGTH * (page - 1))).all()
    return [AllocatedActionPoint(*tuple(row)) for row in rows[:PAGE_LENGTH]], len(rows) > PAGE_LENGTH


def build_sampling_grid(person_id: int, day: date | None = None) -> SamplingGrid:
    """Return how many of a verifier's attempts were sampled in the quarter of a day, by assessor and unit.

    Args:
        person_id: the internal verifier; attempts without an assessor are left out.
        day: a day of the quarter; None means today.
    """
    day = day or today()
    first_day = date(day.year, 3 * ((day.month - 1) // 3) + 1, 1)
    was_sampled = exists().where(Sample.attempt_id == UnitAttempt.id, Sample.sampled_at >= start_of_day(first_day))
    assessor, assessor_allocation = aliased(Person), aliased(Allocation)
    query = (
        _select_allocated(
            person_id, assessor.name, Unit.code, func.count().filter(was_sampled), func.count(UnitAttempt.id)
        )
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .join(assessor_allocation, _is_current_assessor(assessor_allocation))
        .join(assessor, assessor.id == assessor_allocation.person_id)
        .where(UnitAttempt.state != AttemptState.VOID)
        .group_by(assessor.name, Unit.code)
    )
    counts = {(name, code): (sampled, total) for name, code, sampled, total in db.session.execute(query)}
    codes = tuple(sorted({code for _, code in counts}))
    names = sorted({name for name, _ in counts})
    rows = tuple((name, tuple(counts.get((name, code), (0, 0)) for code in codes)) for name in names)
    quarter = f"{first_day:%B} to {date(first_day.year, first_day.month + 2, 1):%B %Y}"
    return SamplingGrid(quarter, codes, rows)


def _select_allocated(person_id: int, *columns: Any) -> Select[Any]:
    """Select columns of the attempts allocated now to an internal verifier."""
    return (
        select(*columns)
        .select_from(UnitAttempt)
        .join(Allocation, Allocation.attempt_id == UnitAttempt.id)
        .where(
            Allocation.person_id == person_id,
            Allocation.role == Role.INTERNAL_VERIFIER,
            Allocation.ends_at.is_(None),
        )
    )


def _select_attempts(person_id: int) -> Select[Any]:
    """Select the fields of an `AllocatedAttempt`; `Person` is the candidate, `Signature` the candidate's own."""
    assessor, assessor_allocation = aliased(Person), aliased(Allocation)
    last_sampled_at = (
        select(func.max(Sample.sampled_at))
        .where(Sample.attempt_id == UnitAttempt.id, Sample.round == UnitAttempt.round)
        .correlate(UnitAttempt)
        .scalar_subquery()
    )
    is_confirmation = and_(
        Signature.attempt_id == UnitAttempt.id,
        Signature.role == SignatureRole.CANDIDATE,
        Signature.superseded_at.is_(None),
    )
    return (
        _select_allocated(
            person_id,
            UnitAttempt.id,
            UnitAttempt.state,
            UnitAttempt.round,
            Unit.code,
            Unit.title,
            Person.name,
            assessor.name,
            Signature.signed_at,
            last_sampled_at,
        )
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .join(Person, Person.id == UnitAttempt.candidate_id)
        .outerjoin(assessor_allocation, _is_current_assessor(assessor_allocation))
        .outerjoin(assessor, assessor.id == assessor_allocation.person_id)
        .outerjoin(Signature, is_confirmation)
    )


def _select_action_points(person_id: int) -> Select[Any]:
    """Select the fields of an `AllocatedActionPoint`; those of void attempts are left out."""
    return (
        _select_allocated(
            person_id,
            ActionPoint.id,
            ActionPoint.attempt_id,
            Unit.code,
            Person.name,
            ActionPoint.action,
            ActionPoint.raised_at,
            ActionPoint.due_on,
            ActionPoint.response,
            ActionPoint.responded_at,
            ActionPoint.closed_at,
        )
        .join(ActionPoint, ActionPoint.attempt_id == UnitAttempt.id)
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .join(Person, Person.id == UnitAttempt.candidate_id)
        .where(UnitAttempt.state != AttemptState.VOID)
    )


def _is_current_assessor(allocation: Any) -> ColumnElement[bool]:
    return and_(
        allocation.attempt_id == UnitAttempt.id, allocation.role == Role.ASSESSOR, allocation.ends_at.is_(None)
    )


def _is_other() -> ColumnElement[bool]:
    return UnitAttempt.state.not_in((AttemptState.CONFIRMED, AttemptState.VOID))


def _count(query: Select[Any]) -> int:
    return db.session.scalar(select(func.count()).select_from(query.subquery())) or 0


def _read_page(query: Select[Any], page: int) -> tuple[list[AllocatedAttempt], bool]:
    rows = db.session.execute(query.limit(PAGE_LENGTH + 1).offset(PAGE_LENGTH * (page - 1))).all()
    return [AllocatedAttempt(*tuple(row)) for row in rows[:PAGE_LENGTH]], len(rows) > PAGE_LENGTH

"""Queries for the units allocated to an internal verifier: those to verify, and the others."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.orm import aliased

from tracker.extensions import db
from tracker.models import Allocation, Person, Sample, Signature, Unit, UnitAttempt
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


def count_attempts_to_verify(person_id: int) -> int:
    """Count the confirmed attempts allocated to an internal verifier."""
    return _count_rows(select_allocated(person_id, UnitAttempt.id).where(UnitAttempt.state == AttemptState.CONFIRMED))


def list_attempts_to_verify(person_id: int, page: int) -> tuple[list[AllocatedAttempt], bool]:
    """List a page of the confirmed attempts, those confirmed longest ago first; and whether more follow."""
    query = _select_attempts(person_id).where(UnitAttempt.state == AttemptState.CONFIRMED)
    return _read_page(query.order_by(Signature.signed_at, UnitAttempt.id), page)


def count_other_attempts(person_id: int) -> int:
    """Count the attempts allocated to an internal verifier that are neither confirmed nor void."""
    return _count_rows(select_allocated(person_id, UnitAttempt.id).where(_is_other()))


def list_other_attempts(person_id: int, page: int) -> tuple[list[AllocatedAttempt], bool]:
    """List a page of the other attempts, open ones before verified ones, by candidate; and whether more follow."""
    query = _select_attempts(person_id).where(_is_other())
    is_open = UnitAttempt.state.in_((AttemptState.IN_PROGRESS, AttemptState.ASSESSED))
    return _read_page(query.order_by(is_open.desc(), Person.name, UnitAttempt.id), page)


def select_allocated(person_id: int, *columns: Any) -> Select[Any]:
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
        select_allocated(
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


def _is_current_assessor(allocation: Any) -> ColumnElement[bool]:
    return and_(
        allocation.attempt_id == UnitAttempt.id, allocation.role == Role.ASSESSOR, allocation.ends_at.is_(None)
    )


def _is_other() -> ColumnElement[bool]:
    return UnitAttempt.state.not_in((AttemptState.CONFIRMED, AttemptState.VOID))


def _count_rows(query: Select[Any]) -> int:
    return db.session.scalar(select(func.count()).select_from(query.subquery())) or 0


def _read_page(query: Select[Any], page: int) -> tuple[list[AllocatedAttempt], bool]:
    rows = db.session.execute(query.limit(PAGE_LENGTH + 1).offset(PAGE_LENGTH * (page - 1))).all()
    return [AllocatedAttempt(*tuple(row)) for row in rows[:PAGE_LENGTH]], len(rows) > PAGE_LENGTH

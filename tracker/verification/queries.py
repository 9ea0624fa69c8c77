"""Reads for the pages of verifiers: allocated attempts, action points, the sampling grid, samples, visits."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import and_, func, select
from sqlalchemy.orm import aliased, joinedload

from tracker.clock import now, start_of_day, today
from tracker.extensions import db
from tracker.models import (
    ActionPoint,
    ActionPointCriterion,
    Allocation,
    Assessment,
    Criterion,
    Person,
    Sample,
    SampleItem,
    Signature,
    Unit,
    UnitAttempt,
    Visit,
    VisitAttempt,
)
from tracker.vocabulary import AssessmentState, AttemptState, Role, SignatureRole


@dataclass(frozen=True, slots=True)
class AttemptToVerify:
    """An attempt allocated to an internal verifier."""

    attempt_id: int
    state: AttemptState
    round: int
    code: str
    title: str
    candidate: str
    assessor: str | None
    assessor_id: int | None
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


@dataclass(frozen=True, slots=True)
class AttemptInVisit:
    """An attempt that an external verifier may read, and the last day for it."""

    attempt_id: int
    code: str
    title: str
    candidate: str
    state: AttemptState
    round: int
    last_day: date
    centre: str
    seen_at: datetime | None


def list_attempts_to_verify(person_id: int) -> list[AttemptToVerify]:
    """List the attempts allocated to an internal verifier, those confirmed longest ago first."""
    verifier_allocation, assessor_allocation = aliased(Allocation), aliased(Allocation)
    candidate, assessor = aliased(Person), aliased(Person)
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
    query = (
        select(
            UnitAttempt.id,
            UnitAttempt.state,
            UnitAttempt.round,
            Unit.code,
            Unit.title,
            candidate.name,
            assessor.name,
            assessor.id,
            Signature.signed_at,
            last_sampled_at,
        )
        .join(
            verifier_allocation,
            and_(
                verifier_allocation.attempt_id == UnitAttempt.id, verifier_allocation.role == Role.INTERNAL_VERIFIER
            ),
        )
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .join(candidate, candidate.id == UnitAttempt.candidate_id)
        .outerjoin(
            assessor_allocation,
            and_(
                assessor_allocation.attempt_id == UnitAttempt.id,
                assessor_allocation.role == Role.ASSESSOR,
                assessor_allocation.ends_at.is_(None),
            ),
        )
        .outerjoin(assessor, assessor.id == assessor_allocation.person_id)
        .outerjoin(Signature, is_confirmation)
        .where(
            verifier_allocation.person_id == person_id,
            verifier_allocation.ends_at.is_(None),
            UnitAttempt.state != AttemptState.VOID,
        )
        .order_by(Signature.signed_at, UnitAttempt.id)
        .limit(500)
    )
    return [AttemptToVerify(*tuple(row)) for row in db.session.execute(query)]


def list_allocated_action_points(person_id: int) -> list[AllocatedActionPoint]:
    """List the action points on attempts allocated to a verifier: open ones first, oldest first."""
    query = (
        select(
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
        .join(UnitAttempt, UnitAttempt.id == ActionPoint.attempt_id)
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .join(Person, Person.id == UnitAttempt.candidate_id)
        .join(Allocation, Allocation.attempt_id == UnitAttempt.id)
        .where(
            Allocation.person_id == person_id,
            Allocation.role == Role.INTERNAL_VERIFIER,
            Allocation.ends_at.is_(None),
        )
        .order_by(ActionPoint.closed_at.is_not(None), ActionPoint.raised_at)
        .limit(200)
    )
    return [AllocatedActionPoint(*tuple(row)) for row in db.session.execute(query)]


def list_action_points_with_criteria(attempt: UnitAttempt) -> list[tuple[ActionPoint, str, list[str]]]:
    """List an attempt's action points, each with who raised it and the labels of its criteria."""
    rows = db.session.execute(
        select(ActionPoint, Person.name)
        .join(Person, Person.id == ActionPoint.raised_by_id)
        .where(ActionPoint.attempt_id == attempt.id)
        .order_by(ActionPoint.id)
    ).all()
    if not rows:
        return []
    labels: dict[int, list[str]] = {}
    query = (
        select(ActionPointCriterion.action_point_id, Criterion.label)
        .join(Criterion, Criterion.id == ActionPointCriterion.criterion_id)
        .where(ActionPointCriterion.action_point_id.in_([action_point.id for action_point, _ in rows]))
        .order_by(Criterion.position)
    )
    for action_point_id, label in db.session.execute(query):
        labels.setdefault(action_point_id, []).append(label)
    return [(action_point, name, labels.get(action_point.id, [])) for action_point, name in rows]


def list_samples(attempt: UnitAttempt) -> list[tuple[Sample, str, int, int]]:
    """List an attempt's samples, each with its verifier and how many decisions were sampled and agreed with."""
    query = (
        select(Sample, Person.name, func.count(SampleItem.id), func.count(SampleItem.id).filter(SampleItem.agrees))
        .join(Person, Person.id == Sample.verifier_id)
        .join(SampleItem, SampleItem.sample_id == Sample.id)
        .where(Sample.attempt_id == attempt.id)
        .group_by(Sample.id, Person.name)
        .order_by(Sample.id)
    )
    return [(sample, name, sampled, agreed) for sample, name, sampled, agreed in db.session.execute(query)]


def load_released_assessments(attempt: UnitAttempt) -> dict[int, list[tuple[Assessment, str]]]:
    """Return the attempt's released assessments by id of the evidence version, each with the assessor's name."""
    query = (
        select(Assessment, Person.name)
        .join(Person, Person.id == Assessment.assessor_id)
        .where(Assessment.attempt_id == attempt.id, Assessment.state == AssessmentState.RELEASED)
        .order_by(Assessment.released_at, Assessment.id)
    )
    by_version: dict[int, list[tuple[Assessment, str]]] = {}
    for assessment, name in db.session.execute(query):
        by_version.setdefault(assessment.evidence_version_id, []).append((assessment, name))
    return by_version


def build_sampling_grid(allocated: Iterable[AttemptToVerify], day: date | None = None) -> SamplingGrid:
    """Return how many of a verifier's attempts were sampled in the quarter of a day, by assessor and unit.

    Args:
        allocated: the attempts allocated to the verifier; those without an assessor are left out.
        day: a day of the quarter; None means today.
    """
    day = day or today()
    attempts = [attempt for attempt in allocated if attempt.assessor]
    first_day = date(day.year, 3 * ((day.month - 1) // 3) + 1, 1)
    query = select(Sample.attempt_id).where(
        Sample.attempt_id.in_([attempt.attempt_id for attempt in attempts]),
        Sample.sampled_at >= start_of_day(first_day),
    )
    sampled_ids = set(db.session.scalars(query))
    codes = tuple(sorted({attempt.code for attempt in attempts}))
    assessors = sorted({attempt.assessor for attempt in attempts if attempt.assessor})
    rows = tuple(
        (assessor, tuple(_count_sampled(attempts, sampled_ids, assessor, code) for code in codes))
        for assessor in assessors
    )
    quarter = f"{first_day:%B} to {date(first_day.year, first_day.month + 2, 1):%B %Y}"
    return SamplingGrid(quarter, codes, rows)


def list_attempts_in_visits(person_id: int) -> list[AttemptInVisit]:
    """List the attempts that an external verifier's visits in force now name."""
    moment = now()
    query = (
        select(VisitAttempt, Visit)
        .join(Visit)
        .where(Visit.person_id == person_id, Visit.starts_at <= moment, Visit.ends_at > moment)
        .options(
            joinedload(VisitAttempt.attempt).options(
                joinedload(UnitAttempt.unit), joinedload(UnitAttempt.candidate), joinedload(UnitAttempt.centre)
            )
        )
        .order_by(Visit.ends_at, VisitAttempt.attempt_id)
    )
    return [_build_attempt_in_visit(row.VisitAttempt, row.Visit) for row in db.session.execute(query)]


def _build_attempt_in_visit(visit_attempt: VisitAttempt, visit: Visit) -> AttemptInVisit:
    attempt = visit_attempt.attempt
    return AttemptInVisit(
        attempt.id,
        attempt.unit.code,
        attempt.unit.title,
        attempt.candidate.name,
        attempt.state,
        attempt.round,
        visit.last_day,
        attempt.centre.name,
        visit_attempt.seen_at,
    )


def _count_sampled(
    attempts: list[AttemptToVerify], sampled_ids: set[int], assessor: str, code: str
) -> tuple[int, int]:
    """Count the attempts of one assessor at one unit: how many were sampled, and how many there are."""
    ids = [attempt.attempt_id for attempt in attempts if attempt.assessor == assessor and attempt.code == code]
    return len(sampled_ids.intersection(ids)), len(ids)

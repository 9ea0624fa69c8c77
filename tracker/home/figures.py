"""Figures of a centre on its administrator's home page: units in progress, work to do and overdue action points."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, exists, func, select

from tracker.clock import now, today
from tracker.extensions import db
from tracker.matrix import has_submission
from tracker.models import ActionPoint, Claim, Decision, Grant, Person, Registration, UnitAttempt
from tracker.registrations.queries import is_not_registered, needs_allocation
from tracker.vocabulary import OPEN_ATTEMPT_STATES, AttemptState


@dataclass(frozen=True, slots=True)
class CentreFigures:
    """Counts of a centre now, some with the time or day of the oldest."""

    candidates: int
    """Candidates with an open unit in a registration that was not withdrawn."""
    units: int
    """Their open units."""
    to_allocate: int
    to_allocate_since: datetime | None
    to_assess: int
    """Items of evidence with a claim that was submitted and not decided yet."""
    to_verify: int
    """Units that their candidate has confirmed."""
    overdue: int
    """Open action points after their due date."""
    overdue_since: date | None
    pending_invitations: int
    not_registered: int
    """Registrations of candidates whom the awarding body has not registered yet."""


def load_centre_figures(centre_id: int) -> CentreFigures:
    """Load the figures of a centre in one statement."""
    open_attempts = _select_attempts(centre_id).where(
        UnitAttempt.state.in_(OPEN_ATTEMPT_STATES), Registration.withdrawn_at.is_(None)
    )
    to_allocate = _select_attempts(centre_id).where(needs_allocation())
    overdue = (
        select(ActionPoint)
        .join(UnitAttempt, UnitAttempt.id == ActionPoint.attempt_id)
        .where(UnitAttempt.centre_id == centre_id, ActionPoint.closed_at.is_(None), ActionPoint.due_on < today())
    )
    query: Select[Any] = select(
        _select_aggregate(open_attempts, func.count(func.distinct(UnitAttempt.candidate_id))),
        _select_aggregate(open_attempts, func.count(UnitAttempt.id)),
        _select_aggregate(to_allocate, func.count(UnitAttempt.id)),
        _select_aggregate(to_allocate, func.min(UnitAttempt.started_at)),
        _select_aggregate(_select_claims_to_assess(centre_id), func.count(func.distinct(Claim.evidence_id))),
        _select_aggregate(
            _select_attempts(centre_id).where(UnitAttempt.state == AttemptState.CONFIRMED), func.count(UnitAttempt.id)
        ),
        _select_aggregate(overdue, func.count(ActionPoint.id)),
        _select_aggregate(overdue, func.min(ActionPoint.due_on)),
        _select_aggregate(select_pending_people(centre_id), func.count(Person.id)),
        _select_aggregate(
            select(Registration).where(Registration.centre_id == centre_id, is_not_registered()),
            func.count(Registration.id),
        ),
    )
    return CentreFigures(*db.session.execute(query).one())


def select_pending_people(centre_id: int) -> Select[Person]:
    """Select the people with a current or future role at a centre who have not chosen a password yet."""
    role = select(Grant.id).where(
        Grant.person_id == Person.id,
        Grant.centre_id == centre_id,
        Grant.ends_at.is_(None) | (Grant.ends_at > now()),
    )
    return select(Person).where(Person.password_hash.is_(None), Person.deactivated_at.is_(None), role.exists())


def _select_attempts(centre_id: int) -> Select[UnitAttempt]:
    return (
        select(UnitAttempt)
        .join(Registration, Registration.id == UnitAttempt.registration_id)
        .where(UnitAttempt.centre_id == centre_id)
    )


def _select_claims_to_assess(centre_id: int) -> Select[Claim]:
    is_decided = exists().where(Decision.claim_id == Claim.id, Decision.superseded_at.is_(None))
    return (
        select(Claim)
        .join(UnitAttempt, UnitAttempt.id == Claim.attempt_id)
        .join(Registration, Registration.id == UnitAttempt.registration_id)
        .where(
            UnitAttempt.centre_id == centre_id,
            UnitAttempt.state == AttemptState.IN_PROGRESS,
            Registration.withdrawn_at.is_(None),
            Claim.removed_at.is_(None),
            has_submission(Claim.evidence_id),
            ~is_decided,
        )
    )


def _select_aggregate(query: Select[Any], aggregate: ColumnElement[Any]) -> ScalarSelect[Any]:
    return query.with_only_columns(aggregate).order_by(None).scalar_subquery()

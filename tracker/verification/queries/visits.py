"""Queries for an external verifier's visits."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from tracker.clock import now
from tracker.extensions import db
from tracker.models import UnitAttempt, Visit, VisitAttempt
from tracker.vocabulary import AttemptState


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

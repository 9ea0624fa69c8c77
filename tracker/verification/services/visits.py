"""An external verifier's own marks on the attempts of their visits."""

from sqlalchemy import select

from tracker.clock import now
from tracker.extensions import db
from tracker.models import UnitAttempt, Visit, VisitAttempt


def mark_seen(attempt: UnitAttempt, person_id: int, *, seen: bool) -> None:
    """Set or clear an external verifier's own mark on an attempt of their visits.

    The mark is a private note, so no event is recorded (docs/rules.md, Verification, rule 10).
    """
    moment = now()
    query = (
        select(VisitAttempt)
        .join(Visit)
        .where(
            VisitAttempt.attempt_id == attempt.id,
            Visit.person_id == person_id,
            Visit.starts_at <= moment,
            Visit.ends_at > moment,
        )
    )
    for visit_attempt in db.session.scalars(query):
        visit_attempt.seen_at = moment if seen else None

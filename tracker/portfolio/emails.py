"""Emails about evidence."""

from collections.abc import Iterable

from sqlalchemy import select

from tracker.background import emails
from tracker.extensions import db
from tracker.models import Allocation, Evidence, EvidenceVersion, Person, UnitAttempt
from tracker.registrations.current_allocations import is_current
from tracker.vocabulary import Role


def notify_assessors(evidence: Evidence, version: EvidenceVersion, attempts: Iterable[UnitAttempt]) -> None:
    """Email the assessors of the attempts that a candidate has submitted evidence."""
    query = (
        select(Person)
        .join(Allocation, Allocation.person_id == Person.id)
        .join(UnitAttempt, UnitAttempt.id == Allocation.attempt_id)
        .where(
            Allocation.attempt_id.in_([attempt.id for attempt in attempts]),
            Allocation.role == Role.ASSESSOR,
            is_current(),
        )
        .distinct()
    )
    for assessor in db.session.scalars(query):
        emails.notify(
            assessor,
            f"evidence_submitted:{evidence.id}",
            f"{evidence.candidate.name} has submitted evidence {evidence.number}",
            f"“{version.title}” is in your queue, ready to assess: {emails.build_url('/queue')}",
        )

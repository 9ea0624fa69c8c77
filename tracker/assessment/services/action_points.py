"""The assessor's written response to what an internal verifier found."""

from sqlalchemy import select

from tracker.clock import now
from tracker.errors import Invalid, NotFound, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.models import Finding, UnitAttempt
from tracker.registrations.separation_of_duties import check_may_assess, check_not_withdrawn


def get_finding(attempt: UnitAttempt, finding_id: int) -> Finding:
    """One of this attempt's findings. Raises `NotFound`."""
    query = select(Finding).where(Finding.id == finding_id, Finding.attempt_id == attempt.id)
    finding = db.session.scalars(query).one_or_none()
    if finding is None:
        raise NotFound
    return finding


def answer_finding(attempt: UnitAttempt, finding_id: int, response: str, actor: Actor) -> Finding:
    """Answer once, in writing; until then the unit cannot be signed. The caller has locked the attempt."""
    assert actor.person_id is not None  # noqa: S101 - people answer, never the operator
    check_not_withdrawn(attempt)
    check_may_assess(actor.person_id, attempt)
    finding = get_finding(attempt, finding_id)
    if finding.responded_at:
        raise Refused("This finding was answered already. Nothing was changed.")
    if not response.strip():
        raise Invalid("Write your response. Nothing was sent.", "response")
    if len(response) > 2_000:
        raise Invalid("A response takes at most 2,000 characters. What you typed is kept.", "response")
    finding.response, finding.responded_at, finding.responded_by_id = response.strip(), now(), actor.person_id
    record("finding_answered", finding, actor, texts={"response": finding.response}, attempt=attempt.id)
    return finding

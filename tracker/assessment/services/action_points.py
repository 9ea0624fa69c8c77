"""The assessor's written response to an action point."""

from sqlalchemy import select

from tracker.clock import now
from tracker.errors import Invalid, NotFound, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.models import ActionPoint, UnitAttempt
from tracker.registrations.separation_of_duties import check_may_assess


def get_action_point(attempt: UnitAttempt, action_point_id: int) -> ActionPoint:
    """Return one of this attempt's action points; raise `NotFound` if it has no such action point."""
    query = select(ActionPoint).where(ActionPoint.id == action_point_id, ActionPoint.attempt_id == attempt.id)
    action_point = db.session.scalars(query).one_or_none()
    if action_point is None:
        raise NotFound
    return action_point


def answer_action_point(attempt: UnitAttempt, action_point_id: int, response: str, actor: Actor) -> ActionPoint:
    """Write the response to an action point, once (docs/rules.md, Sign-off, rule 9), in a locked attempt.

    The candidate may have been withdrawn since: a verifier may disagree with a unit that was completed before.

    Raises:
        Invalid: the response is missing or too long.
        NotFound: the attempt has no such action point.
        Refused: it has a response already, or this person may not assess the attempt.
    """
    assert actor.person_id is not None  # noqa: S101 - people answer, never the operator
    check_may_assess(actor.person_id, attempt)
    action_point = get_action_point(attempt, action_point_id)
    if action_point.responded_at:
        raise Refused("This action point already has a response. Nothing was changed.")
    if not response.strip():
        raise Invalid("Write your response. Nothing was sent.", "response")
    if len(response) > 2_000:
        raise Invalid("A response can have at most 2,000 characters. Shorten it. What you typed is kept.", "response")
    action_point.response = response.strip()
    action_point.responded_at, action_point.responded_by_id = now(), actor.person_id
    record(
        "action_point_answered", action_point, actor, texts={"response": action_point.response}, attempt=attempt.id
    )
    return action_point

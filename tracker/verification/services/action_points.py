"""Action points: raised on criteria or by a disagreement, answered by the assessor, closed by the verifier.

docs/rules.md, Verification, rules 6 to 8. The assessor's response is `tracker/assessment/services/action_points.py`.
"""

from collections.abc import Collection
from datetime import date

from sqlalchemy import select

from tracker.background import emails
from tracker.clock import now, today
from tracker.errors import Invalid, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.models import ActionPoint, ActionPointCriterion, SampleItem, UnitAttempt
from tracker.registrations.current_allocations import find_current_allocation
from tracker.verification import emails as email_texts
from tracker.verification.services.checks import check_has_not_assessed
from tracker.vocabulary import Role

MAX_ACTION_LENGTH = 2_000


def validate_action(action: str, due_on: date | None, *, action_field: str, due_field: str) -> tuple[str, date]:
    """Return the action required and its due date, or raise `Invalid` about one of the two fields."""
    if not action.strip():
        raise Invalid("Enter the action required. Nothing was saved.", action_field)
    if len(action.strip()) > MAX_ACTION_LENGTH:
        raise Invalid(
            f"The action required can have at most {MAX_ACTION_LENGTH:,} characters. Shorten it. Nothing was saved.",
            action_field,
        )
    if due_on is None or due_on < today():
        raise Invalid("Enter a due date that is not in the past. Nothing was saved.", due_field)
    return action.strip(), due_on


def raise_action_point(
    attempt: UnitAttempt,
    criterion_ids: Collection[int],
    action: str,
    due_on: date,
    actor: Actor,
    *,
    sample_item: SampleItem | None = None,
    follows: ActionPoint | None = None,
) -> ActionPoint:
    """Raise an action point for the assessor.

    Args:
        attempt: the attempt, locked by the caller.
        criterion_ids: the criteria of the unit that it names.
        action: the action required.
        due_on: the day by which the assessor must respond.
        actor: the internal verifier.
        sample_item: the sampled decision that the verifier disagreed with, if that raises it.
        follows: the action point that this one asks again.
    """
    assert actor.person_id is not None  # noqa: S101 - checked by the caller
    action_point = ActionPoint(
        attempt_id=attempt.id,
        round=attempt.round,
        raised_by_id=actor.person_id,
        raised_at=now(),
        sample_item_id=sample_item.id if sample_item else None,
        follows_id=follows.id if follows else None,
        action=action,
        due_on=due_on,
    )
    db.session.add(action_point)
    db.session.flush()
    db.session.add_all(
        ActionPointCriterion(action_point_id=action_point.id, criterion_id=criterion_id)
        for criterion_id in set(criterion_ids)
    )
    record(
        "action_point_raised",
        action_point,
        actor,
        texts={"action": action},
        attempt=attempt.id,
        round=attempt.round,
        criteria=sorted(set(criterion_ids)),
        due=due_on.isoformat(),
    )
    return action_point


def close_action_point(attempt: UnitAttempt, action_point: ActionPoint, actor: Actor) -> None:
    """Close an action point that has a response; raise `Refused` if it has none or is closed.

    The candidate may have been withdrawn (docs/rules.md, Unit states, rule 8).
    """
    check_has_not_assessed(attempt, actor)
    check_can_be_closed(action_point)
    _close(action_point, actor)


def ask_again(
    attempt: UnitAttempt, action_point: ActionPoint, action: str, due_on: date | None, actor: Actor
) -> ActionPoint:
    """Close an action point whose response does not satisfy the verifier, and raise another on the same criteria.

    Raises:
        Invalid: the action is missing or too long, or the due date is missing or past.
        Refused: the action point has no response or is closed, or this person may not verify.
    """
    check_has_not_assessed(attempt, actor)
    check_can_be_closed(action_point)
    action, due_on = validate_action(action, due_on, action_field="action", due_field="due_on")
    query = select(ActionPointCriterion.criterion_id).where(ActionPointCriterion.action_point_id == action_point.id)
    criterion_ids = list(db.session.scalars(query))
    _close(action_point, actor)
    new_action_point = raise_action_point(attempt, criterion_ids, action, due_on, actor, follows=action_point)
    notify_assessor(attempt, [new_action_point])
    return new_action_point


def check_action_points_closed(attempt: UnitAttempt) -> None:
    """Raise `Refused` while an action point of the attempt is open (docs/rules.md, Verification, rule 6)."""
    query = select(ActionPoint.id).where(ActionPoint.attempt_id == attempt.id, ActionPoint.closed_at.is_(None))
    if db.session.scalar(query.limit(1)):
        raise Refused(
            "An action point on this unit is open. Close it once the assessor has responded, then sign. "
            "Nothing was signed."
        )


def notify_assessor(attempt: UnitAttempt, action_points: list[ActionPoint]) -> None:
    """Queue one email to the assessor about the action points of one act."""
    allocation = find_current_allocation(attempt, Role.ASSESSOR)
    if allocation:
        email = email_texts.build_action_points_raised_email(attempt, len(action_points))
        emails.notify(allocation.person, f"action_point_raised:{action_points[0].id}", *email)


def check_can_be_closed(action_point: ActionPoint) -> None:
    """Raise `Refused` unless the action point has a response and is open (docs/rules.md, Verification, rule 8)."""
    if action_point.closed_at:
        raise Refused("This action point is already closed. Nothing was changed.")
    if action_point.responded_at is None:
        raise Refused("The assessor has not responded to this action point yet. Nothing was changed.")


def _close(action_point: ActionPoint, actor: Actor) -> None:
    action_point.closed_at, action_point.closed_by_id = now(), actor.person_id
    record("action_point_closed", action_point, actor, attempt=action_point.attempt_id)

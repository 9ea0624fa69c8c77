"""Acts that send a unit back to its assessor: returning a confirmed unit, reopening a verified one."""

from datetime import date

from tracker.assessment.reopening import reopen_attempt
from tracker.assessment.transitions import AttemptAction, check_action_allowed
from tracker.background import emails
from tracker.errors import Invalid
from tracker.ledger.events import Actor
from tracker.models import ActionPoint, UnitAttempt
from tracker.registrations.current_allocations import find_current_allocation
from tracker.verification import emails as email_texts
from tracker.verification.services.action_points import notify_assessor, raise_action_point, validate_action
from tracker.verification.services.checks import check_can_verify, check_criteria
from tracker.vocabulary import ReopeningKind, Role


def return_unit(
    attempt: UnitAttempt, criterion_ids: list[int], action: str, due_on: date | None, actor: Actor
) -> ActionPoint:
    """Return a confirmed unit to its assessor: raise an action point and end the round.

    Raises:
        Invalid: no criterion is chosen, the action is missing, or the due date is missing or past.
        NotFound: a criterion is not of this unit.
        Refused: the unit is not confirmed, or this person may not verify.
    """
    check_can_verify(attempt, actor)
    check_action_allowed(attempt, AttemptAction.RETURN)
    check_criteria(attempt, criterion_ids)
    action, due_on = validate_action(action, due_on, action_field="action", due_field="due_on")
    action_point = raise_action_point(attempt, criterion_ids, action, due_on, actor)
    reopen_attempt(attempt, ReopeningKind.RETURN, action, criterion_ids, actor)
    notify_assessor(attempt, [action_point])
    return action_point


def reopen_verified(attempt: UnitAttempt, criterion_ids: list[int], reason: str, actor: Actor) -> None:
    """Reopen a verified unit: the criteria named need more evidence, the round ends, and the assessor is emailed.

    Raises:
        Invalid: no criterion is chosen, or the reason is missing.
        NotFound: a criterion is not of this unit.
        Refused: the unit is not verified, or this person may not verify.
    """
    check_can_verify(attempt, actor)
    check_action_allowed(attempt, AttemptAction.REOPEN)
    if not reason.strip():
        raise Invalid("Enter why the unit is reopened. Nothing was changed.", "reason")
    check_criteria(attempt, criterion_ids)
    reopening = reopen_attempt(attempt, ReopeningKind.REOPENING, reason.strip(), criterion_ids, actor)
    if assessor := find_current_allocation(attempt, Role.ASSESSOR):
        topic = f"unit_reopened:{reopening.id}"
        emails.notify(assessor.person, topic, *email_texts.build_verified_unit_reopened_email(attempt))

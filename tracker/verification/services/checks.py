"""Checks that several acts of verification share."""

from tracker.errors import Invalid, NotFound
from tracker.ledger.events import Actor
from tracker.matrix import list_columns
from tracker.models import UnitAttempt
from tracker.registrations.separation_of_duties import check_may_verify, check_not_withdrawn_before_completion


def check_can_verify(attempt: UnitAttempt, actor: Actor) -> int:
    """Return the verifier's id, or raise `Refused` unless they may verify this attempt now.

    docs/rules.md, Verification, rule 1.
    """
    person_id = check_has_not_assessed(attempt, actor)
    check_not_withdrawn_before_completion(attempt)
    return person_id


def check_has_not_assessed(attempt: UnitAttempt, actor: Actor) -> int:
    """Return the verifier's id, or raise `Refused` if they are the candidate or have assessed this attempt."""
    assert actor.person_id is not None  # noqa: S101 - people verify, never the operator
    check_may_verify(actor.person_id, attempt)
    return actor.person_id


def check_criteria(attempt: UnitAttempt, criterion_ids: list[int]) -> None:
    """Raise `Invalid` if no criterion is chosen, and `NotFound` if one is not of this unit."""
    if not criterion_ids:
        raise Invalid("Choose at least one criterion. Nothing was changed.", "criteria")
    if set(criterion_ids) - {column.id for column in list_columns(attempt.unit_id)}:
        raise NotFound

"""The criteria of an attempt that need the reader's own action, by role (docs/rules.md, Who sees what, rule 11)."""

from collections.abc import Callable, Collection

from sqlalchemy import select

from tracker.extensions import db
from tracker.matrix import Matrix
from tracker.models import ActionPoint, ActionPointCriterion, UnitAttempt
from tracker.portfolio.queries.badges import list_badges
from tracker.vocabulary import CriterionState, Role


def find_criteria_to_act_on(attempt: UnitAttempt, matrix: Matrix, roles: Collection[Role]) -> set[int]:
    """Return the ids of the criteria that need the action of somebody with these roles in the attempt.

    Runs no statement for a candidate, one for a verifier and four for an assessor.
    """
    return {id_ for role in roles if role in ROLE_ACTIONS for id_ in ROLE_ACTIONS[role](attempt, matrix)}


def _find_criteria_to_add_evidence_to(_attempt: UnitAttempt, matrix: Matrix) -> set[int]:
    """Return the criteria for which the assessor has asked the candidate for more."""
    return {status.column.id for status in matrix.statuses if status.state is CriterionState.NEEDS_MORE}


def _find_criteria_to_assess(attempt: UnitAttempt, matrix: Matrix) -> set[int]:
    """Return the criteria with a claim for the assessor to decide, or an action point for them to answer."""
    rows = [row for row in matrix.claiming_rows if row.undecided and row.counts]
    badges = list_badges([row.evidence_id for row in rows])
    waiting = [row for row in rows if (attempt.unit.code, "waiting") in badges[row.evidence_id]]
    to_decide = {cell.criterion_id for row in waiting for cell in row.undecided}
    return to_decide | _list_action_point_criteria(attempt, is_answered=False)


def _find_criteria_to_verify(attempt: UnitAttempt, _matrix: Matrix) -> set[int]:
    """Return the criteria of action points for the verifier to close or to ask again."""
    return _list_action_point_criteria(attempt, is_answered=True)


def _list_action_point_criteria(attempt: UnitAttempt, *, is_answered: bool) -> set[int]:
    has_response = ActionPoint.responded_at.is_not(None)
    query = (
        select(ActionPointCriterion.criterion_id)
        .join(ActionPoint, ActionPoint.id == ActionPointCriterion.action_point_id)
        .where(
            ActionPoint.attempt_id == attempt.id,
            ActionPoint.closed_at.is_(None),
            has_response if is_answered else ~has_response,
        )
    )
    return set(db.session.scalars(query))


ROLE_ACTIONS: dict[Role, Callable[[UnitAttempt, Matrix], set[int]]] = {
    Role.CANDIDATE: _find_criteria_to_add_evidence_to,
    Role.ASSESSOR: _find_criteria_to_assess,
    Role.INTERNAL_VERIFIER: _find_criteria_to_verify,
}
"""What finds the criteria of each role that acts on criteria. Others only read them."""

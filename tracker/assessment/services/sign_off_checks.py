"""Checks before sign-off: what the assessor must still do (docs/rules.md, Sign-off, rules 2 to 4)."""

from dataclasses import dataclass

from tracker.assessment.queries.action_points import ActionPointWithCriteria, list_action_points
from tracker.assessment.queries.signing import list_versions_being_released
from tracker.matrix import CriterionStatus, Matrix, MatrixRow
from tracker.models import UnitAttempt
from tracker.vocabulary import CriterionKind, CriterionState


@dataclass(frozen=True)
class SignOffBlocker:
    """Something to do before sign-off, and the item, criterion or action point that it concerns."""

    text: str
    evidence_id: int | None = None
    criterion_id: int | None = None
    action_point_id: int | None = None


def list_sign_off_blockers(
    attempt: UnitAttempt, matrix: Matrix, action_points: list[ActionPointWithCriteria] | None = None
) -> list[SignOffBlocker]:
    """List undecided claims, criteria that are not met, and action points that are open.

    Args:
        attempt: the attempt to sign off.
        matrix: its matrix.
        action_points: its action points, if the caller has loaded them; otherwise they are read.
    """
    undecided = [row for row in matrix.rows if row.undecided]
    being_released = list_versions_being_released(attempt) if undecided else set()
    blockers = [_build_undecided_blocker(row, row.version_id in being_released) for row in undecided]
    blockers += [
        _build_not_met_blocker(status) for status in matrix.statuses if status.state is not CriterionState.MET
    ]
    action_points = list_action_points(attempt) if action_points is None else action_points
    blockers += [_build_action_point_blocker(entry) for entry in action_points if not entry.action_point.closed_at]
    return blockers


def _build_action_point_blocker(entry: ActionPointWithCriteria) -> SignOffBlocker:
    action_point = entry.action_point
    if not action_point.responded_at:
        return SignOffBlocker("An action point needs your written response", action_point_id=action_point.id)
    return SignOffBlocker(
        "The verifier has not yet closed an action point that you responded to", action_point_id=action_point.id
    )


def _build_not_met_blocker(status: CriterionStatus) -> SignOffBlocker:
    column = status.column
    kind = "Criterion" if column.kind is CriterionKind.PERFORMANCE else "Knowledge"
    return SignOffBlocker(
        f"{kind} {column.label}, {status.state.label.lower()}: {column.text}", criterion_id=column.id
    )


def _build_undecided_blocker(row: MatrixRow, is_being_released: bool) -> SignOffBlocker:
    claims = "1 claim" if len(row.undecided) == 1 else f"{len(row.undecided)} claims"
    status = "can still be undone for a few seconds" if is_being_released else "to assess"
    return SignOffBlocker(f"Evidence {row.ref} “{row.title}”: {claims} {status}", row.evidence_id)

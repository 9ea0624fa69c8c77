"""What is still in the way of an assessor's signature."""

from dataclasses import dataclass

from tracker.assessment.queries.signing import list_attempt_action_points, list_versions_being_released
from tracker.matrix import CriterionStatus, Matrix, MatrixRow
from tracker.models import ActionPoint, UnitAttempt
from tracker.vocabulary import CriterionKind, CriterionState


@dataclass(frozen=True)
class SignOffBlocker:
    """Something still in the way of signing, and the item or criterion it is about."""

    text: str
    evidence_id: int | None = None
    criterion_id: int | None = None


def list_sign_off_blockers(
    attempt: UnitAttempt, matrix: Matrix, action_points: list[ActionPoint] | None = None
) -> list[SignOffBlocker]:
    """Undecided claims, criteria that are not met, and action_points without an answer (read unless given)."""
    undecided = [row for row in matrix.rows if row.undecided]
    just_decided = list_versions_being_released(attempt) if undecided else set()
    found = [_undecided(row, row.version_id in just_decided) for row in undecided]
    found += [_gap(each) for each in matrix.statuses if each.state is not CriterionState.MET]
    action_points = list_attempt_action_points(attempt) if action_points is None else action_points
    found += [
        SignOffBlocker("An action point waits for your written response")
        for each in action_points
        if not each.responded_at
    ]
    return found


def _gap(status: CriterionStatus) -> SignOffBlocker:
    column = status.column
    what = "Criterion" if column.kind is CriterionKind.PERFORMANCE else "Knowledge"
    return SignOffBlocker(
        f"{what} {column.label}, {status.state.label.lower()}: {column.text}", criterion_id=column.id
    )


def _undecided(row: MatrixRow, is_just_decided: bool) -> SignOffBlocker:
    claims = "1 claim" if len(row.undecided) == 1 else f"{len(row.undecided)} claims"
    how = "decided a moment ago, in force once it can no longer be undone" if is_just_decided else "still to decide"
    return SignOffBlocker(f"Evidence {row.ref} “{row.title}”: {claims} {how}", row.evidence_id)

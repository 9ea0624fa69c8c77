"""Checks before sign-off: what the assessor must still do (docs/rules.md, Sign-off, rules 2 to 5).

`list_sign_off_blockers` names what stops one unit, for its page and its signature. `load_sign_off_counts` counts the
same for many units in a fixed number of statements, for lists. A test compares them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tracker.assessment.queries.action_points import (
    ActionPointWithCriteria,
    count_open_action_points,
    list_action_points,
)
from tracker.assessment.queries.signing import (
    count_unconfirmed_requirements,
    list_versions_being_released,
    list_versions_to_countersign,
)
from tracker.assessment.services.assessments import MAX_REASON_LENGTH, MIN_REASON_LENGTH
from tracker.errors import Invalid
from tracker.matrix import CriterionStatus, Matrix, MatrixRow, Progress, count_undecided
from tracker.matrix.rule_findings import RuleFinding
from tracker.models import UnitAttempt
from tracker.portfolio.evidence_warnings import EvidenceWarning, list_sign_off_warnings
from tracker.vocabulary import CriterionKind, CriterionState
from tracker.web.text_direction import isolate


@dataclass(frozen=True)
class SignOffBlocker:
    """Something to do before sign-off, and the item, criterion or action point that it concerns."""

    text: str
    evidence_id: int | None = None
    criterion_id: int | None = None
    action_point_id: int | None = None


@dataclass(frozen=True, slots=True)
class SignOffCounts:
    """How much must still be done before an attempt in progress can be signed off."""

    criteria: int
    """Criteria that are not met."""
    undecided: int
    """Claims on submitted items that are undecided, await affirmation or can still be undone."""
    action_points: int
    """Action points that are not closed."""
    requirements: int
    """Evidence requirements that are not confirmed in this round."""

    @property
    def has_blockers(self) -> bool:
        """Whether something other than evidence requirements is to be done first."""
        return bool(self.criteria or self.undecided or self.action_points)

    @property
    def can_sign(self) -> bool:
        """Whether nothing is to be done before the signature."""
        return not self.has_blockers and not self.requirements


def load_sign_off_counts(progress: Mapping[int, Progress]) -> dict[int, SignOffCounts]:
    """Load what is to be done before each of these attempts can be signed off, in three SQL statements.

    Args:
        progress: the attempts' progress, by id; all of them are in progress.
    """
    undecided, action_points = count_undecided(progress), count_open_action_points(progress)
    requirements = count_unconfirmed_requirements(progress)
    return {
        attempt_id: SignOffCounts(
            counts.total - counts.met,
            undecided.get(attempt_id, 0),
            action_points.get(attempt_id, 0),
            requirements.get(attempt_id, 0),
        )
        for attempt_id, counts in progress.items()
    }


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
    to_countersign = list_versions_to_countersign(attempt) if undecided else set()
    blockers = [
        _build_undecided_blocker(row, row.version_id in being_released, row.version_id in to_countersign)
        for row in undecided
    ]
    blockers += [
        _build_not_met_blocker(status) for status in matrix.statuses if status.state is not CriterionState.MET
    ]
    action_points = list_action_points(attempt) if action_points is None else action_points
    blockers += [_build_action_point_blocker(entry) for entry in action_points if not entry.action_point.closed_at]
    return blockers


def list_signing_warnings(matrix: Matrix, unmet: Iterable[RuleFinding]) -> list[EvidenceWarning]:
    """List the warnings over which an assessor signs: of the evidence spread, and evidence guidance that is not met.

    docs/rules.md, Warnings, rules 8 and 10.
    """
    guidance = [f"Evidence guidance: {'; '.join(each.missing)} ({each.source})." for each in unmet]
    return [
        *list_sign_off_warnings(matrix.claiming_rows),
        *(EvidenceWarning(10, sentence, "Say why it is sufficient.") for sentence in guidance),
    ]


def check_warnings_reason(matrix: Matrix, reason: str, unmet: Iterable[RuleFinding] = ()) -> str | None:
    """Return the reason to sign over the unit's warnings, or None without warnings.

    docs/rules.md, Warnings, rules 8 and 10. Raises `Invalid` for a reason that is missing, too short or too long.
    """
    warnings = list_signing_warnings(matrix, unmet)
    reason = reason.strip()
    if not warnings:
        return None
    if not MIN_REASON_LENGTH <= len(reason) <= MAX_REASON_LENGTH:
        raise Invalid(
            f"This unit has a warning: {warnings[0].text} To sign it off, write a sentence that says why the "
            f"evidence is sufficient, of {MIN_REASON_LENGTH} to {MAX_REASON_LENGTH:,} characters. "
            "Nothing was signed.",
            "warnings_reason",
        )
    return reason


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


def _build_undecided_blocker(row: MatrixRow, is_being_released: bool, is_to_countersign: bool) -> SignOffBlocker:
    claims = "1 claim" if len(row.undecided) == 1 else f"{len(row.undecided)} claims"
    status = "can still be undone for a few seconds" if is_being_released else "to assess"
    if is_to_countersign:
        status = "decided, to be countersigned"
    if not row.counts:
        status = "of a record that the candidate has not agreed to"
    return SignOffBlocker(f"Evidence {row.ref} “{isolate(row.title)}”: {claims} {status}", row.evidence_id)

"""The matrix of an attempt, evidence by criteria, with the status of every criterion.

The unit page, assessment, sign-off, verification and the recording form load the same matrix. States are computed
here, never stored.
"""

from tracker.matrix.evidence_spread import EvidenceSpread, suggest_rows, summarise_evidence_spread
from tracker.matrix.grid import CriterionStatus, HeadingGroup, Matrix, MatrixCell, MatrixColumn, MatrixRow
from tracker.matrix.loading import list_columns, load_matrix, load_past_matrix
from tracker.matrix.progress import (
    Progress,
    count_needs_more,
    count_undecided,
    has_submission,
    select_progress,
    summarise_attempts,
)

__all__ = [
    "CriterionStatus",
    "EvidenceSpread",
    "HeadingGroup",
    "Matrix",
    "MatrixCell",
    "MatrixColumn",
    "MatrixRow",
    "Progress",
    "count_needs_more",
    "count_undecided",
    "has_submission",
    "list_columns",
    "load_matrix",
    "load_past_matrix",
    "select_progress",
    "suggest_rows",
    "summarise_attempts",
    "summarise_evidence_spread",
]

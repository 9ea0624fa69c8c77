"""The grid of an attempt, evidence by criteria, and the state of every criterion.

One reading for the unit page, judging, sign-off, verification and the recording form. The rules of the states
are derived here, never stored (design, section 2).
"""

from tracker.matrix.grid import Cell, Column, Matrix, Row, Standing
from tracker.matrix.progress import Progress, has_submission, summarise_attempts
from tracker.matrix.reading import list_columns, load_matrix, load_past_matrix
from tracker.matrix.spread import Spread, spread_of, suggest_rows

__all__ = [
    "Cell",
    "Column",
    "Matrix",
    "Progress",
    "Row",
    "Spread",
    "Standing",
    "has_submission",
    "list_columns",
    "load_matrix",
    "load_past_matrix",
    "spread_of",
    "suggest_rows",
    "summarise_attempts",
]

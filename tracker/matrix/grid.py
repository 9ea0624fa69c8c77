"""The matrix of an attempt as frozen dataclasses, and the rule of a criterion's state."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property
from itertools import groupby

from tracker.vocabulary import (
    ClaimMark,
    CriterionKind,
    CriterionState,
    LabelOrigin,
    Method,
    Outcome,
    RecordStanding,
)


@dataclass(frozen=True, slots=True)
class MatrixColumn:
    """An assessable criterion."""

    id: int
    position: int
    kind: CriterionKind
    label: str
    heading: str | None
    text: str
    label_origin: LabelOrigin = LabelOrigin.PUBLISHED


@dataclass(frozen=True, slots=True)
class MatrixCell:
    """A live claim of one item for one criterion, with its live decision."""

    claim_id: int
    criterion_id: int
    locator: str
    added_reason: str | None
    decision_id: int | None = None
    assessment_id: int | None = None
    """The assessment that made the live decision; None after a dispute, return, reopening or disagreement."""
    decided_version_id: int | None = None
    outcome: Outcome | None = None
    """The outcome of the live decision, if there is one."""
    comment: str = ""
    decided_at: datetime | None = None
    decided_by: str | None = None
    is_decided: bool = False
    """Whether the live decision is on the version that this attempt sees now."""
    is_accepted: bool = False
    """Whether the version that the live decision is on was accepted in this attempt."""

    @property
    def is_met(self) -> bool:
        """Return whether the live decision is `met`, on a version accepted in this attempt."""
        return self.outcome is Outcome.MET and self.is_accepted

    @property
    def awaits_affirmation(self) -> bool:
        """Return whether the claim is met on an earlier version and not yet affirmed on this one."""
        return self.is_met and not self.is_decided

    @property
    def state(self) -> CriterionState:
        """Return the state that this claim alone would give its criterion."""
        if self.is_met:
            return CriterionState.MET
        return CriterionState.NEEDS_MORE if self.is_decided else CriterionState.CLAIMED

    @property
    def mark(self) -> ClaimMark | None:
        """Return the mark of the claim on pages and forms (docs/rules.md, Assessment, rule 15).

        It is None for a claim that was not met, and for one that was decided on a returned version.
        """
        if self.is_met:
            return ClaimMark.MET
        if not self.is_decided:
            return ClaimMark.CLAIMED
        return ClaimMark.CONTRIBUTES if self.outcome is Outcome.NEEDS_MORE and self.is_accepted else None


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """One item of evidence as this attempt sees it: the submitted version, or the draft."""

    evidence_id: int
    number: int | None
    version_id: int | None
    version_number: int | None
    title: str
    method: Method | None
    happened_from: date | None
    happened_until: date | None
    occasion: str
    customers: str
    submitted_at: datetime | None
    content_hash: str | None
    cells: Mapping[int, MatrixCell]
    """The claims of the item, by criterion id."""
    author: str | None = None
    """Who wrote it, of a record of assessment; None for what the candidate wrote."""
    standing: RecordStanding | None = None
    """The standing of the version, of a record of assessment."""

    @property
    def counts(self) -> bool:
        """Return whether its decisions can count: of a record, whether the candidate agreed or was overruled."""
        return self.standing is None or self.standing.counts

    @property
    def is_submitted(self) -> bool:
        """Return whether the row shows a submitted version, not a draft."""
        return self.version_id is not None

    @property
    def ref(self) -> str:
        """Return the reference as printed: `12`, or `12 v2` for a later version; drafts have no number."""
        if self.number is None:
            return "Draft"
        is_later = self.version_number is not None and self.version_number > 1
        return f"{self.number} v{self.version_number}" if is_later else str(self.number)

    @property
    def undecided(self) -> list[MatrixCell]:
        """Return the claims an assessor still has to decide, or to affirm, on the submitted version."""
        return [cell for cell in self.cells.values() if self.is_submitted and not cell.is_decided]


@dataclass(frozen=True, slots=True)
class CriterionStatus:
    """The state of one criterion, with the evidence that claims it."""

    column: MatrixColumn
    state: CriterionState
    rows: tuple[MatrixRow, ...]
    """The items that claim it, in order."""
    latest: MatrixCell | None
    """The claim that was decided last on the version seen now."""


@dataclass(frozen=True, slots=True)
class HeadingGroup:
    """The criteria of one kind under one heading, as one column of the short matrix."""

    kind: CriterionKind
    heading: str | None
    statuses: tuple[CriterionStatus, ...]

    @property
    def labels(self) -> str:
        """Return the labels of the first and the last criterion, as in `1–7`."""
        first, last = self.statuses[0].column.label, self.statuses[-1].column.label
        return first if len(self.statuses) == 1 else f"{first}–{last}"

    @property
    def met(self) -> int:
        """Return how many of the criteria are met."""
        return sum(status.state is CriterionState.MET for status in self.statuses)

    def count_marks(self, row: MatrixRow) -> list[tuple[ClaimMark | None, int]]:
        """Return how many of a row's claims here have each mark; None stands for claims that do not count."""
        cells = (row.cells.get(status.column.id) for status in self.statuses)
        marks = [cell.mark for cell in cells if cell]
        return [(mark, marks.count(mark)) for mark in (*ClaimMark, None) if mark in marks]


@dataclass(frozen=True)
class Matrix:
    """The matrix of an attempt: evidence by criteria, and the status of every criterion."""

    attempt_id: int
    columns: tuple[MatrixColumn, ...]
    rows: tuple[MatrixRow, ...]
    statuses: tuple[CriterionStatus, ...] = field(repr=False)
    """One for each column, in the same order."""

    def count(self, state: CriterionState) -> int:
        """Return how many criteria are in a state."""
        return sum(status.state is state for status in self.statuses)

    @cached_property
    def met(self) -> int:
        """Return how many criteria are met."""
        return self.count(CriterionState.MET)

    @cached_property
    def claimed(self) -> int:
        """Return how many criteria have a live claim, met ones included."""
        return self.total - self.count(CriterionState.NOTHING_YET)

    @property
    def total(self) -> int:
        """Return how many criteria there are."""
        return len(self.columns)

    @cached_property
    def groups(self) -> tuple[HeadingGroup, ...]:
        """Return the criteria by kind and heading, in document order."""
        by_heading = groupby(self.statuses, key=lambda status: (status.column.kind, status.column.heading))
        return tuple(HeadingGroup(*key, tuple(statuses)) for key, statuses in by_heading)

    def select_columns(self, criterion_ids: Collection[int]) -> "Matrix":
        """Return the matrix of some of the criteria, with every row."""
        return replace(
            self,
            columns=tuple(column for column in self.columns if column.id in criterion_ids),
            statuses=tuple(status for status in self.statuses if status.column.id in criterion_ids),
            rows=tuple(
                replace(row, cells={id_: cell for id_, cell in row.cells.items() if id_ in criterion_ids})
                for row in self.rows
            ),
        )

    @cached_property
    def claiming_rows(self) -> tuple[MatrixRow, ...]:
        """Return the rows with at least one claim in this attempt."""
        return tuple(row for row in self.rows if row.cells)

    @property
    def undecided_claims(self) -> list[str]:
        """Return the claims without a decision, each as the ids of its item and criterion: `7-41`."""
        return [
            f"{row.evidence_id}-{cell.criterion_id}"
            for row in self.rows
            for cell in row.cells.values()
            if not cell.outcome
        ]

    @property
    def mark_kinds(self) -> tuple[ClaimMark, ...]:
        """Return every mark of a claim, for the legend."""
        return tuple(ClaimMark)

    @property
    def knowledge(self) -> tuple[MatrixColumn, ...]:
        """Return the columns of knowledge items, which follow those of performance criteria."""
        return tuple(column for column in self.columns if column.kind is CriterionKind.KNOWLEDGE)


def compute_criterion_status(column: MatrixColumn, rows: tuple[MatrixRow, ...]) -> CriterionStatus:
    """Return the status of a criterion from the rows that claim it (docs/rules.md, Assessment, rule 11)."""
    claiming = tuple(row for row in rows if column.id in row.cells)
    cells = [row.cells[column.id] for row in claiming]
    decided = [cell for cell in cells if cell.is_decided and cell.decided_at]
    latest = max(decided, key=lambda cell: (cell.decided_at, cell.claim_id), default=None)
    return CriterionStatus(column, _compute_state(cells, latest), claiming, latest)


def _compute_state(cells: list[MatrixCell], latest: MatrixCell | None) -> CriterionState:
    """Return the state of a criterion from its live claims (docs/rules.md, Assessment, rule 11)."""
    if any(cell.is_met for cell in cells):
        return CriterionState.MET
    if latest:
        return CriterionState.NEEDS_MORE
    return CriterionState.CLAIMED if cells else CriterionState.NOTHING_YET

"""The grid itself, as frozen dataclasses, and the rule of a criterion's state."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property

from tracker.vocabulary import AssessmentOutcome, CriterionKind, CriterionState, Method, Outcome


@dataclass(frozen=True, slots=True)
class Column:
    """An assessable criterion."""

    id: int
    position: int
    kind: CriterionKind
    label: str
    heading: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Cell:
    """A live claim, with what was last decided about it."""

    claim_id: int
    criterion_id: int
    locator: str
    added_reason: str | None
    outcome: Outcome | None = None
    """Of the live decision, if there is one."""
    comment: str = ""
    decided_at: datetime | None = None
    decided_by: str | None = None
    is_decided: bool = False
    """Decided on the version that this attempt sees now."""

    @property
    def is_met(self) -> bool:
        return self.outcome is Outcome.MET

    @property
    def awaits_affirmation(self) -> bool:
        """Met on an earlier version; the assessor has not yet said that the new one still shows it."""
        return self.is_met and not self.is_decided

    @property
    def state(self) -> CriterionState:
        if self.is_met:
            return CriterionState.MET
        return CriterionState.NEEDS_MORE if self.is_decided else CriterionState.CLAIMED


@dataclass(frozen=True, slots=True)
class Row:
    """One item of evidence as this attempt sees it: the version handed in, or the draft."""

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
    assessment_outcome: AssessmentOutcome | None
    """Of the latest released assessment of this version in this attempt."""
    reviewed_at: datetime | None
    cells: Mapping[int, Cell]
    """By criterion id."""

    @property
    def is_submitted(self) -> bool:
        return self.version_id is not None

    @property
    def ref(self) -> str:
        """As printed: `12`, or `12 v2` for a later version; drafts have none."""
        if self.number is None:
            return "Draft"
        later = self.version_number is not None and self.version_number > 1
        return f"{self.number} v{self.version_number}" if later else str(self.number)

    @property
    def undecided(self) -> list[Cell]:
        """Claims an assessor has still to decide, or to affirm, on the version handed in."""
        return [cell for cell in self.cells.values() if self.is_submitted and not cell.is_decided]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a criterion stands, and what stands behind it."""

    column: Column
    state: CriterionState
    rows: tuple[Row, ...]
    """The items that claim it, in order."""
    latest: Cell | None
    """The claim decided last, whose comment says what is still needed."""


@dataclass(frozen=True)
class Matrix:
    """The grid, and everything counted from it."""

    attempt_id: int
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    standings: tuple[Standing, ...] = field(repr=False)
    """One a column, in the same order."""

    def count(self, state: CriterionState) -> int:
        return sum(standing.state is state for standing in self.standings)

    @cached_property
    def met(self) -> int:
        return self.count(CriterionState.MET)

    @cached_property
    def claimed(self) -> int:
        """Criteria with any live claim, met ones included."""
        return self.total - self.count(CriterionState.NOTHING_YET)

    @property
    def total(self) -> int:
        return len(self.columns)

    @cached_property
    def claiming_rows(self) -> tuple[Row, ...]:
        """Items with at least one claim in this attempt."""
        return tuple(row for row in self.rows if row.cells)

    @cached_property
    def by_criterion(self) -> dict[int, Standing]:
        return {standing.column.id: standing for standing in self.standings}

    @property
    def knowledge(self) -> tuple[Column, ...]:
        return self.columns_of(CriterionKind.KNOWLEDGE)

    def columns_of(self, kind: CriterionKind) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.kind is kind)


def standing(column: Column, rows: tuple[Row, ...]) -> Standing:
    claiming = tuple(row for row in rows if column.id in row.cells)
    cells = [row.cells[column.id] for row in claiming]
    decided = [cell for cell in cells if cell.is_decided and cell.decided_at]
    latest = max(decided, key=lambda cell: (cell.decided_at, cell.claim_id), default=None)
    return Standing(column, _state(cells, latest), claiming, latest)


def _state(cells: list[Cell], latest: Cell | None) -> CriterionState:
    """Met if any live decision is `met`; else needs more if the latest is not; else claimed; else nothing."""
    if any(cell.is_met for cell in cells):
        return CriterionState.MET
    if latest:
        return CriterionState.NEEDS_MORE
    return CriterionState.CLAIMED if cells else CriterionState.NOTHING_YET

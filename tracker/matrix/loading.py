"""Loading of the matrix of an attempt, in three SQL statements whatever the number of rows."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, bindparam, case, or_, select
from sqlalchemy.orm import InstrumentedAttribute, aliased

from tracker.matrix.accepted_versions import is_on_accepted_version
from tracker.matrix.grid import Matrix, MatrixCell, MatrixColumn, MatrixRow, compute_criterion_status
from tracker.matrix.record_standing import compute_standing, select_author_name, select_last_answer
from tracker.models import (
    Claim,
    Criterion,
    Decision,
    Evidence,
    EvidenceVersion,
    Person,
    Submission,
    UnitAttempt,
)
from tracker.statements import fetch_rows

CRITERION_COLUMNS: tuple[Any, ...] = (
    Criterion.id,
    Criterion.position,
    Criterion.kind,
    Criterion.label,
    Criterion.heading,
    Criterion.text,
    Criterion.label_origin,
)
"""The columns that a query selects for `MatrixColumn`, in the order of its fields."""
CELL_COLUMNS: tuple[Any, ...] = (
    Claim.id.label("claim_id"),
    Claim.criterion_id,
    Claim.locator,
    Claim.added_reason,
    Decision.id.label("decision_id"),
    Decision.assessment_id,
    Decision.outcome,
    Decision.comment,
    Decision.decided_at,
    Decision.evidence_version_id.label("decided_version_id"),
    Person.name.label("decided_by"),
    is_on_accepted_version().label("is_accepted"),
)
"""The columns that a query selects for `build_cell`, from a claim outer-joined with its decision and assessor."""


AUTHOR = aliased(Person)
UNTIL = bindparam("until", type_=Submission.submitted_at.type)


def _select_items(*, with_drafts: bool) -> Select[*tuple[Any, ...]]:
    """Select a candidate's items at a centre, with their versions, in the order of `MatrixRow` up to its cells.

    A version counts if it was submitted by `until`. With drafts, the other versions and the items without one are
    there too, as rows with the fields of the draft.
    """
    has_version = Submission.id.is_not(None)
    is_counted = and_(
        Submission.evidence_version_id == EvidenceVersion.id,
        Submission.withdrawn_at.is_(None),
        or_(UNTIL.is_(None), Submission.submitted_at <= UNTIL),
    )

    def describe(column: InstrumentedAttribute[Any]) -> ColumnElement[Any]:
        """Return a column of the version, or of the draft."""
        return case((has_version, column), else_=getattr(Evidence, column.key)).label(column.key)

    return (
        select(
            Evidence.id.label("evidence_id"),
            Evidence.number,
            Submission.evidence_version_id.label("version_id"),
            case((has_version, EvidenceVersion.number)).label("version_number"),
            describe(EvidenceVersion.title),
            describe(EvidenceVersion.method),
            describe(EvidenceVersion.happened_from),
            describe(EvidenceVersion.happened_until),
            describe(EvidenceVersion.occasion),
            describe(EvidenceVersion.customers),
            Submission.submitted_at,
            case((has_version, EvidenceVersion.content_hash)).label("content_hash"),
            select_author_name(AUTHOR, EvidenceVersion).label("author"),
            select_last_answer().label("answer"),
            Evidence.discarded_at,
        )
        .select_from(Evidence)
        .outerjoin(AUTHOR, AUTHOR.id == Evidence.author_id)
        .join(EvidenceVersion, EvidenceVersion.evidence_id == Evidence.id, isouter=with_drafts)
        .join(Submission, is_counted, isouter=with_drafts)
        .where(
            Evidence.candidate_id == bindparam("candidate_id"),
            Evidence.centre_id == bindparam("centre_id"),
            or_(Evidence.record_kind.is_(None), Evidence.number.is_not(None)),
        )
        .order_by(Evidence.number, Evidence.id, EvidenceVersion.number)
    )


def _select_cells(is_claim: ColumnElement[bool], is_decision: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    """Select an attempt's claims that meet a condition, each with its decision that meets the other."""
    return (
        select(Claim.evidence_id, *CELL_COLUMNS)
        .outerjoin(Decision, and_(Decision.claim_id == Claim.id, is_decision))
        .outerjoin(Person, Person.id == Decision.decided_by_id)
        .where(Claim.attempt_id == bindparam("attempt_id"), is_claim)
        .order_by(Claim.id)
    )


SUBMITTED_ITEMS, ALL_ITEMS = _select_items(with_drafts=False), _select_items(with_drafts=True)
COLUMNS = (
    select(*CRITERION_COLUMNS)
    .where(Criterion.unit_id == bindparam("unit_id"), Criterion.assessable)
    .order_by(Criterion.position)
)
LIVE_CELLS = _select_cells(Claim.removed_at.is_(None), Decision.superseded_at.is_(None))
ENDED_CELLS = _select_cells(
    Claim.removed_at == bindparam("ended_at"), Decision.superseded_at == bindparam("ended_at")
)
"""The claims and decisions that ended at a moment: when the attempt moved to another version of its unit."""


def load_matrix(attempt: UnitAttempt, *, with_drafts: bool = False) -> Matrix:
    """Load the matrix of an attempt.

    Args:
        attempt: the attempt.
        with_drafts: whether to load all items of the candidate at the centre, drafts included, as the candidate sees
            them. Otherwise only submitted items that claim a criterion of the attempt are loaded.
    """
    items = _load_items(attempt, attempt.assessed_at, with_drafts=with_drafts)
    return _build_matrix(attempt, attempt.unit_id, items, with_drafts=with_drafts)


def load_past_matrix(
    attempt: UnitAttempt, from_unit_id: int, moved_at: datetime, *, with_drafts: bool = False
) -> Matrix:
    """Load the matrix as it was just before the attempt moved to another version of its unit.

    Args:
        attempt: the attempt.
        from_unit_id: the version of the unit that the attempt was on.
        moved_at: when it moved.
        with_drafts: as in `load_matrix`.
    """
    items = _load_items(attempt, moved_at, with_drafts=with_drafts)
    return _build_matrix(attempt, from_unit_id, items, moved_at, with_drafts=with_drafts)


def _build_matrix(
    attempt: UnitAttempt,
    unit_id: int,
    items: Mapping[int, tuple[Any, ...]],
    ended_at: datetime | None = None,
    *,
    with_drafts: bool,
) -> Matrix:
    """Build the matrix of the live claims and decisions, or of those that ended at `ended_at`."""
    columns = list_columns(unit_id)
    cells = _load_cells(attempt, {evidence_id: row[2] for evidence_id, row in items.items()}, ended_at=ended_at)
    rows = tuple(
        _build_row(row, cells.get(evidence_id, {}))
        for evidence_id, row in items.items()
        if with_drafts or evidence_id in cells
    )
    return Matrix(attempt.id, columns, rows, tuple(compute_criterion_status(column, rows) for column in columns))


def _build_row(item: tuple[Any, ...], cells: Mapping[int, MatrixCell]) -> MatrixRow:
    """Build a row from an item with its author and the last answer to its version."""
    author, answer = item[-2:]
    return MatrixRow(*(*item[:-2], cells, author, compute_standing(answer) if author else None))


def list_columns(unit_id: int) -> tuple[MatrixColumn, ...]:
    """List a unit's assessable criteria, in document order."""
    return tuple(MatrixColumn(*row) for row in fetch_rows(COLUMNS, unit_id=unit_id))


def _load_items(attempt: UnitAttempt, until: datetime | None, *, with_drafts: bool) -> dict[int, tuple[Any, ...]]:
    """Return the candidate's items by id, each as the fields of its latest version submitted by `until`.

    They are in index order. `with_drafts` adds the items without such a version, as drafts, after the others; a
    record of assessment without one is its author's alone.
    """
    found = fetch_rows(
        ALL_ITEMS if with_drafts else SUBMITTED_ITEMS,
        candidate_id=attempt.candidate_id,
        centre_id=attempt.centre_id,
        until=until,
    )
    items: dict[int, tuple[Any, ...]] = {row.evidence_id: row[:-1] for row in found if row.version_id}
    drafts = {row.evidence_id: row[:-1] for row in found if _is_own_draft(row, items)}
    return items | dict(sorted(drafts.items()))  # of an item's versions the last one remains


def _is_own_draft(row: Row[*tuple[Any, ...]], items: Mapping[int, Any]) -> bool:
    return row.evidence_id not in items and not row.discarded_at and not row.author


def _load_cells(
    attempt: UnitAttempt,
    version_ids: Mapping[int, int | None],
    ended_at: datetime | None,
) -> dict[int, dict[int, MatrixCell]]:
    """Return claims with their decisions, by evidence id and criterion id.

    Args:
        attempt: the attempt.
        version_ids: the items to return, each with the version that the attempt sees; None for a draft.
        ended_at: return the claims and decisions that ended at this moment; None returns live ones.
    """
    if ended_at:
        rows = fetch_rows(ENDED_CELLS, attempt_id=attempt.id, ended_at=ended_at)
    else:
        rows = fetch_rows(LIVE_CELLS, attempt_id=attempt.id)
    cells: dict[int, dict[int, MatrixCell]] = {}
    for row in rows:
        if row.evidence_id in version_ids:
            cell = build_cell(row, version_ids[row.evidence_id])
            cells.setdefault(row.evidence_id, {})[cell.criterion_id] = cell
    return cells


def build_cell(row: Row[*tuple[Any, ...]], version_id: int | None) -> MatrixCell:
    """Build a cell from a row with the `CELL_COLUMNS`, in an attempt that sees this version of the item."""
    return MatrixCell(
        claim_id=row.claim_id,
        criterion_id=row.criterion_id,
        locator=row.locator,
        added_reason=row.added_reason,
        decision_id=row.decision_id,
        assessment_id=row.assessment_id,
        decided_version_id=row.decided_version_id,
        outcome=row.outcome,
        comment=row.comment or "",
        decided_at=row.decided_at,
        decided_by=row.decided_by,
        is_accepted=row.is_accepted,
        is_decided=row.decided_version_id is not None and row.decided_version_id == version_id,
    )

"""Loading of the matrix of an attempt, in three SQL statements whatever the number of rows."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, select

from tracker.extensions import db
from tracker.matrix.accepted_versions import is_on_accepted_version
from tracker.matrix.grid import Matrix, MatrixCell, MatrixColumn, MatrixRow, compute_criterion_status
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
    items: Mapping[int, MatrixRow],
    ended_at: datetime | None = None,
    *,
    with_drafts: bool,
) -> Matrix:
    """Build the matrix of the live claims and decisions, or of those that ended at `ended_at`."""
    columns = list_columns(unit_id)
    cells = _load_cells(
        attempt, {evidence_id: row.version_id for evidence_id, row in items.items()}, ended_at=ended_at
    )
    rows = tuple(
        replace(row, cells=cells.get(evidence_id, {}))
        for evidence_id, row in items.items()
        if with_drafts or evidence_id in cells
    )
    return Matrix(attempt.id, columns, rows, tuple(compute_criterion_status(column, rows) for column in columns))


def list_columns(unit_id: int) -> tuple[MatrixColumn, ...]:
    """List a unit's assessable criteria, in document order."""
    query = (
        select(*CRITERION_COLUMNS)
        .where(Criterion.unit_id == unit_id, Criterion.assessable)
        .order_by(Criterion.position)
    )
    return tuple(MatrixColumn(*tuple(row)) for row in db.session.execute(query))


def _load_items(attempt: UnitAttempt, until: datetime | None, *, with_drafts: bool) -> dict[int, MatrixRow]:
    """Return the candidate's items by id, in index order, each as its latest version submitted by `until`.

    The rows have no cells yet. `with_drafts` adds the items without such a version, as drafts.
    """
    query = (
        select(
            EvidenceVersion.evidence_id,
            Evidence.number,
            EvidenceVersion.id.label("version_id"),
            EvidenceVersion.number.label("version_number"),
            EvidenceVersion.title,
            EvidenceVersion.method,
            EvidenceVersion.happened_from,
            EvidenceVersion.happened_until,
            EvidenceVersion.occasion,
            EvidenceVersion.customers,
            Submission.submitted_at,
            EvidenceVersion.content_hash,
        )
        .join(Evidence, Evidence.id == EvidenceVersion.evidence_id)
        .join(Submission, Submission.evidence_version_id == EvidenceVersion.id)
        .where(
            Evidence.candidate_id == attempt.candidate_id,
            Evidence.centre_id == attempt.centre_id,
            Submission.withdrawn_at.is_(None),
        )
        .order_by(Evidence.number, EvidenceVersion.number)
    )
    if until:
        query = query.where(Submission.submitted_at <= until)
    items = {  # later versions overwrite earlier ones
        row["evidence_id"]: MatrixRow(**row, cells={}) for row in db.session.execute(query).mappings()
    }
    if with_drafts:
        items |= {row.evidence_id: row for row in _load_drafts(attempt) if row.evidence_id not in items}
    return items


def _load_drafts(attempt: UnitAttempt) -> list[MatrixRow]:
    query = (
        select(
            Evidence.id.label("evidence_id"),
            Evidence.number,
            Evidence.title,
            Evidence.method,
            Evidence.happened_from,
            Evidence.happened_until,
            Evidence.occasion,
            Evidence.customers,
        )
        .where(
            Evidence.candidate_id == attempt.candidate_id,
            Evidence.centre_id == attempt.centre_id,
            Evidence.discarded_at.is_(None),
        )
        .order_by(Evidence.id)
    )
    return [
        MatrixRow(**row, version_id=None, version_number=None, submitted_at=None, content_hash=None, cells={})
        for row in db.session.execute(query).mappings()
    ]


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
    is_claim_included = Claim.removed_at == ended_at if ended_at else Claim.removed_at.is_(None)
    is_decision_included = Decision.superseded_at == ended_at if ended_at else Decision.superseded_at.is_(None)
    query = (
        select(Claim.evidence_id, *CELL_COLUMNS)
        .outerjoin(Decision, and_(Decision.claim_id == Claim.id, is_decision_included))
        .outerjoin(Person, Person.id == Decision.decided_by_id)
        .where(Claim.attempt_id == attempt.id, is_claim_included)
        .order_by(Claim.id)
    )
    cells: dict[int, dict[int, MatrixCell]] = {}
    for row in db.session.execute(query):
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

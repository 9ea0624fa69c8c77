"""Loading of the matrix of an attempt: three statements whatever the number of rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import and_, select
from sqlalchemy.orm import aliased

from tracker.extensions import db
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
    VersionMove,
)
from tracker.vocabulary import Method


def load_matrix(attempt: UnitAttempt, *, with_drafts: bool = False) -> Matrix:
    """Load the matrix of an attempt.

    `with_drafts` is the candidate's own view: all their items at the centre, drafts included. Everybody else
    sees the submitted items that claim something in this attempt.
    """
    versions = _load_versions(attempt, attempt.assessed_at, with_drafts=with_drafts)
    return _build_matrix(attempt, attempt.unit_id, versions, with_drafts=with_drafts)


def load_past_matrix(attempt: UnitAttempt, move: VersionMove, *, with_drafts: bool = False) -> Matrix:
    """Load the matrix as it was just before the attempt moved to another version of its unit."""
    versions = _load_versions(attempt, move.moved_at, with_drafts=with_drafts)
    return _build_matrix(attempt, move.from_unit_id, versions, move.moved_at, with_drafts=with_drafts)


def _build_matrix(
    attempt: UnitAttempt,
    unit_id: int,
    versions: Mapping[int, "_VisibleVersion"],
    ended_at: datetime | None = None,
    *,
    with_drafts: bool,
) -> Matrix:
    """Build the matrix of the live claims and decisions or, with `ended_at`, of those that ended at that moment."""
    columns = list_columns(unit_id)
    claims = _load_cells(attempt, {key: row.version_id for key, row in versions.items()}, ended_at)
    rows = tuple(
        _build_row(version, claims.get(evidence_id, {}))
        for evidence_id, version in versions.items()
        if with_drafts or evidence_id in claims
    )
    return Matrix(attempt.id, columns, rows, tuple(compute_criterion_status(column, rows) for column in columns))


def list_columns(unit_id: int) -> tuple[MatrixColumn, ...]:
    """List a unit's assessable criteria, in document order."""
    query = (
        select(
            Criterion.id,
            Criterion.position,
            Criterion.kind,
            Criterion.label,
            Criterion.heading,
            Criterion.text,
        )
        .where(Criterion.unit_id == unit_id, Criterion.assessable)
        .order_by(Criterion.position)
    )
    return tuple(MatrixColumn(*row) for row in db.session.execute(query))


@dataclass(frozen=True, slots=True)
class _VisibleVersion:
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


def _load_versions(attempt: UnitAttempt, until: datetime | None, *, with_drafts: bool) -> dict[int, _VisibleVersion]:
    """Return the candidate's items by id, in index order, each as its latest version submitted by `until`."""
    sealed, draft = EvidenceVersion, Evidence
    submitted = select(
        sealed.evidence_id,
        draft.number,
        sealed.id.label("version_id"),
        sealed.number.label("version_number"),
        sealed.title,
        sealed.method,
        sealed.happened_from,
        sealed.happened_until,
        sealed.occasion,
        sealed.customers,
        Submission.submitted_at,
        sealed.content_hash,
    )
    submitted = (
        submitted.join(draft, draft.id == sealed.evidence_id)
        .join(Submission, Submission.evidence_version_id == sealed.id)
        .where(
            draft.candidate_id == attempt.candidate_id,
            draft.centre_id == attempt.centre_id,
            Submission.withdrawn_at.is_(None),
        )
        .order_by(draft.number, sealed.number)
    )
    if until:
        submitted = submitted.where(Submission.submitted_at <= until)
    latest = {  # later versions overwrite earlier ones
        row["evidence_id"]: _VisibleVersion(**row) for row in db.session.execute(submitted).mappings()
    }
    if with_drafts:
        latest |= {row.evidence_id: row for row in _load_drafts(attempt) if row.evidence_id not in latest}
    return latest


def _load_drafts(attempt: UnitAttempt) -> list[_VisibleVersion]:
    query = (
        select(
            Evidence.id,
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
        _VisibleVersion(
            evidence_id=row.id,
            number=row.number,
            version_id=None,
            version_number=None,
            title=row.title,
            method=row.method,
            happened_from=row.happened_from,
            happened_until=row.happened_until,
            occasion=row.occasion,
            customers=row.customers,
            submitted_at=None,
            content_hash=None,
        )
        for row in db.session.execute(query)
    ]


def _load_cells(
    attempt: UnitAttempt, versions: Mapping[int, int | None], ended_at: datetime | None
) -> dict[int, dict[int, MatrixCell]]:
    """Return claims by evidence and criterion, on the items given, with their decisions."""
    decider = aliased(Person)
    live_claim = Claim.removed_at == ended_at if ended_at else Claim.removed_at.is_(None)
    live_decision = Decision.superseded_at == ended_at if ended_at else Decision.superseded_at.is_(None)
    query = (
        select(
            Claim.evidence_id,
            Claim.id,
            Claim.criterion_id,
            Claim.locator,
            Claim.added_reason,
            Decision.outcome,
            Decision.comment,
            Decision.decided_at,
            decider.name,
            Decision.evidence_version_id,
        )
        .outerjoin(Decision, and_(Decision.claim_id == Claim.id, live_decision))
        .outerjoin(decider, decider.id == Decision.decided_by_id)
        .where(Claim.attempt_id == attempt.id, live_claim)
        .order_by(Claim.id)
    )
    cells: dict[int, dict[int, MatrixCell]] = {}
    for row in db.session.execute(query):
        if row.evidence_id not in versions:
            continue
        cells.setdefault(row.evidence_id, {})[row.criterion_id] = MatrixCell(
            claim_id=row.id,
            criterion_id=row.criterion_id,
            locator=row.locator,
            added_reason=row.added_reason,
            outcome=row.outcome,
            comment=row.comment or "",
            decided_at=row.decided_at,
            decided_by=row.name,
            is_decided=row.evidence_version_id is not None and row.evidence_version_id == versions[row.evidence_id],
        )
    return cells


def _build_row(version: _VisibleVersion, cells: Mapping[int, MatrixCell]) -> MatrixRow:
    return MatrixRow(
        evidence_id=version.evidence_id,
        number=version.number,
        version_id=version.version_id,
        version_number=version.version_number,
        title=version.title,
        method=version.method,
        happened_from=version.happened_from,
        happened_until=version.happened_until,
        occasion=version.occasion,
        customers=version.customers,
        submitted_at=version.submitted_at,
        content_hash=version.content_hash,
        cells=cells,
    )

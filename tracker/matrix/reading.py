"""Reads the grid of an attempt: four statements whatever the number of rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import and_, select
from sqlalchemy.orm import aliased

from tracker.extensions import db
from tracker.matrix.grid import Cell, Column, Matrix, Row, standing
from tracker.models import (
    Assessment,
    AttemptMove,
    Claim,
    Criterion,
    Decision,
    Evidence,
    EvidenceVersion,
    Person,
    Submission,
    UnitAttempt,
)
from tracker.vocabulary import AssessmentOutcome, AssessmentState, Method


def load_matrix(attempt: UnitAttempt, *, with_drafts: bool = False) -> Matrix:
    """The grid of an attempt.

    `with_drafts` is the candidate's own view: all their items at the centre, drafts included. Everybody else
    sees the items that were handed in and claim something here.
    """
    versions = _versions(attempt, attempt.assessed_at, with_drafts=with_drafts)
    return _matrix(attempt, attempt.unit_id, versions, with_drafts=with_drafts)


def load_past_matrix(attempt: UnitAttempt, move: AttemptMove, *, with_drafts: bool = False) -> Matrix:
    """The grid as it stood just before the attempt was moved to another version of its unit."""
    versions = _versions(attempt, move.moved_at, with_drafts=with_drafts)
    return _matrix(attempt, move.from_unit_id, versions, move.moved_at, with_drafts=with_drafts)


def _matrix(
    attempt: UnitAttempt,
    unit_id: int,
    versions: Mapping[int, "_Version"],
    ended_at: datetime | None = None,
    *,
    with_drafts: bool,
) -> Matrix:
    """With `ended_at` the claims and decisions that ended at that moment, else the live ones."""
    columns = list_columns(unit_id)
    claims = _claims(attempt, {key: row.version_id for key, row in versions.items()}, ended_at)
    assessments = _assessments(attempt, ended_at)
    rows = tuple(
        _row(version, claims.get(evidence_id, {}), assessments.get(version.version_id or 0))
        for evidence_id, version in versions.items()
        if with_drafts or evidence_id in claims
    )
    return Matrix(attempt.id, columns, rows, tuple(standing(column, rows) for column in columns))


def list_columns(unit_id: int) -> tuple[Column, ...]:
    """A unit's assessable criteria, in document order."""
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
    return tuple(Column(*found) for found in db.session.execute(query))


@dataclass(frozen=True, slots=True)
class _Version:
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


def _versions(attempt: UnitAttempt, until: datetime | None, *, with_drafts: bool) -> dict[int, _Version]:
    """The candidate's items by id, in index order, each as the version this attempt sees (saw, at that moment)."""
    sealed, draft = EvidenceVersion, Evidence
    handed_in = select(
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
    handed_in = (
        handed_in.join(draft, draft.id == sealed.evidence_id)
        .join(Submission, Submission.evidence_version_id == sealed.id)
        .where(
            draft.candidate_id == attempt.candidate_id,
            draft.centre_id == attempt.centre_id,
            Submission.withdrawn_at.is_(None),
        )
        .order_by(draft.number, sealed.number)
    )
    if until:
        handed_in = handed_in.where(Submission.submitted_at <= until)
    found = {  # later versions overwrite earlier ones
        row["evidence_id"]: _Version(**row) for row in db.session.execute(handed_in).mappings()
    }
    if with_drafts:
        found |= {row.evidence_id: row for row in _drafts(attempt) if row.evidence_id not in found}
    return found


def _drafts(attempt: UnitAttempt) -> list[_Version]:
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
        _Version(
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


def _claims(
    attempt: UnitAttempt, versions: Mapping[int, int | None], ended_at: datetime | None
) -> dict[int, dict[int, Cell]]:
    """Live claims by evidence and criterion, on the items given, with their live decisions."""
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
    found: dict[int, dict[int, Cell]] = {}
    for row in db.session.execute(query):
        if row.evidence_id not in versions:
            continue
        found.setdefault(row.evidence_id, {})[row.criterion_id] = Cell(
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
    return found


def _assessments(attempt: UnitAttempt, until: datetime | None) -> dict[int, tuple[AssessmentOutcome, datetime]]:
    """The latest released assessment of each version in this attempt."""
    query = (
        select(Assessment.evidence_version_id, Assessment.outcome, Assessment.released_at)
        .where(Assessment.attempt_id == attempt.id, Assessment.state == AssessmentState.RELEASED)
        .order_by(Assessment.released_at, Assessment.id)
    )
    if until:
        query = query.where(Assessment.released_at <= until)
    return {
        version_id: (outcome, released_at)
        for version_id, outcome, released_at in db.session.execute(query)
        if outcome and released_at
    }


def _row(version: _Version, cells: Mapping[int, Cell], assessment: tuple[AssessmentOutcome, datetime] | None) -> Row:
    outcome, reviewed_at = assessment or (None, None)
    return Row(
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
        assessment_outcome=outcome,
        reviewed_at=reviewed_at,
        cells=cells,
    )

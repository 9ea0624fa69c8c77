"""Criteria that the author of a record can stamp: those of the candidate's open units that are allocated to them."""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, SQLColumnExpression, func, select

from tracker.extensions import db
from tracker.matrix import MatrixColumn
from tracker.matrix.accepted_versions import is_on_accepted_version
from tracker.matrix.loading import CRITERION_COLUMNS
from tracker.models import (
    Allocation,
    Claim,
    Criterion,
    Decision,
    Evidence,
    EvidenceVersion,
    Registration,
    Unit,
    UnitAttempt,
    VersionMove,
)
from tracker.records.stamps import MarkedCriterion, StampableUnit, mark_criteria
from tracker.registrations.current_allocations import is_current
from tracker.vocabulary import AttemptState, Outcome, Role

IS_OPEN = (UnitAttempt.state == AttemptState.IN_PROGRESS, Registration.withdrawn_at.is_(None))
"""The conditions of a unit that is in progress, of a candidate who was not withdrawn."""


def list_stampable_units(record: Evidence, author_id: int) -> list[StampableUnit]:
    """List the units of a record's candidate that are in progress and allocated to its author now. Two statements."""
    return _list_units(*_is_stampable(record, author_id))


def list_stampable_unit_ids(record: Evidence, author_id: int) -> list[int]:
    """List the ids of the units in `list_stampable_units`. One statement."""
    query = (
        select(UnitAttempt.unit_id)
        .join(Registration, Registration.id == UnitAttempt.registration_id)
        .where(*_is_stampable(record, author_id))
    )
    return list(db.session.scalars(query))


def has_stampable_unit(record: Evidence, author_id: int) -> bool:
    """Return whether a unit of a record's candidate is in progress and allocated to its author now. One statement."""
    query = (
        select(UnitAttempt.id)
        .join(Registration, Registration.id == UnitAttempt.registration_id)
        .where(*_is_stampable(record, author_id))
        .limit(1)
    )
    return db.session.execute(query).first() is not None


def _is_stampable(record: Evidence, author_id: int) -> tuple[ColumnElement[bool], ...]:
    allocated = select(Allocation.attempt_id).where(
        Allocation.person_id == author_id, Allocation.role == Role.ASSESSOR, is_current()
    )
    return (
        UnitAttempt.candidate_id == record.candidate_id,
        UnitAttempt.centre_id == record.centre_id,
        *IS_OPEN,
        UnitAttempt.id.in_(allocated),
    )


def list_restorable_units(record: Evidence, version: EvidenceVersion) -> list[StampableUnit]:
    """List the open units whose claims of a record can be set back to what one of its versions stamps.

    A unit that moved to another version since is left out: its criteria are not those that were stamped.
    """
    moved = select(VersionMove.attempt_id).where(VersionMove.moved_at > version.sealed_at)
    return _list_units(
        UnitAttempt.id.in_(select(Claim.attempt_id).where(Claim.evidence_id == record.id)),
        *IS_OPEN,
        UnitAttempt.id.not_in(moved),
    )


def list_claimed_criteria(record: Evidence, stampable: Iterable[int], first_attempt: int) -> list[MarkedCriterion]:
    """List the criteria that a record claims in units that its author cannot stamp any more, with their marks.

    A new version may still name them: its text stays as it was, and their claims do not change.

    Args:
        record: the record.
        stampable: the attempts whose criteria its author can stamp.
        first_attempt: as in `mark_criteria`.
    """
    query = select(Claim.attempt_id, Claim.criterion_id).where(
        Claim.evidence_id == record.id, Claim.removed_at.is_(None), Claim.attempt_id.not_in(list(stampable))
    )
    claimed = {(row[0], row[1]) for row in db.session.execute(query)}
    if not claimed:
        return []
    units = _list_units(UnitAttempt.id.in_({attempt_id for attempt_id, _ in claimed}))
    return [each for each in mark_criteria(units, first_attempt) if each.key in claimed]


def list_units_of(version: EvidenceVersion) -> list[StampableUnit]:
    """List the units that a version of a record may name criteria of, as they were when it was finished.

    They are those in which the record has or had claims. Two statements.
    """
    moved_from = (
        select(VersionMove.from_unit_id)
        .where(VersionMove.attempt_id == UnitAttempt.id, VersionMove.moved_at > version.sealed_at)
        .order_by(VersionMove.id)
        .limit(1)
        .correlate(UnitAttempt)
        .scalar_subquery()
    )
    claimed = select(Claim.attempt_id).where(Claim.evidence_id == version.evidence_id)
    return _list_units(UnitAttempt.id.in_(claimed), unit_id=func.coalesce(moved_from, UnitAttempt.unit_id))


def _list_units(
    *conditions: ColumnElement[bool], unit_id: SQLColumnExpression[int] = UnitAttempt.unit_id
) -> list[StampableUnit]:
    query = (
        select(UnitAttempt.id, Unit.id, Unit.code, Unit.title)
        .join(Unit, Unit.id == unit_id)
        .join(Registration, Registration.id == UnitAttempt.registration_id)
        .where(*conditions)
        .order_by(UnitAttempt.id)
    )
    rows = db.session.execute(query).all()
    columns = _load_columns({unit_id for _, unit_id, _, _ in rows})
    return [StampableUnit(id_, code, title, columns.get(unit_id, ())) for id_, unit_id, code, title in rows]


def _load_columns(unit_ids: Iterable[int]) -> dict[int, tuple[MatrixColumn, ...]]:
    query = (
        select(Criterion.unit_id, *CRITERION_COLUMNS)
        .where(Criterion.unit_id.in_(unit_ids), Criterion.assessable)
        .order_by(Criterion.unit_id, Criterion.position)
    )
    columns: dict[int, tuple[MatrixColumn, ...]] = {}
    for unit_id, *column in db.session.execute(query):
        columns[unit_id] = (*columns.get(unit_id, ()), MatrixColumn(*column))
    return columns


def list_met_criteria(attempt_ids: Iterable[int]) -> set[tuple[int, int]]:
    """Return the criteria of these attempts that are met already, by attempt and criterion. One statement."""
    query = (
        select(Claim.attempt_id, Claim.criterion_id)
        .join(Decision, Decision.claim_id == Claim.id)
        .where(
            Claim.attempt_id.in_(list(attempt_ids)),
            Claim.removed_at.is_(None),
            Decision.superseded_at.is_(None),
            Decision.outcome == Outcome.MET,
            is_on_accepted_version(),
        )
    )
    return {(row[0], row[1]) for row in db.session.execute(query)}

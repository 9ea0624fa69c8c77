"""Criteria that the author of a record can stamp: those of the candidate's open units that are allocated to them."""

from collections.abc import Iterable

from sqlalchemy import Select, select

from tracker.extensions import db
from tracker.matrix import MatrixColumn
from tracker.matrix.accepted_versions import is_on_accepted_version
from tracker.matrix.loading import CRITERION_COLUMNS
from tracker.models import Allocation, Claim, Criterion, Decision, Evidence, Registration, Unit, UnitAttempt
from tracker.records.stamps import StampableUnit
from tracker.registrations.current_allocations import is_current
from tracker.vocabulary import AttemptState, Outcome, Role


def list_stampable_units(record: Evidence, author_id: int) -> list[StampableUnit]:
    """List the units of a record's candidate that are in progress and allocated to its author now. Two statements."""
    query = _select_stampable(record, author_id).join(Unit, Unit.id == UnitAttempt.unit_id).order_by(UnitAttempt.id)
    rows = db.session.execute(query.add_columns(Unit.id, Unit.code, Unit.title)).all()
    columns = _load_columns({unit_id for _, unit_id, _, _ in rows})
    return [StampableUnit(id_, code, title, columns.get(unit_id, ())) for id_, unit_id, code, title in rows]


def has_stampable_unit(record: Evidence, author_id: int) -> bool:
    """Return whether a unit of a record's candidate is in progress and allocated to its author now. One statement."""
    return db.session.execute(_select_stampable(record, author_id).limit(1)).first() is not None


def _select_stampable(record: Evidence, author_id: int) -> Select[int]:
    return (
        select(UnitAttempt.id)
        .join(Registration, Registration.id == UnitAttempt.registration_id)
        .join(Allocation, Allocation.attempt_id == UnitAttempt.id)
        .where(
            UnitAttempt.candidate_id == record.candidate_id,
            UnitAttempt.centre_id == record.centre_id,
            UnitAttempt.state == AttemptState.IN_PROGRESS,
            Registration.withdrawn_at.is_(None),
            Allocation.person_id == author_id,
            Allocation.role == Role.ASSESSOR,
            is_current(),
        )
    )


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

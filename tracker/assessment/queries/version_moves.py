"""Queries for version moves: open attempts on a version of a unit, moves, claims that were carried over."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from tracker.extensions import db
from tracker.models import CarriedOverClaim, Registration, Unit, UnitAttempt, VersionMove
from tracker.vocabulary import AttemptState


def list_open_attempts(unit: Unit, centre_id: int) -> list[UnitAttempt]:
    """List the attempts in progress on this version at a centre, by candidate."""
    query = (
        select(UnitAttempt)
        .join(Registration, Registration.id == UnitAttempt.registration_id)
        .where(
            UnitAttempt.unit_id == unit.id,
            UnitAttempt.centre_id == centre_id,
            UnitAttempt.state == AttemptState.IN_PROGRESS,
            Registration.withdrawn_at.is_(None),
        )
        .options(
            joinedload(UnitAttempt.candidate), joinedload(UnitAttempt.registration), joinedload(UnitAttempt.unit)
        )
    )
    return sorted(db.session.scalars(query), key=lambda attempt: (attempt.candidate.name, attempt.id))


def load_successor_ids(claim_ids: Iterable[int]) -> dict[int, list[int]]:
    """Return, by the id of a claim that was carried over, the ids of the claims that follow it."""
    query = select(CarriedOverClaim.from_claim_id, CarriedOverClaim.claim_id).where(
        CarriedOverClaim.from_claim_id.in_(list(claim_ids))
    )
    successors: dict[int, list[int]] = {}
    for old, new in db.session.execute(query.order_by(CarriedOverClaim.claim_id)):
        successors.setdefault(old, []).append(new)
    return successors


def list_version_moves(older: Unit, newer: Unit, centre_id: int) -> list[tuple[VersionMove, UnitAttempt]]:
    """List the moves from one version to the other at a centre, newest first."""
    query = (
        select(VersionMove, UnitAttempt)
        .join(UnitAttempt, UnitAttempt.id == VersionMove.attempt_id)
        .where(
            VersionMove.from_unit_id == older.id,
            VersionMove.to_unit_id == newer.id,
            UnitAttempt.centre_id == centre_id,
        )
        .options(joinedload(UnitAttempt.candidate), joinedload(VersionMove.moved_by))
        .order_by(VersionMove.id.desc())
    )
    return [(move, attempt) for move, attempt in db.session.execute(query)]

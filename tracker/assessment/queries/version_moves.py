"""Which attempts are on a version of a unit, and which have been moved from it."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from tracker.extensions import db
from tracker.models import AttemptMove, MovedClaim, Registration, Unit, UnitAttempt
from tracker.vocabulary import AttemptState


def list_open_attempts(unit: Unit, centre_id: int) -> list[UnitAttempt]:
    """The attempts in progress on this version at a centre, by candidate."""
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


def find_successors(claim_ids: Iterable[int]) -> dict[int, list[int]]:
    """What claims have become that followed a move."""
    query = select(MovedClaim.from_claim_id, MovedClaim.claim_id).where(MovedClaim.from_claim_id.in_(list(claim_ids)))
    found: dict[int, list[int]] = {}
    for old, new in db.session.execute(query.order_by(MovedClaim.claim_id)):
        found.setdefault(old, []).append(new)
    return found


def list_moved(older: Unit, newer: Unit, centre_id: int) -> list[tuple[AttemptMove, UnitAttempt]]:
    """The moves from one version to the other at a centre, the newest first."""
    query = (
        select(AttemptMove, UnitAttempt)
        .join(UnitAttempt, UnitAttempt.id == AttemptMove.attempt_id)
        .where(
            AttemptMove.from_unit_id == older.id,
            AttemptMove.to_unit_id == newer.id,
            UnitAttempt.centre_id == centre_id,
        )
        .options(joinedload(UnitAttempt.candidate), joinedload(AttemptMove.moved_by))
        .order_by(AttemptMove.id.desc())
    )
    return [(move, attempt) for move, attempt in db.session.execute(query)]
